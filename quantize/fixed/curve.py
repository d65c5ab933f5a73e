"""Curve: a function of one variable as a table, exact or with linear interpolation, in integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, RealArray, round_half_up
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Interval
from dsplet.quantize.fixed.kernel import Interpolate, Lookup

EXACT_BITS = 10
"""Inputs of at most this many bits have a table entry for every input (the contract)."""
NODES_LOG2 = 9
"""Wider inputs have 2**9 + 1 nodes."""
MOST_SPACING_LOG2 = 15
"""Of the nodes of a table: those of the longest sums' logarithms are so far apart."""


def spacing_log2(first: int, last: int) -> int:
    """Of the nodes of a table for the inputs first..last."""
    bits = (last - first).bit_length()
    return bits - NODES_LOG2 if bits > EXACT_BITS else 0


def entries(first: int, last: int, step_log2: int) -> int:
    """How many a table for the inputs first..last has."""
    return ((last - first) >> step_log2) + (2 if step_log2 else 1)


@dataclass(frozen=True, eq=False)
class Curve:
    """table[i] stands for f at the integer first + (i << step_log2).

    Between nodes the value is interpolated linearly: with u = x - first, i = u >> step_log2 and
    r = u - (i << step_log2) the result is (table[i] << step_log2) + (table[i+1] - table[i]) * r,
    whose frac is table's frac + step_log2. With step_log2 = 0 every input has its own entry.
    """

    first: int
    step_log2: int
    table: IntArray

    @classmethod
    def sample(cls, f: Callable[[RealArray], RealArray], first: int, last: int, x_frac: int,
               frac: int, limits: tuple[int, int]) -> Curve:
        """Evaluate f (double precision) for integers first..last at step 2**-x_frac.

        The table holds round_half_up(f * 2**frac), limited to `limits`.
        """
        step_log2 = spacing_log2(first, last)
        n = entries(first, last, step_log2)
        x = (first + (np.arange(n) << step_log2)) * 2.0**-x_frac
        y = np.nan_to_num(f(x), nan=0.0, posinf=2.0**60, neginf=-(2.0**60))
        y = np.clip(y, -(2.0**30), 2.0**30)
        return cls(first, step_log2, np.clip(round_half_up(y * 2.0**frac), *limits))

    def check(self, who: str, low: int, high: int, last: int) -> None:
        """ValueError where the table has not the entries for inputs up to `last`, or one of them
        is outside [low, high]."""
        if not 0 <= self.step_log2 <= MOST_SPACING_LOG2:
            raise ValueError(f"{who} has nodes 2**{self.step_log2} apart; expected 2**0 to "
                             f"2**{MOST_SPACING_LOG2}")
        needed = entries(self.first, last, self.step_log2)
        if self.table.shape != (needed,):
            raise ValueError(f"{who} has {self.table.size} entries; expected {needed}")
        if self.table.min() < low or self.table.max() > high:
            raise ValueError(f"{who} has entries from {self.table.min()} to {self.table.max()}; "
                             f"expected {low} to {high}")

    @property
    def slopes(self) -> IntArray:
        return np.append(np.diff(self.table), 0)

    @property
    def span(self) -> tuple[int, int]:
        """The range of the result."""
        return int(self.table.min()) << self.step_log2, int(self.table.max()) << self.step_log2

    @property
    def partial(self) -> Interval:
        """The range of the result and of what it is added up from."""
        low, high = self.span
        slope = int(np.abs(self.slopes).max()) << self.step_log2
        return Interval(min(low, 0) - slope, high + slope)

    def __call__(self, x: IntArray) -> IntArray:
        u = x - self.first
        i = u >> self.step_log2
        r = u - (i << self.step_log2)
        y: IntArray = (self.table[i] << self.step_log2) + self.slopes[i] * r
        return y

    def emit(self, k: Builder, d: str, role: str) -> None:
        """Statements for d = curve(d)."""
        table = k.const(role, self.table).buffer
        if not self.step_log2:
            k.emit(Lookup(d, table, self.first))
            return
        slopes = k.const(f"{role}_slope", self.slopes).buffer
        k.emit(Interpolate(d, table, slopes, self.first, self.step_log2))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        u = b.node("Add", x, b.const(np.float32(-self.first)))
        if not self.step_log2:
            return b.gather(self.table, u)
        i = b.node("Floor", b.scale(u, 2.0**-self.step_log2))
        r = b.node("Sub", u, b.scale(i, 2.0**self.step_log2))
        line = b.node("Mul", b.double(b.gather(self.slopes, i)), b.double(r))
        return b.node("Add", line, b.scale(b.double(b.gather(self.table, i)),
                                           2.0**self.step_log2))
