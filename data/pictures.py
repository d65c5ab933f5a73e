"""Pictures of lines of writing, as a network sees them."""

from pathlib import Path

import numpy as np

from dsplet.data.splits import DataError

INK_ROWS = 22 / 32
"""Of the height: what a line of MNIST's digits fills."""
INK = 64
"""Grey levels that stand out from the background."""


def load_line(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """The picture in a file that Pillow reads, uint8 `shape` (H, W), 0 background, 255 ink.

    Light paper is turned dark. A picture of another shape is cut to what is written, which is
    brought to INK_ROWS of H and set in the middle. Raises DataError.
    """
    grey = _read(path)
    if np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])) > 127:
        grey = 255 - grey
    if grey.shape == shape:
        return grey
    rows, columns = (np.flatnonzero((grey >= INK).any(axis)) for axis in (1, 0))
    if not len(rows):
        raise DataError(f"{path}: nothing is written on it: no pixel is {INK} grey levels from its "
                        "background")
    ink = grey[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    ink = _enlarged(ink, round(INK_ROWS * shape[0]))
    free = shape[1] - ink.shape[1]
    if free < 0:
        raise DataError(f"{path}: {ink.shape[1]} columns wide where it is {shape[0]} high; the "
                        f"network reads {shape[1]}: export it with --input "
                        f"1x{shape[0]}x{ink.shape[1] + shape[0]}, or cut the picture")
    line, top = np.zeros(shape, np.uint8), (shape[0] - len(ink)) // 2
    line[top:top + len(ink), free // 2:free // 2 + ink.shape[1]] = ink
    return line


def _read(path: Path) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a picture that can be read: {error}") from None


def _enlarged(ink: np.ndarray, height: int) -> np.ndarray:
    """`ink` at that height, its width in proportion; pixels are averaged where it shrinks."""
    from PIL import Image
    width = max(1, round(ink.shape[1] * height / ink.shape[0]))
    return np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR))
