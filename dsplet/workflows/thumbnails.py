"""Samples that are pictures, as small pictures."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np

from dsplet.data.feed import Batch

MOST_PIXELS = 64
"""Of a side."""
LEAST_PIXELS = 8
"""Of a side: what is narrower is a signal."""
CHANNELS = (1, 3)


def thumbnails(samples: Batch, index: Iterable[int]) -> dict[int, bytes]:
    """PNGs by the samples' positions in their data set, of those in `index`: the smallest number of
    a sample is black, the largest white. None where the network reads no pictures, (H, W) or
    (channels, H, W) of grey or red, green and blue."""
    if len(samples.x) != 1:
        return {}
    x, = samples.x.values()
    if x.ndim == 3:
        x = x[:, None]
    if x.ndim != 4 or x.shape[1] not in CHANNELS or min(x.shape[2:]) < LEAST_PIXELS:
        return {}
    places = {int(i): k for k, i in enumerate(samples.index)}
    return {i: _png(x[places[i]]) for i in index}


def _png(pixels: np.ndarray) -> bytes:
    """Of (channels, H, W)."""
    from PIL import Image
    low, high = float(pixels.min()), float(pixels.max())
    levels = np.floor((pixels - low) * (255 / max(high - low, 1e-30)) + 0.5).astype(np.uint8)
    image = Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0).copy())
    image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    image.save(content := io.BytesIO(), "PNG", optimize=True)
    return content.getvalue()
