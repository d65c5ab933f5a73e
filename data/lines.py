"""`lines`: five digits in a row, to be read as a whole; `windows`: what a recogniser that slides
over such lines sees. `small_lines` and `small_windows` are made of the digits of scikit-learn.

After LeCun, Bottou, Bengio and Haffner, Proc. IEEE 86(11), 1998, section VII: a digit is flanked by
its neighbours, their boxes -1 to 4 pixels apart, and one class says that no digit is in the middle.
Test lines are of test digits, calibration lines of training digits that no training line has. The
generator is NumPy's `RandomState`, whose streams are promised to stay as they are.
"""

from dataclasses import dataclass

import numpy as np

from dsplet.data import digits, mnist
from dsplet.data.registry import dataset
from dsplet.data.resample import fit
from dsplet.data.splits import LateSplits, Samples, Splits

SEED = 1992
DIGITS = 5
HEIGHT, WIDTH, WINDOW = 32, 152, 32
"""A ZIP code's 152 columns hold 31 windows, 4 apart (Matan et al., NIPS 4, 1992)."""
GAPS = range(-1, 5)
BEARING = 12
"""Pixels that a narrow digit takes: a 1 has white on both sides."""
MARGIN = 10
JITTER = 1
"""Rows that a digit may stand too high or too low."""
CENTRED, APART = 3, 5
"""Pixels from a digit's middle to a window's: at most CENTRED, it is the window's class; at least
APART of every digit, the window is blank."""
SOURCE = ("made here, seeded, of {}; after LeCun, Bottou, Bengio and Haffner, Proc. IEEE 86(11), "
          "1998, section VII")


@dataclass(frozen=True)
class Lines:
    """images: uint8 (N, HEIGHT, WIDTH). classes: uint8 (N, DIGITS), 1 + the digit, from left to
    right. centres: (N, DIGITS), the pixel column of each digit's middle."""

    images: np.ndarray
    classes: np.ndarray
    centres: np.ndarray


def compose(source: Samples, count: int, random: np.random.RandomState) -> Lines:
    """`count` lines. Every digit of the source is used before one is used again."""
    turns = -(-count * DIGITS // len(source))
    picked = np.concatenate([random.permutation(len(source)) for _ in range(turns)])
    picked = picked[:count * DIGITS].reshape(count, DIGITS)
    frames = _frames(source.images)
    first, last = _box(frames)
    images, centres = np.zeros((count, HEIGHT, WIDTH), np.uint8), np.zeros((count, DIGITS), int)
    for n, row in enumerate(picked):
        gaps = random.randint(GAPS.start, GAPS.stop, DIGITS - 1)
        tops = random.randint(-JITTER, JITTER + 1, DIGITS)
        taken = np.maximum(last[row] - first[row], BEARING)
        starts = np.concatenate([[0], np.cumsum(taken[:-1] + gaps)])
        free = WIDTH - 2 * MARGIN - (starts[-1] + taken[-1])
        starts += MARGIN + random.randint(0, max(free, 0) + 1)
        for i, d in enumerate(row):
            width = last[d] - first[d]
            x = starts[i] + (taken[i] - width) // 2
            seen = images[n, :, x:x + width]
            ink = np.roll(frames[d], tops[i], 0)[:, first[d]:last[d]]
            np.maximum(seen, ink[:, :seen.shape[1]], out=seen)
            centres[n, i] = x + width // 2
    return Lines(images, source.labels[picked] + np.uint8(1), centres)


def _frames(images: np.ndarray) -> np.ndarray:
    """Digits as MNIST frames them: 20 pixels high in the middle of HEIGHT rows, (N, 32, 28)."""
    if images.shape[1:] != (28, 28):
        images = np.pad(fit(images, (20, 20)), ((0, 0), (4, 4), (4, 4)))
    edge = (HEIGHT - 28) // 2
    return np.pad(images, ((0, 0), (edge, edge), (0, 0)))


def _box(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns [first, last) of each image that have ink."""
    ink = np.asarray(images.any(1))
    return ink.argmax(1), ink.shape[1] - ink[:, ::-1].argmax(1)


def cut(lines: Lines, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Windows of lines, uint8 (M, HEIGHT, WINDOW), and their classes (M,): one for each digit, and
    about one blank for two digits."""
    half, (n, _) = WINDOW // 2, lines.centres.shape
    padded = np.pad(lines.images, ((0, 0), (0, 0), (half, half)))
    rows = np.repeat(np.arange(n), DIGITS)
    shift = random.randint(-CENTRED, CENTRED + 1, lines.centres.size)
    middles = lines.centres.reshape(-1) + shift
    wild = random.randint(0, WIDTH, lines.centres.size)
    apart = np.abs(wild[:, None] - lines.centres[rows]).min(1) >= APART
    rows, middles = np.concatenate([rows, rows[apart]]), np.concatenate([middles, wild[apart]])
    classes = np.concatenate([lines.classes.reshape(-1), np.zeros(int(apart.sum()), np.uint8)])
    order = random.permutation(len(rows))
    rows, middles = rows[order], middles[order]
    columns = middles[:, None] + np.arange(WINDOW)
    images = np.ascontiguousarray(padded[rows[:, None], :, columns].swapaxes(1, 2))
    return images, classes[order]


def _parts(splits: Splits, counts: dict[str, int], whole: bool) -> Splits:
    """Lines, or the windows of lines, of a set of single digits."""
    def part(name: str) -> Samples:
        random = np.random.RandomState([SEED, *name.encode()])
        lines = compose(getattr(splits, name), counts[name], random)
        images, labels = (lines.images, lines.classes) if whole else cut(lines, random)
        return Samples(images, labels, np.arange(len(labels)))

    name = f"{'' if splits.name == 'mnist' else 'small_'}{'lines' if whole else 'windows'}"
    return LateSplits(name, lambda: (part("train"), part("calibration")), part("test"))


MNIST = {"train": 12_000, "calibration": 500, "test": 1_000}
SMALL = {"train": 1_000, "calibration": 100, "test": 200}


@dataset("lines", title="32x152 lines of five MNIST digits: 12,000 train, 500 calibration, 1,000 "
         "test", source=SOURCE.format("MNIST's digits"), image_shape=(HEIGHT, WIDTH))
def lines() -> Splits:
    """Labels are rows of five classes: 0 is blank and does not occur, 1 to 10 are the digits."""
    return _parts(mnist.load(), MNIST, True)


@dataset("windows", title="32x32 windows of `lines`, in 11 classes: about 90,000 train, 3,800 "
         "calibration, 7,500 test", source=SOURCE.format("MNIST's digits"),
         image_shape=(HEIGHT, WINDOW))
def windows() -> Splits:
    """Label 0 is blank: no digit's middle is near. 1 to 10 are the digits."""
    return _parts(mnist.load(), MNIST, False)


@dataset("small_lines", title="`lines` of scikit-learn's 8x8 digits, enlarged: 1,000 train, 100 "
         "calibration, 200 test", source=SOURCE.format("digits"), image_shape=(HEIGHT, WIDTH))
def small_lines() -> Splits:
    """As `lines`."""
    return _parts(digits.load(), SMALL, True)


@dataset("small_windows", title="`windows` of `small_lines`", source=SOURCE.format("digits"),
         image_shape=(HEIGHT, WINDOW))
def small_windows() -> Splits:
    """As `windows`."""
    return _parts(digits.load(), SMALL, False)
