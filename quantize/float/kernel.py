"""The kernel language over real numbers: what a program in the processor's own float arithmetic
needs beside `Set`, `Add`, `Mac`, `Mul`, `Max`, `Store` and `Loop`, which mean the same on reals.

Such a program has `Program.reals`: what its constants hold. Its sums are rounded as the processor
rounds: no bit of it is promised.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.quantize.fixed.statement import Changed, Statement, Table


@dataclass(frozen=True)
class Linear(Statement):
    """d = d * scale + offset."""

    d: Changed
    scale: float
    offset: float = 0.0


@dataclass(frozen=True)
class Clamp(Statement):
    """d = min(max(d, low), high); a bound that is None does not bind."""

    d: Changed
    low: float | None
    high: float | None


@dataclass(frozen=True)
class InterpolateReal(Statement):
    """t = clamp(d * scale + offset, 0, last), i = floor(t), d = table[2i] + (t - i) * table[2i+1].

    table: a constant buffer of last + 1 pairs (value, slope to the next).
    """

    d: Changed
    table: Table
    scale: float
    offset: float
    last: int
