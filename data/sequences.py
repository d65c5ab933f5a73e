"""`temporal_order`, `adding`, `copy`: small tasks for recurrent nets, from seeded generators.

A row of an image is a step. The generators are functions of a `numpy.random.Generator`.
"""

from collections.abc import Callable

import numpy as np

from dsplet.data.registry import dataset
from dsplet.data.splits import Samples, Splits

TRAIN, CALIBRATION, TEST = 20_000, 500, 2_560
LSTM = "Hochreiter and Schmidhuber, Neural Computation 9(8):1735-1780, 1997"
SYMBOLS = "abcdXYBE"
STEPS = 100
MIDDLE = 128
"""The grey level that stands for 0 where 0..255 are -1 to 1."""
COPIED, BLANKS, ALPHABET = 10, 20, 8


Make = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def drawn(name: str, seed: int, make: Make, train: int = TRAIN) -> Splits:
    """make(rng, n) gives uint8 images (n, steps, width) and labels."""
    parts = []
    for offset, n in enumerate((train, CALIBRATION, TEST)):
        images, labels = make(np.random.default_rng([seed, offset]), n)
        parts.append(Samples(images, labels, np.arange(n)))
    return Splits(name, *parts)


def order_sequences(rng: np.random.Generator, n: int, steps: int = STEPS
                    ) -> tuple[np.ndarray, np.ndarray]:
    """Task 6a: E, then a to d at random but for two marked places that hold X or Y, then B. The
    class is which of XX, XY, YX, YY. `steps` to `steps` + 10 symbols, after rows of zeros; the
    marks are among 10 % to 20 % and 50 % to 60 % of `steps`."""
    longest = steps + 10
    length = rng.integers(steps, longest + 1, n)
    symbols = rng.integers(0, 4, (n, longest))
    start, rows = longest - length, np.arange(n)
    symbols[rows, start], symbols[:, -1] = SYMBOLS.index("E"), SYMBOLS.index("B")
    marks = rng.integers(0, 2, (n, 2))
    for i, (low, high) in enumerate(((10, 20), (50, 60))):
        at = start + rng.integers(low * steps // 100, high * steps // 100 + 1, n)
        symbols[rows, at] = SYMBOLS.index("X") + marks[:, i]
    images = 255 * np.eye(len(SYMBOLS), dtype=np.int64)[symbols]
    images[np.arange(longest) < start[:, None]] = 0
    return images.astype(np.uint8), (2 * marks[:, 0] + marks[:, 1]).astype(np.uint8)


def adding_sequences(rng: np.random.Generator, n: int, steps: int = STEPS
                     ) -> tuple[np.ndarray, np.ndarray]:
    """Task 4: pairs of a number in [-1, 1) and a marker; two numbers X1 and X2 are marked by 1, the
    first and the last pair by -1. Wanted is 0.5 + (X1 + X2) / 4, in the grey levels' own exact
    numbers. `steps` to `steps` + 10 pairs, after rows of nothing; the first mark is among the first
    ten pairs after the first, the other before the middle."""
    longest = steps + 10
    start, rows = longest - rng.integers(steps, longest + 1, n), np.arange(n)
    images = np.full((n, longest, 2), MIDDLE)
    images[:, :, 0] = rng.integers(0, 256, (n, longest))
    first = rng.integers(1, 11, n)
    second = rng.integers(1, steps // 2 - 1, n)
    second += second >= first
    for at in (start + first, start + second):
        images[rows, at, 1] = 255
    total = sum(images[rows, start + at, 0] / MIDDLE - 1 for at in (first, second))
    images[rows, start, 1] = images[:, -1, 1] = 0
    images[np.arange(longest) < start[:, None]] = MIDDLE
    return images.astype(np.uint8), (0.5 + total / 4).astype(np.float32)[:, None]


def copy_sequences(rng: np.random.Generator, n: int, blanks: int = BLANKS
                   ) -> tuple[np.ndarray, np.ndarray]:
    """COPIED symbols of ALPHABET, `blanks` steps of nothing, a signal, and COPIED - 1 steps of
    nothing. Wanted are the symbols again, one a step from the signal on: classes (n, COPIED)."""
    symbols = rng.integers(0, ALPHABET, (n, COPIED), np.uint8)
    images = np.zeros((n, 2 * COPIED + blanks, ALPHABET + 1), np.uint8)
    images[:, :COPIED, :-1] = 255 * np.eye(ALPHABET, dtype=np.uint8)[symbols]
    images[:, COPIED + blanks, -1] = 255
    return images, symbols


@dataset("temporal_order", title="110 symbols: the order of two relevant ones, in four classes",
         source=f"{LSTM}, task 6a", image_shape=(STEPS + 10, len(SYMBOLS)))
def temporal_order() -> Splits:
    """20,000 sequences to train, 500 to calibrate, 2,560 to test."""
    return drawn("temporal_order", 1998, order_sequences)


@dataset("adding", title="110 numbers, two of them marked: half their mean, and a half",
         source=f"{LSTM}, task 4", image_shape=(STEPS + 10, 2))
def adding() -> Splits:
    """20,000 sequences to train, 500 to calibrate, 2,560 to test."""
    return drawn("adding", 1997, adding_sequences)


@dataset("copy", title=f"{COPIED} symbols of {ALPHABET}, to be said again {BLANKS} steps later",
         source=f"{LSTM}, after; as in Arjovsky, Shah and Bengio, ICML 2016, with {BLANKS} blanks",
         image_shape=(2 * COPIED + BLANKS, ALPHABET + 1))
def copy() -> Splits:
    """20,000 sequences to train, 500 to calibrate, 2,560 to test."""
    return drawn("copy", 2016, copy_sequences)
