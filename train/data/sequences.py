"""Sequence tasks made by a seeded generator: `adding`, `temporal_order`, `oscillator`.

An image is a sequence, one row a step. Where the answer is a number rather than a class, the label
is 255 times it, rounded.
"""

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


def adding_sequences(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (u, marker); the answer is 0.5 + (X1 + X2) / 4 of the two marked numbers u in [-1, 1],
    one among the first ten, one among the first half."""
    u = rng.integers(0, 256, (n, STEPS))
    first = rng.integers(0, 10, n)
    second = rng.integers(0, STEPS // 2 - 1, n)
    second += second >= first
    rows = np.arange(n)
    marker = np.zeros((n, STEPS), np.int64)
    marker[rows, first] = marker[rows, second] = 255
    total = (u[rows, first] + u[rows, second]) / 127.5 - 2
    return (np.stack([u, marker], 2).astype(np.uint8),
            np.floor(255 * (0.5 + total / 4) + 0.5))


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


def oscillator_sequences(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """x'' + 2 d w x' + w^2 x = w^2 f with d = 0.2, one period in 20 steps, from rest, driven by a
    force in [-1, 1] that changes every ten steps; the answer is (1 + x / 2) / 2 at the end. Solved
    exactly from step to step (zero-order hold)."""
    w, d = 2 * np.pi / 20, 0.2
    eigen, vectors = np.linalg.eig(np.array([[0, 1], [-w * w, -2 * d * w]]))
    step = (vectors @ np.diag(np.exp(eigen)) @ np.linalg.inv(vectors)).real
    pushed = (np.eye(2) - step) @ np.array([1.0, 0.0])  # towards the force's own equilibrium
    force = np.repeat(rng.integers(0, 256, (n, STEPS // 10)), 10, 1)
    state = np.zeros((n, 2))
    for t in range(STEPS):
        state = state @ step.T + np.outer(force[:, t] / 127.5 - 1, pushed)
    answer = np.clip(0.5 + state[:, 0] / 4, 0, 1)
    return force[:, :, None].astype(np.uint8), np.floor(255 * answer + 0.5)


@dataset("adding", title="100 pairs of a number and a mark: the sum of the two marked numbers",
         source=f"{LSTM}, section 5.4; and NIPS 9:473-479, 1997", image_shape=(STEPS, 2))
def adding() -> Splits:
    """20,000 sequences to train, 500 to calibrate, 2,560 to test."""
    return _splits("adding", 1997, adding_sequences)


@dataset("temporal_order", title="110 symbols: the order of two relevant ones, in four classes",
         source=f"{LSTM}, task 6a", image_shape=(STEPS + 10, len(SYMBOLS)))
def temporal_order() -> Splits:
    """20,000 sequences to train, 500 to calibrate, 2,560 to test."""
    return _splits("temporal_order", 1998, order_sequences)


@dataset("oscillator", title="100 steps of a force: where a damped oscillator is at the end",
         source="a linear differential equation, solved exactly", image_shape=(STEPS, 1))
def oscillator() -> Splits:
    """20,000 sequences to train, 500 to calibrate, 2,560 to test."""
    return _splits("oscillator", 2013, oscillator_sequences)
