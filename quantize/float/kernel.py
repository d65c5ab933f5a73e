"""The kernel language over real numbers: what a program in the processor's own float arithmetic
needs beside `Set`, `Add`, `Mac`, `Mul`, `Max`, `Store` and `Loop`, which mean the same on reals.

Such a program has `Program.reals`: what its constants hold. Its sums are rounded as the processor
rounds: no bit of it is promised.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsplet.quantize.fixed.statement import Changed, Statement, Table

STEPS = 1024
"""A tabulated function has so many chords."""


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
class Place(Statement):
    """d = min(max(floor(d), 0), last): one of last + 1 places."""

    d: Changed
    last: int


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


RealStatement = Linear | Clamp | Place | InterpolateReal


def word(value: float) -> float:
    """The nearest float32."""
    return float(np.float32(value))


def clamped(d: str, low: float, high: float) -> list[RealStatement]:
    """The statement that keeps d within the bounds; none where both are infinite."""
    bounds = [word(b) if math.isfinite(b) else None for b in (low, high)]
    return [Clamp(d, *bounds)] if bounds != [None, None] else []


def tabulate(f: Callable[[np.ndarray], np.ndarray], low: float, high: float
             ) -> tuple[np.ndarray, InterpolateReal]:
    """(value, slope) pairs of f at STEPS + 1 places, and the statement that reads them, whose
    register and table are still to be named."""
    y = np.asarray(f(np.linspace(low, high, STEPS + 1)), np.float64)
    scale = word(STEPS / (high - low))
    return np.stack([y, np.diff(y, append=y[-1:])], 1).reshape(-1), InterpolateReal(
        "", "", scale, word(-low * scale), STEPS)
