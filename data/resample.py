"""Making an image fit a net: its size by padding or resampling, its values by a linear map.

All resampling is exact integer arithmetic with one rounding (half up), so that every machine feeds
a net the same pixels.
"""

from dataclasses import dataclass

import numpy as np

from dsplet.data.splits import DataError

PAD_BELOW = 2  # an image that grows less than this is padded; more, it is enlarged
MNIST_FRAME = (28, 28)
MNIST_BOX = 20  # MNIST sets digits of 20x20 pixels in a frame of 28x28


@dataclass(frozen=True)
class Normalization:
    """What a net sees of a pixel p in 0..255: x = p * scale + offset, as float32."""

    scale: float
    offset: float

    @property
    def table(self) -> np.ndarray:
        """x of every pixel value, float32 (256,); evaluated in double precision."""
        return (np.arange(256) * self.scale + self.offset).astype(np.float32)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """uint8 images (N, H, W) as a net's input, float32 (N, 1, H, W)."""
        return self.table[images][:, None]


@dataclass(frozen=True)
class Scaling:
    """What a net reads of a whole number q: x = q * scale + offset. One of each, or of either one
    for each channel, which are the first axis of a sample, or the last."""

    scale: tuple[float, ...]
    offset: tuple[float, ...] = (0.0,)

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

    @property
    def texts(self) -> tuple[str, str]:
        """The two as options spell them."""
        scale, offset = (",".join(map(repr, n)) for n in (self.scale, self.offset))
        return scale, offset


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
