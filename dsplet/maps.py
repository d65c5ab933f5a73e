"""Numbers of a layer as an array, and as a picture where a notebook shows them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from dsplet.base.display import picture
from dsplet.base.files import write_atomically
from dsplet.base.sheet import maps_of, sheet

MOST_ROWS = 64
"""Samples, or units, in one picture."""
STEP_PIXELS = 4
"""Of a number in a picture over time, each way."""


@dataclass(frozen=True, eq=False, repr=False)
class Maps:
    """reals: (N, *steps, *shape), a row of pictures for each of N. steps: how many of the axes
    behind the first are loops over time, 0 or more. what: in words, for the caption. columns: each
    of N is a column of pictures."""

    what: str
    reals: np.ndarray
    steps: int = 0
    columns: bool = False

    def __repr__(self) -> str:
        return f"Maps({self.caption!r})"

    @property
    def caption(self) -> str:
        """What is shown, its shape, and what black and white are."""
        shape = " x ".join(map(str, self.reals.shape))
        shown = f", the first {MOST_ROWS}" if len(self.reals) > MOST_ROWS else ""
        return (f"{self.what}, {shape}{shown}: black is {self._shown.min():.3g}, white is "
                f"{self._shown.max():.3g}")

    @property
    def _shown(self) -> np.ndarray:
        return self.reals[:MOST_ROWS]

    @property
    def png(self) -> bytes:
        """Grey maps, a row for each of the first MOST_ROWS; over time, beside each other, one map
        for each, whose rows are numbers and whose columns are steps. Equal numbers, equal bytes."""
        if not self.steps:
            rows = [maps_of(x) for x in self._shown]
            return sheet(list(np.stack(rows, 1)) if self.columns else rows)
        turns = prod(self.reals.shape[1:1 + self.steps])
        over_time = self._shown.reshape(len(self._shown), turns, -1).transpose(0, 2, 1)
        return sheet([over_time.repeat(STEP_PIXELS, 1).repeat(STEP_PIXELS, 2)])

    def save(self, path: str | Path) -> None:
        """Write the picture, a PNG, to the file path. Raises FileError."""
        write_atomically(path, self.png)

    def _repr_html_(self) -> str:
        return picture(self.png, self.caption)._repr_html_()
