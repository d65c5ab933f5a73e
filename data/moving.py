"""`moving`: clips of a digit that moves one of eight ways, or stays; the frames stand below one
another.

Made here, seeded, of the digits of scikit-learn: volumetric images and video are the last of the
signals that LeCun's lectures of 2021 name for convolutional networks. Where the digit is at
mid-clip is drawn alike for all ways, and it may come from beyond the edge or leave: no single frame
tells where it goes. Test clips are of test digits.
"""

import numpy as np

from dsplet.data import digits
from dsplet.data.registry import dataset
from dsplet.data.splits import Samples, Splits

SEED = 2021
FRAMES, SIZE, DIGIT = 8, 16, 8
TRAIN, CALIBRATION, TEST = 6_000, 500, 1_000
WAYS = ("stays", "right", "right down", "down", "left down", "left", "left up", "up", "right up")
STEPS = np.array([(0, 0), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)])
"""Rows and columns a frame, of each way."""
NOISE = 16.0
"""Standard deviation of every pixel of every frame, in grey levels."""
OVER = DIGIT // 2
"""Pixels of the digit's square that may be beyond an edge at mid-clip."""


def clips(source: Samples, count: int, random: np.random.RandomState
          ) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images (count, FRAMES * SIZE, SIZE), and which of WAYS (count,)."""
    labels = random.randint(0, len(WAYS), count)
    ink = source.images[random.randint(0, len(source), count)]
    middle = random.randint(-OVER, SIZE - DIGIT + OVER + 1, (count, 2))
    edge = FRAMES + OVER  # how far beyond the picture a digit can be
    wide = np.zeros((count, FRAMES, SIZE + 2 * edge, SIZE + 2 * edge))
    square = np.arange(DIGIT)
    for t in range(FRAMES):
        top, left = (edge + middle + (t - FRAMES // 2) * STEPS[labels]).T
        rows, columns = top[:, None] + square, left[:, None] + square
        wide[np.arange(count)[:, None, None], t, rows[:, :, None], columns[:, None]] = ink
    seen = wide[:, :, edge:-edge, edge:-edge]
    seen = seen + random.normal(0, NOISE, seen.shape)
    images = np.clip(np.floor(seen + 0.5), 0, 255).astype(np.uint8)
    return images.reshape(count, FRAMES * SIZE, SIZE), labels.astype(np.uint8)


@dataset(
    "moving",
    title=f"{FRAMES} frames of {SIZE}x{SIZE}: which way a digit moves, of {len(WAYS)}: 6,000 "
    "train, 500 calibration, 1,000 test",
    source="made here, seeded, of the digits of scikit-learn",
    image_shape=(FRAMES * SIZE, SIZE),
)
def load() -> Splits:
    """Clips of training, of calibration and of test digits."""
    source, random = digits.load(), np.random.RandomState(SEED)
    parts = ((source.train, TRAIN), (source.calibration, CALIBRATION), (source.test, TEST))
    return Splits("moving", *(Samples(*clips(of, n, random), np.arange(n)) for of, n in parts))
