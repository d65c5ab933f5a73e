"""What a kernel's sums cost: a count of the instructions of a compiled loop, and the tile that
costs least.

A straight piece of code loads each number once and multiplies; a dot product takes four bytes at a
time where the processor has pairs of products, and one at a time where not: the mean of both
counts. Registers limit how many sums stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, product
from math import prod

import numpy as np

from dsplet.firmware_sim.compile.nest import Body, nest, turns
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Mac
from dsplet.quantize.fixed.statement import Affine

LOOP, RUN = 4, 8
"""Instructions around each turn of a loop, and around a run of dot products."""
REGISTERS = 12
"""What sums and numbers that are read again may take of them."""
FACTORS = (1, 2, 3, 4, 5)
"""Turns side by side of one loop."""


@dataclass(frozen=True)
class Effort:
    """How far to go. accumulators: sums side by side, one more where no pairs need registers.
    straight: the most products of one sum written out; saving: what part of the instructions more
    than one row of them must save. uneven: loops whose tiles may leave something over. pairs:
    whether factors of 16 bits are written out in pairs."""

    accumulators: int
    straight: int
    saving: float
    uneven: int
    pairs: bool = False


ROW = 10
"""Products of one sum that are always written out."""


@dataclass(frozen=True)
class Sum:
    """macs: side by side. loops: around the sum, outermost first. inner: its own, innermost
    last."""

    macs: tuple[Mac, ...]
    loops: tuple[tuple[str, int], ...]
    inner: tuple[tuple[str, int], ...]

    @property
    def run(self) -> int:
        """How many numbers of both factors lie one after another."""
        var, extent = self.inner[-1]
        unit = all(r.index.coefficient(var) == 1 for m in self.macs for r in (m.x, m.w))
        return extent if unit else 1


def sums(body: Body, loops: tuple[tuple[str, int], ...] = ()) -> Iterator[Sum]:
    """The sums of a body: nests of loops around nothing but products."""
    for s in body:
        if isinstance(s, Loop):
            inner, leaf = nest((s,))
            macs = tuple(t for t in leaf if isinstance(t, Mac))
            if macs and len(macs) == len(leaf):
                yield Sum(macs, loops, tuple(inner))
            else:
                yield from sums(s.body, (*loops, (s.var, s.extent)))


def is_dot(s: Sum, buffers: dict[str, Buffer]) -> bool:
    """Whether the innermost loop of the sum is worth being done four bytes, or two words of 16
    bits, at a time."""
    widths = {buffers[r.buffer].dtype.itemsize for m in s.macs for r in (m.x, m.w)}
    least = {1: 4, 2: 2}.get(widths.pop(), 0) if len(widths) == 1 else 0
    return bool(least) and s.run >= least and (s.run >= 8 or s.run % least == 0)


def is_paired(s: Sum, buffers: dict[str, Buffer]) -> bool:
    """Whether both factors of the sum are words of 16 bits one after another."""
    return s.run > 1 and all(buffers[r.buffer].dtype == np.int16
                             for m in s.macs for r in (m.x, m.w))


def cost(kernel: Kernel, buffers: dict[str, Buffer], effort: Effort) -> float:
    """Instructions of the kernel's sums, about."""
    return sum(turns(s.loops) * turns(s.inner) * _mean(s, tile(s, buffers, effort), buffers, effort)
               for s in sums(kernel.body))


def tile(s: Sum, buffers: dict[str, Buffer], effort: Effort) -> dict[str, int]:
    """variable -> turns side by side, the cheapest in instructions for a product."""
    useful = [(v, n) for v, n in s.loops if any(
        r.index.coefficient(v) == 0 for r in (s.macs[0].x, s.macs[0].w))][-4:]
    most = effort.accumulators + (not is_dot(s, buffers))
    found = [dict(zip((v for v, _ in useful), factors, strict=True)) for factors in
             product(*([f for f in FACTORS if f <= min(n, most)] for _, n in useful))]
    found = [t for t in found if prod(t.values()) <= most
             and sum(n % t[v] > 0 for v, n in useful) <= effort.uneven]
    return min(found, key=lambda t: round(_mean(s, t, buffers, effort), 9))


