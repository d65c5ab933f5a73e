"""Sums side by side: so many that none waits for another, sharing what they read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from dsplet.firmware_sim.compile.jam import jammed
from dsplet.firmware_sim.compile.nest import Body, nest, tidy, turns
from dsplet.quantize.fixed.kernel import Kernel, Loop, Mac, Set
from dsplet.quantize.fixed.program import Program

FACTORS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)
"""Turns side by side of one loop."""
LOOPS = 4
"""How many loops, from the innermost on, a tile may have sides in."""
LATENCY, A_CYCLE = 6, 2
"""Cycles of a product, and what is lost waiting; products, and numbers read, in a cycle."""
READING = 0.1
"""Cycles that a number read takes of those of the products beside it."""
LITTLE = 20
"""One part of so many of all products is little."""
SPARE = 3
"""Registers for what is neither a sum nor a number that several sums read."""

Loops = tuple[tuple[str, int], ...]
Tile = dict[str, int]


@dataclass(frozen=True)
class _Sum:
    """A product in loops of its own inside others, outermost first. held: registers that keep a
    number meanwhile -> how many of the loops around are around what sets them."""

    mac: Mac
    inner: Loops
    around: Loops
    held: dict[str, int]

    @property
    def macs(self) -> int:
        return turns(self.inner) * turns(self.around)


def tiled(program: Program, registers: int) -> Program:
    """The program with sums side by side. registers: how many vectors the processor holds. Kernels
    that do little of the work are kept short."""
    work = [k.macs * program.turns(i) for i, k in enumerate(program.kernels)]
    return replace(program, kernels=tuple(
        _tiled(k, registers if LITTLE * macs > sum(work) else registers // 2)
        for k, macs in zip(program.kernels, work, strict=True)))


def shares(program: Program) -> bool:
    """Whether most of its products are in sums of which others use the same weights."""
    found = [(program.turns(i) * s.macs, any(not s.mac.w.index.coefficient(v) for v, _ in s.around))
             for i, k in enumerate(program.kernels) for s in _sums(k.body, (), {})]
    return 2 * sum(macs for macs, also in found if also) >= sum(macs for macs, _ in found)


def _tiled(kernel: Kernel, registers: int) -> Kernel:
    found = [*_sums(kernel.body, (), {})]
    if not found:
        return kernel
    body = kernel.body
    for var, factor in _best(max(found, key=lambda s: s.macs), registers).items():
        if factor > 1:
            body = jammed(body, var, factor) or body
    return replace(kernel, body=tidy(body))


def _sums(body: Body, around: Loops, held: dict[str, int]) -> Iterator[_Sum]:
    held = dict(held)
    for s in body:
        loops, leaf = nest((s,))
        if len(leaf) == 1 and isinstance(mac := leaf[0], Mac):
            yield _Sum(mac, tuple(loops), around, {**held, mac.d: len(around)})
        elif isinstance(s, Loop):
            yield from _sums(s.body, (*around, (s.var, s.extent)), held)
        elif isinstance(s, Set):
            held[s.d] = len(around)


def _best(s: _Sum, registers: int) -> Tile:
    """variable -> turns side by side, the quickest."""
    useful = [(v, n) for v, n in s.around if any(
        r.index.coefficient(v) == 0 for r in (s.mac.x, s.mac.w))][-LOOPS:]
    tiles = (dict(zip((v for v, _ in useful), factors, strict=True)) for factors in product(
        *([f for f in FACTORS if f <= min(n, registers)] for _, n in useful)))
    fitting = [t for t in tiles if _alive(s, t) + SPARE <= registers]
    return min(fitting, key=lambda t: (round(_cycles(s, t), 9), prod(t.values())), default={})


def _reads(s: _Sum, t: Tile) -> tuple[int, int]:
    """Numbers of either factor that a turn of the tile's sums reads."""
    x, w = (prod(f for v, f in t.items() if r.index.coefficient(v)) for r in (s.mac.x, s.mac.w))
    return x, w


def _alive(s: _Sum, t: Tile) -> int:
    """Vectors: what is held, and the fewer of the numbers that the products read."""
    return min(_reads(s, t)) + sum(prod(t.get(v, 1) for v, _ in s.around[:depth])
                                   for depth in s.held.values())


def _cycles(s: _Sum, t: Tile) -> float:
    """For a product, over whole tiles and those that are left over."""
    sides = [[(f, n // f * f / n), *([(n % f, n % f / n)] if n % f else [])]
             for v, n in s.around if (f := t.get(v))]
    total = 0.0
    for part in product(*sides):
        one = dict(zip(t, (f for f, _ in part), strict=True))
        side = prod(one.values())
        reads = sum(_reads(s, one))
        work = max(side / A_CYCLE, reads / A_CYCLE, LATENCY) + READING * reads
        total += prod(share for _, share in part) * work / side
    return total
