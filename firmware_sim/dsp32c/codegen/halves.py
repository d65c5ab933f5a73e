"""Activations of 16 bits may lie in memory as integers.

The conversion to a 16-bit integer rounds to nearest, ties upwards, and saturates, all in the one
instruction that stores (dsp32c.md 5.3, S): a requantize whole. A float word takes two instructions
to round, and two for each bound that may be passed. In return what is stored so must be converted
as it is read: free where it is only loaded or copied, an instruction where it would be an operand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from dsplet.firmware_sim.dsp32c.parts.target import Rounding
from dsplet.quantize.fixed.arithmetic import requantize
from dsplet.quantize.fixed.kernel import (
    Add,
    Interpolate,
    Kernel,
    Loop,
    Mac,
    Mul,
    Requantize,
    Set,
    Store,
)
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Statement

INT16 = np.iinfo(np.int16)


def halves(program: Program, places: Collection[str], rounding: Rounding = Rounding.ADDER
           ) -> frozenset[str]:
    """The buffers that are better stored as 16-bit integers. places: those that hold places.
    rounding: of all others."""
    gains: Counter[str] = Counter()
    never = set(places) | {
        b.name for b in program.buffers.values() if b.role != "activation" or b.data is not None
        or not INT16.min <= b.low <= b.high <= INT16.max}
    for last, s, following, alone, turns in (t for k in program.kernels for t in _executed(k)):
        for r in s.refs():
            if isinstance(s, Store):
                gains[r.buffer] += turns * _saved(last, s, alone, rounding)
            elif isinstance(s, Set | Add | Mul):
                copied = isinstance(following, Store) and (
                    program.buffers[following.ref.buffer].role == "activation")
                gains[r.buffer] -= turns * (not (copied or isinstance(following, Interpolate)))
            else:
                never.add(r.buffer)
    return frozenset(b for b, gain in gains.items() if gain > 0 and b not in never)


def saturates(q: Requantize) -> bool:
    """Whether the bounds are those of 16 bits."""
    return (q.low, q.high) == (INT16.min, INT16.max)


def reach(q: Requantize) -> tuple[int, int]:
    """The least and the largest that the number may be before the clamp."""
    shifts = np.array(sorted(set(q.shifts)))
    low, high = (requantize(b, shifts, -(1 << 40), 1 << 40) for b in q.bound)
    return int(low.min()), int(high.max())


def bounds(q: Requantize) -> tuple[int | None, int | None]:
    """Those of the clamp that the number may pass."""
    low, high = reach(q)
    return None if low >= q.low else q.low, None if high <= q.high else q.high


def _saved(last: Statement | None, s: Store, alone: bool, rounding: Rounding) -> int:
    """Instructions that a store is cheaper by. last: the statement before it. alone: no loop and
    no multiply-accumulate is beside them, and clamps of a word cost nothing (`saturate`). (A word
    is stored by the last instruction that makes it.)"""
    if not isinstance(last, Requantize) or last.d != s.d:
        return -1
    low, high = bounds(last)
    clamps = (low is not None) + (high is not None)
    free = alone and rounding is Rounding.ADDER
    fraction = max(*last.shifts, int(free and clamps > 0))
    return rounding.instructions(fraction) + 2 * clamps * (saturates(last) - free) - 1


def _executed(kernel: Kernel) -> Iterator[tuple[Statement | None, Statement, Statement | None,
                                                bool, int]]:
    """Every statement but the loops, between those before and behind it, whether it is in a body
    without loops and multiply-accumulates, and how often it is executed."""
    def visit(body: tuple[Statement, ...], turns: int) -> Iterator[Any]:
        around = [None, *body, None]
        alone = not any(isinstance(s, Loop | Mac) for s in body)
        for last, s, following in zip(around, body, around[2:], strict=False):
            if isinstance(s, Loop):
                yield from visit(s.body, turns * s.extent)
            else:
                yield last, s, following, alone, turns

    return visit(kernel.body, 1)
