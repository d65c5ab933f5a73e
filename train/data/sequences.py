"""`temporal_order`: symbols from a seeded generator, of which two matter. A row is a step."""

import numpy as np

from train.data.registry import dataset
from train.data.splits import Samples, Splits

TRAIN, CALIBRATION, TEST = 20_000, 500, 2_560
LSTM = "Hochreiter and Schmidhuber, Neural Computation 9(8):1735-1780, 1997"
SYMBOLS = "abcdXYBE"
STEPS = 100


def _splits(name: str, seed: int, make) -> Splits:
    """make(rng, n) gives uint8 images (n, steps, width) and labels (n,)."""
    parts = []
    for offset, n in enumerate((TRAIN, CALIBRATION, TEST)):
        images, labels = make(np.random.default_rng([seed, offset]), n)
        parts.append(Samples(images, labels.astype(np.uint8), np.arange(n)))
    return Splits(name, *parts)


def order_sequences(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Task 6a: E, then a to d at random but for two marked places that hold X or Y, then B. The
    class is which of XX, XY, YX, YY. 100 to 110 symbols, after rows of zeros up to 110."""
    longest = STEPS + 10
    length = rng.integers(STEPS, longest + 1, n)
    symbols = rng.integers(0, 4, (n, longest))
    start, rows = longest - length, np.arange(n)
    symbols[rows, start], symbols[:, -1] = SYMBOLS.index("E"), SYMBOLS.index("B")
    marks = rng.integers(0, 2, (n, 2))
    for i, (low, high) in enumerate(((10, 20), (50, 60))):
        at = start + rng.integers(low, high + 1, n)
        symbols[rows, at] = SYMBOLS.index("X") + marks[:, i]
    images = 255 * np.eye(len(SYMBOLS), dtype=np.int64)[symbols]
    images[np.arange(longest) < start[:, None]] = 0
    return images.astype(np.uint8), 2 * marks[:, 0] + marks[:, 1]


@dataset("temporal_order", title="110 symbols: the order of two relevant ones, in four classes",
         source=f"{LSTM}, task 6a", image_shape=(STEPS + 10, len(SYMBOLS)))
def temporal_order() -> Splits:
    """20,000 sequences to train, 500 to calibrate, 2,560 to test."""
    return _splits("temporal_order", 1998, order_sequences)