def written_out(s: Sum, effort: Effort) -> tuple[tuple[str, int], ...]:
    """The innermost loops of the sum that are written out, of one that is no dot product."""
    return _short(s, [m.x.index for m in s.macs], [m.w.index for m in s.macs], len(s.macs), effort)


def _short(s: Sum, x: Iterable[Affine], w: Iterable[Affine], side: int, effort: Effort
           ) -> tuple[tuple[str, int], ...]:
    best: tuple[tuple[str, int], ...] = ()
    for n in range(1, len(s.inner) + 1):
        more = s.inner[-n:]
        if turns(more) > effort.straight:
            break
        if turns(more) <= ROW or _straight(x, w, side, more) < (
                1 - effort.saving) * _straight(x, w, side, best):
            best = more
    return best


def _mean(s: Sum, t: dict[str, int], buffers: dict[str, Buffer], effort: Effort) -> float:
    """Instructions for a product, over whole tiles and those that are left over."""
    parts = [[(f, n // f * f / n), *([(n % f, n % f / n)] if n % f else [])]
             for v, n in s.loops if (f := t.get(v))]
    dot = is_dot(s, buffers)
    return sum(prod(share for _, share in part)
               * _tiled(s, dict(zip(t, (f for f, _ in part), strict=True)), dot, effort)
               for part in product(*parts))


def _tiled(s: Sum, t: dict[str, int], dot: bool, effort: Effort) -> float:
    """Instructions for a product of one tile."""
    side, steps = prod(t.values()), tuple(t.items())
    x, w = (_distinct([r.index], steps) for r in (s.macs[0].x, s.macs[0].w))
    if dot:
        pairs = 3 * (len(x) + len(w)) + 2 * side
        singles = 4 * (len(x) + len(w)) + 4 * side
        return ((pairs + singles) / 2 + LOOP) / (4 * side) + RUN / (s.run * side)
    straight = _short(s, x, w, side, effort) or ((s.inner[-1][0], 4),)
    return _straight(x, w, side, straight)


def _straight(x: Iterable[Affine], w: Iterable[Affine], side: int,
              loops: tuple[tuple[str, int], ...]) -> float:
    """Instructions for a product where these loops are written out: what would have to wait in
    more registers than there are is loaded again for each turn of the innermost of them."""
    products, rows = side * turns(loops), turns(loops[:-1])
    loads = len(_distinct(x, loops)) + len(_distinct(w, loops))
    if rows > 1 and side + _alive(x, loops) > REGISTERS:
        loads = rows * (len(_distinct(x, loops[-1:])) + len(_distinct(w, loops[-1:])))
    return (loads + products + LOOP) / products


def _alive(indices: Iterable[Affine], loops: tuple[tuple[str, int], ...]) -> int:
    """The most numbers that have been read and will be read again, in this order."""
    order = list(indices)
    for var, n in reversed(loops):
        order = [a + a.coefficient(var) * k for k in range(n) for a in order]
    first, last = {a: i for i, a in reversed(list(enumerate(order)))}, {}
    for i, a in enumerate(order):
        last[a] = i
    changes = sorted((at, step) for a in last if first[a] < last[a]
                     for at, step in ((first[a], 1), (last[a], -1)))
    return max(accumulate((step for _, step in changes), initial=0))


def _distinct(indices: Iterable[Affine], loops: tuple[tuple[str, int], ...]) -> list[Affine]:
    """The indices with every combination of turns in place of the variables."""
    found = list(indices)
    for var, n in loops:
        found = list(dict.fromkeys(a + a.coefficient(var) * k for a in found for k in range(n)))
    return list(dict.fromkeys(found))
