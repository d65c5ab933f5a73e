"""Size normalisation: what is written, cut out, as the digits of a data set are set.

Whole numbers throughout, with one rounding (half up) a pixel, so that every machine feeds a network
the same bits: `dsplet/live/normalise.js` is this file in the page's language.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsplet.data.resample import MNIST_BOX, MNIST_FRAME, resized

USPS_BOX = 16


@dataclass(frozen=True)
class Style:
    """How digits stand in a picture of `shape` (H, W): the longer side of each fills `box` pixels,
    the other is in proportion; in the middle of the picture is the box's middle, or, by_mass, the
    centre of the ink's mass."""

    shape: tuple[int, int]
    box: int
    by_mass: bool

    def __call__(self, ink: np.ndarray) -> np.ndarray:
        """uint8 `shape`. ink: uint8 (h, w), 0 background, cut to what is written."""
        height, width = in_box(ink.shape[0], ink.shape[1], self.box)
        small = resized(ink[None], (height, width))[0]
        sums = small.sum(1, dtype=np.int64), small.sum(0, dtype=np.int64)
        top, left = (_start(s, n, self.by_mass) for s, n in zip(sums, self.shape, strict=True))
        picture = np.zeros(self.shape, np.uint8)
        picture[top:top + height, left:left + width] = small
        return picture


def style_of(data: str, shape: tuple[int, int]) -> Style:
    """How digits of a data set stand in a network's picture of that shape.

    usps: a box of 16x16 that is filled (Neural Computation 1(4), 1989, section 2.1), in a larger
    picture its middle. All else as MNIST: a box of 20 in a frame of 28, by mass; a picture that
    has no room for the frame is the box.
    """
    least, frame = min(shape), MNIST_FRAME[0]
    if data == "usps" or least <= MNIST_BOX:
        return Style(shape, min(USPS_BOX if data == "usps" else MNIST_BOX, least), False)
    return Style(shape, min(MNIST_BOX, least * MNIST_BOX // frame), True)


def in_box(height: int, width: int, box: int) -> tuple[int, int]:
    """The size (rows, columns) of h x w in a box: at least one pixel each way."""
    longer = max(height, width)
    rows, columns = ((2 * n * box + longer) // (2 * longer) for n in (height, width))
    return max(1, rows), max(1, columns)


def at_height(ink: np.ndarray, height: int) -> np.ndarray:
    """`ink`, uint8 (h, w), at that height, its width in proportion."""
    width = max(1, (2 * ink.shape[1] * height + len(ink)) // (2 * len(ink)))
    return resized(ink[None], (height, width))[0]


def _start(ink: np.ndarray, room: int, by_mass: bool) -> int:
    """Where the first of some rows stands among `room`. ink: what is in each."""
    n, mass = len(ink), int(ink.sum())
    if not by_mass or not mass:
        return (room - n) // 2
    moment = int((ink * np.arange(n)).sum())  # MNIST sets it on pixel 14 of 28, not between two
    return min(max((room * mass - 2 * moment + mass) // (2 * mass), 0), room - n)
