"""Making an image fit a net: its size by padding or resampling, its values by a linear map.

All resampling is exact integer arithmetic with one rounding (half up), so that every machine feeds
a net the same pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from dsplet.base.errors import shown
from dsplet.data.splits import DataError

SCALING = {"dsplet.input_scale": "--input-scale", "dsplet.input_offset": "--input-offset"}
"""The keys of a network's metadata that say how whole numbers become its input, and the options
that override them."""
MOST_SCALE = 1e30
"""Times a whole number of 16 bits it is a number of float32."""
_NUMBER = re.compile(r"[-+]?[0-9]{0,30}(\.[0-9]{0,30})?(e[-+]?[0-9]{1,3})?(/[0-9]{1,30})?",
                     re.IGNORECASE)
"""No longer than what is worked out at once: ten to a billion is a number of a billion digits."""

PAD_BELOW = 2  # an image that grows less than this is padded; more, it is enlarged
MNIST_FRAME = (28, 28)
MNIST_BOX = 20  # MNIST sets digits of 20x20 pixels in a frame of 28x28


@dataclass(frozen=True)
class Scaling:
    """What a net reads of a whole number q: x = q * scale + offset. One of each, or of either one
    for each channel, which are the first axis of a sample, or the last."""

    scale: tuple[float, ...]
    offset: tuple[float, ...] = (0.0,)

    @classmethod
    def from_facts(cls, facts: Mapping[str, str], scale: str | None = None,
                   offset: str | None = None) -> Scaling | None:
        """That of a network with this metadata; None where it says nothing.

        scale, offset: options that override it. Each is a decimal number or a fraction such as
        "1/256", or several with commas between them. Raises DataError for what is none, and for a
        scale of 0.
        """
        found = [(option, given) if given is not None else (key, facts.get(key))
                 for (key, option), given in zip(SCALING.items(), (scale, offset), strict=True)]
        (name, text), (beside, other) = found
        if text is None:
            if offset is not None:
                raise DataError("--input-offset goes with --input-scale", remedy="give both")
            return None
        known = cls(_numbers(name, text), _numbers(beside, "0" if other is None else other))
        if not all(known.scale):
            raise DataError(f"{name} {text} makes all samples alike", expected="no 0")
        return known

    @property
    def facts(self) -> dict[str, str]:
        """The metadata that `from_facts` reads."""
        return {key: ",".join(map(repr, numbers))
                for key, numbers in zip(SCALING, (self.scale, self.offset), strict=True)}

    @property
    def table(self) -> np.ndarray | None:
        """x of every pixel value, float32 (256,); None where channels differ."""
        alike = len(self.scale) == len(self.offset) == 1
        return self(np.arange(256)[:, None])[:, 0] if alike else None

    def __call__(self, levels: np.ndarray) -> np.ndarray:
        """Integers (N, C, ...) as float32, evaluated in double precision. Raises DataError where
        there are not as many channels."""
        channels = max(len(self.scale), len(self.offset))
        axis = next((i for i in (1, levels.ndim - 1) if levels.shape[i] == channels), 0)
        if any(len(n) not in (1, channels) for n in (self.scale, self.offset)) or (
                channels > 1 and not axis):
            raise DataError(f"--input-scale and --input-offset have {len(self.scale)} and "
                            f"{len(self.offset)} numbers, the samples are {levels.shape[1:]}",
                            expected="one, or one for each channel")
        along = [-1 if i == axis else 1 for i in range(1, levels.ndim)]
        scale, offset = (np.array(n).reshape(along if len(n) > 1 else ())
                         for n in (self.scale, self.offset))
        return (levels * scale + offset).astype(np.float32)


@dataclass(frozen=True)
class Normalization:
    """A Scaling of images in one channel: x = p * scale + offset of a pixel p in 0..255."""

    scale: float
    offset: float

    @property
    def table(self) -> np.ndarray:
        """x of every pixel value, float32 (256,)."""
        found = Scaling((self.scale,), (self.offset,)).table
        assert found is not None
        return found

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """uint8 images (N, H, W) as a net's input, float32 (N, 1, H, W)."""
        return self.table[images][:, None]


def _numbers(name: str, text: str) -> tuple[float, ...]:
    """name: the key or option that has it."""
    return tuple(_number(name, part) for part in text.split(","))


def _number(name: str, text: str) -> float:
    try:
        if _NUMBER.fullmatch(text.strip()) and abs(value := float(Fraction(text))) < MOST_SCALE:
            return value
    except (ValueError, ZeroDivisionError, OverflowError):
        pass
    raise DataError(f"{shown(text)} is not a number", where=name,
                    expected="one such as 0.5 or 1/256")


def fit(images: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """uint8 images (N, H, W) brought to `shape`, uint8.

    - the same shape: unchanged
    - growing less than twofold: centred, on a background of zeros (16 -> 28 adds 6 on each side)
    - growing more (8 -> 16): enlarged, bilinear with pixel centres aligned
    - shrinking: each pixel is the mean of the area it covers; of a 28x28 frame only the central
      20x20 box counts, as MNIST sets its digits (28 -> 16 is 20 -> 16)
    """
    if images.dtype != np.uint8 or images.ndim != 3:
        raise DataError(f"images are {images.dtype} {images.shape}", expected="uint8 (N, H, W)")
    height, width = images.shape[1:]
    if (height, width) == shape:
        return images
    if all(n <= m < PAD_BELOW * n for n, m in zip((height, width), shape, strict=True)):
        top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
        padded = np.zeros((len(images), *shape), np.uint8)
        padded[:, top : top + height, left : left + width] = images
        return padded
    if (height, width) == MNIST_FRAME and max(shape) <= MNIST_BOX:
        edge = (height - MNIST_BOX) // 2
        images = images[:, edge:-edge, edge:-edge]
    return resized(images, shape)


def resized(images: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """uint8 images (N, H, W) at `shape`, uint8: each way, the mean of the area that a pixel covers
    where they shrink, bilinear with pixel centres aligned where they grow."""
    rows, columns = (_weights(n, m) for n, m in zip(images.shape[1:], shape, strict=True))
    total = int(rows[0].sum() * columns[0].sum())
    # Sums stay below 2^53: float64 holds them exactly in whatever order they are added.
    exact = np.matmul(np.matmul(rows, images.astype(np.float64)), columns.T).astype(np.int64)
    return ((2 * exact + total) // (2 * total)).astype(np.uint8)


def _weights(n: int, m: int) -> np.ndarray:
    """What each of `m` new pixels takes from `n` old ones: whole numbers, float64 (m, n).

    All rows have the same sum. Old pixel j covers [j*m, (j+1)*m), new pixel i [i*n, (i+1)*n).
    """
    i, j = np.arange(m)[:, None], np.arange(n)[None, :]
    if m <= n:
        overlap = np.minimum((i + 1) * n, (j + 1) * m) - np.maximum(i * n, j * m)
        return np.maximum(overlap, 0).astype(np.float64)
    # Centres at (2j+1)*m and (2i+1)*n; a triangle of half-width 2m around the new centre,
    # the new centre being held inside the outermost old ones.
    centre = np.clip((2 * i + 1) * n, m, (2 * n - 1) * m)
    return np.maximum(2 * m - np.abs(centre - (2 * j + 1) * m), 0).astype(np.float64)
