"""Pictures: a user's own as samples, and lines of writing as a network sees them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dsplet.base.errors import door
from dsplet.base.files import check_readable
from dsplet.data.normalise import at_height
from dsplet.data.resample import fit
from dsplet.data.source import Wanted
from dsplet.data.splits import DataError

if TYPE_CHECKING:
    from PIL import Image

INK_ROWS = 22 / 32
"""Of the height: what a line of MNIST's digits fills."""
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""What is read. Pillow has readers that start other programs."""
INK = 64
"""Grey levels that stand out from the background."""
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""How a network of so many channels sees a picture."""
DEEP = ("I", "F")
"""How modes begin of more than 8 bits a level."""


def load_pictures(paths: list[Path], wanted: Wanted) -> np.ndarray:
    """A file a sample, uint8 (N, C, H, W), or (N, H, W, C) where the network reads that. A grey
    network sees the luminance of colours, a colour network grey as it is.

    Raises DataError, FileError; where the sizes are not the network's and it may not be resized.
    """
    shape = wanted.only() if len(wanted.only()) == 3 else (1, *wanted.only())
    last = len(shape) == 3 and shape[0] not in MODES and shape[2] in MODES
    if len(shape) != 3 or not last and shape[0] not in MODES:
        raise DataError(f"the network reads (N, {', '.join(map(str, wanted.only()))}), no pictures",
                        expected="(N, C, H, W) of 1, 3 or 4 channels")
    height, width, channels = shape if last else (*shape[1:], shape[0])
    found = []
    for path in paths:
        levels = _read(path, MODES[channels])
        planes = levels[None] if levels.ndim == 2 else np.moveaxis(levels, 2, 0)
        if planes.shape[1:] != (height, width):
            if not wanted.resize:
                raise DataError(f"is {planes.shape[1]} rows of {planes.shape[2]} pixels, the "
                                f"network reads {height} of {width}", where=str(path),
                                remedy="--resize brings pictures to its size")
            planes = fit(planes, (height, width))
        found.append(planes)
    pictures = np.stack(found)
    return np.moveaxis(pictures, 1, 3) if last else pictures


def load_line(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """The picture in a file of one of FORMATS, uint8 `shape` (H, W), 0 background, 255 ink.

    Light paper is turned dark. A picture of another shape is cut to what is written, which is
    brought to INK_ROWS of H and set in the middle. Raises DataError, FileError.
    """
    grey = _read(path, "L")
    if np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])) > 127:
        grey = 255 - grey
    if grey.shape == shape:
        return grey
    rows, columns = (np.flatnonzero((grey >= INK).any(axis)) for axis in (1, 0))
    if not len(rows):
        raise DataError(f"nothing is written on it: no pixel is {INK} grey levels from its "
                        "background", where=str(path))
    ink = grey[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    ink = at_height(ink, round(INK_ROWS * shape[0]))
    free = shape[1] - ink.shape[1]
    if free < 0:
        raise DataError(f"{ink.shape[1]} columns wide where it is {shape[0]} high; the network "
                        f"reads {shape[1]}", where=str(path), remedy="export it with --input "
                        f"1x{shape[0]}x{ink.shape[1] + shape[0]}, or cut the picture")
    line, top = np.zeros(shape, np.uint8), (shape[0] - len(ink)) // 2
    line[top:top + len(ink), free // 2:free // 2 + ink.shape[1]] = ink
    return line


def _read(path: Path, mode: str) -> np.ndarray:
    """The levels, uint8 (H, W) or (H, W, C). mode: one of MODES."""
    import warnings

    from PIL import Image
    check_readable(path)
    # Pillow's readers raise whatever comes to them on a damaged file, SyntaxError among it.
    with (door(path, Exception, what="not a picture that can be read", kind=DataError),
          warnings.catch_warnings()):
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=FORMATS) as picture:
                return np.asarray(_upright(picture, mode).convert(mode))
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise DataError("too large a picture", expected=f"at most {Image.MAX_IMAGE_PIXELS:,} "
                            "pixels") from None
        except Image.UnidentifiedImageError:
            raise DataError("not a picture that can be read",
                            expected=" or ".join(FORMATS)) from None


def _upright(picture: Image.Image, mode: str) -> Image.Image:
    """The picture as people see it: the way up that its camera noted, on white where it can be
    seen through and the network has no channel for that. Raises DataError."""
    from PIL import Image, ImageOps
    if picture.format != "MPO" and (frames := getattr(picture, "n_frames", 1)) > 1:
        raise DataError(f"has {frames} frames or pages", expected="one picture",
                        remedy="give a file for each")
    if picture.mode.startswith(DEEP):
        raise DataError("has more than 8 bits a level", remedy="give an array, a .npz")
    picture = ImageOps.exif_transpose(picture)
    if mode != "RGBA" and picture.has_transparency_data:
        seen = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return picture

