"""The loops of a kernel's sums: which to jam, how far, and which to write out.

The choice is by a count of instructions: of what a straight piece of code loads, each number once,
and multiplies. Registers limit it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from dsplet.firmware_sim.compile.jam import jammed
from dsplet.firmware_sim.compile.nest import Body, nest, tidy
from dsplet.firmware_sim.compile.unroll import unrolled, unrolled_by
from dsplet.quantize.fixed.kernel import Affine, Buffer, Kernel, Loop, Mac

ACCUMULATORS = 4
"""As many sums side by side as the registers of the cores leave room for, beside their operands."""
STRAIGHT = 25
"""Products of one sum written out at most."""
LOOP, RUN = 4, 8
"""Instructions around each turn of a loop, and around a run of dot products."""
FACTORS = (1, 2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Sum:
    """loops: around the sum, outermost first. inner: its own, innermost last."""

    mac: Mac
    loops: tuple[tuple[str, int], ...]
    inner: tuple[tuple[str, int], ...]

    @property
    def run(self) -> int:
        """How many numbers of both factors lie one after another."""
        var, extent = self.inner[-1]
        unit = self.mac.x.index.coefficient(var) == 1 == self.mac.w.index.coefficient(var)
        return extent if unit else 1


def blocked(kernel: Kernel, buffers: dict[str, Buffer], accumulators: int = ACCUMULATORS) -> Kernel:
    """The kernel with its sums jammed and their short loops written out."""
    sums = list(_sums(kernel.body, ()))
    if not sums:
        return kernel
    body, largest = kernel.body, max(sums, key=lambda s: _turns(s.inner))
    for var, factor in sorted(_tile(largest, buffers, accumulators).items(),
                              key=lambda t: [v for v, _ in largest.loops].index(t[0])):
        body = (jammed(body, var, factor) if factor > 1 else None) or body
    return replace(kernel, body=tidy(straightened(body, buffers)))


def cost(kernel: Kernel, buffers: dict[str, Buffer], accumulators: int = ACCUMULATORS) -> float:
    """Instructions of the kernel's sums, about."""
    total = 0.0
    for s in _sums(kernel.body, ()):
        tile = _tile(s, buffers, accumulators)
        loops = [(v, n) for v, n in s.loops if v in tile]
        total += _turns(s.loops) * _turns(s.inner) * _mean_cost(
            s, loops, tile, is_dot(s, buffers))
    return total


def straightened(body: Body, buffers: dict[str, Buffer]) -> Body:
    """The body with short loops of sums written out, long ones in groups."""
    for s in list(_sums(body, ())):
        dot = is_dot(s, buffers)
        taps = 1
        for var, extent in reversed(s.inner):
            if dot and var == s.inner[-1][0]:
                continue
            if dot or taps * extent > STRAIGHT:
                if taps == 1 and not dot:
                    body = unrolled_by(body, var, 4)
                break
            body, taps = unrolled(body, var), taps * extent
    return body


def is_dot(s: Sum, buffers: dict[str, Buffer]) -> bool:
    """Whether the innermost loop of the sum is worth being done four bytes, or two words of 16
    bits, at a time."""
    wide = {buffers[r.buffer].dtype.itemsize for r in (s.mac.x, s.mac.w)}
    least = {(1,): 4, (2,): 2}.get(tuple(wide), 0)
    return bool(least) and s.run >= least and (s.run >= 8 or s.run % least == 0)


def _turns(loops) -> int:
    total = 1
    for _, n in loops:
        total *= n
    return total


def _sums(body: Body, loops: tuple) -> Iterator[Sum]:
    for s in body:
        if isinstance(s, Loop):
            inner, leaf = nest((s,))
            if leaf and all(isinstance(t, Mac) for t in leaf):
                yield Sum(leaf[0], loops, tuple(inner))
            else:
                yield from _sums(s.body, (*loops, (s.var, s.extent)))


def _tile(s: Sum, buffers: dict[str, Buffer], accumulators: int) -> dict[str, int]:
    """variable -> turns side by side, the cheapest in instructions for a product."""
    dot = is_dot(s, buffers)
    useful = [(v, n) for v, n in s.loops if s.mac.x.index.coefficient(v) == 0
              or s.mac.w.index.coefficient(v) == 0][-4:]
    choices = [[f for f in FACTORS if f <= n and f <= accumulators + 1] for _, n in useful]
    best, least = {}, float("inf")
    for factors in product(*choices):
        tile = {v: f for (v, _), f in zip(useful, factors, strict=True)}
        uneven = sum(n % f > 0 for (_, n), f in zip(useful, factors, strict=True))
        if _turns(tile.items()) > accumulators + (not dot) or uneven > 1:
            continue
        cost = _mean_cost(s, useful, tile, dot)
        if cost < least - 1e-9:
            best, least = tile, cost
    return best


def _mean_cost(s: Sum, loops: list[tuple[str, int]], tile: dict[str, int], dot: bool) -> float:
    """Instructions for a product, over whole tiles and those that are left over."""
    parts = [[(f, n // f * f / n), *([(n % f, n % f / n)] if n % f else [])]
             for (_, n), f in zip(loops, tile.values(), strict=True)]
    total = 0.0
    for part in product(*parts):
        share = 1.0
        for _, of in part:
            share *= of
        total += share * _cost(s, dict(zip(tile, (f for f, _ in part), strict=True)), dot)
    return total


def _cost(s: Sum, tile: dict[str, int], dot: bool) -> float:
    """Instructions for a product, of a tile."""
    sums = _turns(tile.items())
    x, w = (_distinct([r.index], tile) for r in (s.mac.x, s.mac.w))
    if dot:
        pairs = 3 * (len(x) + len(w)) + 2 * sums
        singles = 4 * (len(x) + len(w)) + 4 * sums
        return ((pairs + singles) / 2 + LOOP) / (4 * sums) + RUN / (s.run * sums)
    taps, straight = 1, {}
    for var, extent in reversed(s.inner):
        if taps * extent > STRAIGHT:
            break
        straight[var], taps = extent, taps * extent
    if not straight:
        straight, taps = {s.inner[-1][0]: 4}, 4
    loads = sum(len(_distinct(list(seen), straight)) for seen in (x, w))
    return (loads + taps * sums + LOOP) / (taps * sums)


def _distinct(indices: list[Affine], turns: dict[str, int]) -> set[Affine]:
    """The indices with every combination of turns in place of the variables."""
    found = set(indices)
    for var, n in turns.items():
        found = {a + a.coefficient(var) * k for a in found for k in range(n)}
    return found
