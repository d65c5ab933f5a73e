"""Maps of numbers as one picture: grey levels, beside each other, a row for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np

Reals = np.ndarray[Any, np.dtype[np.float64]]
ENDING = ".png"
COLUMNS = 16
"""Maps beside each other at most."""
MAP_PIXELS, CELL_PIXELS = 64, 16
"""Small maps are enlarged to about so many pixels; a single number, which has no neighbours, is
drawn as large as that."""
GAP, ROW_GAP = 2, 8
BETWEEN = (70, 110, 160)
"""Red, green, blue of what is no number."""


def maps_of(values: Reals) -> Reals:
    """The numbers of one sample, of any shape, as maps (M, H, W): a row of numbers is one map
    each, the last two of more axes are a map's rows and columns."""
    if values.ndim < 2:
        return values.reshape(-1, 1, 1)
    return values.reshape(-1, *values.shape[-2:])


def sheet(rows: Sequence[Reals], apart: bool = False) -> bytes:
    """A PNG of maps (M, H, W), for each row as many; the smallest number of all, or of its own map
    where they stand apart, is black, the largest white. Equal maps give equal bytes."""
    from PIL import Image
    axes = (1, 2) if apart else None
    low, high = (ends if apart else [end(ends)] * len(rows) for ends, end in (
        ([r.min(axes, keepdims=True) for r in rows], min),
        ([r.max(axes, keepdims=True) for r in rows], max)))
    count, height, width = rows[0].shape
    scale = min(CELL_PIXELS, max(1, MAP_PIXELS // max(height, width)))
    columns = min(count, COLUMNS)
    lines = -(-count // columns)
    tall, wide = height * scale + GAP, width * scale + GAP
    block = lines * tall + ROW_GAP
    pixels = np.empty((len(rows) * block - ROW_GAP + GAP, columns * wide + GAP, 3), np.uint8)
    pixels[:] = BETWEEN
    for i, row in enumerate(rows):
        reach = np.maximum(high[i] - low[i], 1e-300)
        levels = np.floor((row - low[i]) * (255 / reach) + 0.5).astype(np.uint8)
        for j, level in enumerate(levels.repeat(scale, 1).repeat(scale, 2)):
            y, x = i * block + j // columns * tall + GAP, j % columns * wide + GAP
            pixels[y:y + height * scale, x:x + width * scale] = level[..., None]
    Image.fromarray(pixels).save(content := BytesIO(), "PNG")
    return content.getvalue()
