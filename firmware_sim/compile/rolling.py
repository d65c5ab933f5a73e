"""Chains of kernels row by row: of what lies between them only the rows are in memory that are
still needed, so a chain takes less than its largest value.

A chain is a loop over time. Each turn makes some rows of every value, from those that the turn has
before it: a kernel starts as many turns late as it needs rows ahead, and ends that much later. What
is needed longer than a turn is moved on by the rows that the next turn brings, borders and all.
Nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm, prod

import numpy as np

from dsplet.firmware_sim.compile.borders import padded
from dsplet.firmware_sim.compile.nest import (
    Body,
    extents,
    fresh,
    replace_refs,
    substitute,
    tidy,
    wrap,
)
from dsplet.firmware_sim.compile.rows import ROW, Rows, Shapes, Window, digits_of
from dsplet.quantize.fixed.kernel import Kernel, Repeat, Set, Storage, Store, contiguous
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref

Borders = Mapping[str, int | None]
"""Buffers of which a part may be kept -> what surrounds their numbers, None where nothing does."""


@dataclass(frozen=True)
class Pace:
    """rows: that a kernel makes in a turn. delay: the turn in which it starts. turns: how many."""

    rows: int
    delay: int
    turns: int

    @property
    def end(self) -> int:
        """The turn behind its last."""
        return self.delay + self.turns


@dataclass(frozen=True)
class Chain:
    """Kernels that take turns. kept: buffer -> how many of its rows are in memory; those that one
    turn makes are the last of them."""

    kernels: tuple[Rows, ...]
    paces: tuple[Pace, ...]
    kept: dict[str, int]

    @property
    def turns(self) -> int:
        return max(p.end for p in self.paces)

    def moved(self, shapes: Shapes) -> int:
        """How many numbers are moved from row to row, in all turns."""
        return sum((self.kept[k.buffer] - p.rows) * prod(_kept(shapes[k.buffer], 1))
                   * (self.turns - p.delay)
                   for k, p in zip(self.kernels, self.paces, strict=True) if k.buffer in self.kept)


def surroundings(program: Program, makers: Sequence[Rows], shapes: Shapes) -> Borders:
    """The buffers that these kernels write of which a part may be kept: those without borders, or
    with one number around what is written."""
    found: dict[str, int | None] = {}
    for k in makers:
        buffer = program.buffers[k.buffer]
        if buffer.role != "activation":
            continue
        if buffer.data is None:
            found[k.buffer] = None
        elif p := padded(program, k.buffer, shapes[k.buffer]):
            values = np.unique(p.border[p.border != np.iinfo(np.int64).min])
            if len(values) == 1 and p.box[ROW] == (k.first, k.first + k.rows):
                found[k.buffer] = int(values[0])
    return found


def chained(kernels: Sequence[Rows], shapes: Shapes, inner: Borders, rows: int) -> Chain | None:
    """The chain of these kernels, of which the slowest makes `rows` rows a turn; None where they
    cannot take turns.

    inner: the buffers that nothing else touches.
    """
    makers = {k.buffer: i for i, k in enumerate(kernels)}
    needs = [(makers[b], j, b) for j, k in enumerate(kernels)
             for b in sorted(k.reads) if b in makers]
    if len(makers) < len(kernels) or any(
            i >= j or b not in kernels[j].windows for i, j, b in needs):
        return None
    speeds = _speeds(kernels, needs)
    if speeds is None:
        return None
    per_turn = [int(s * rows * lcm(*(t.denominator for t in speeds))) for s in speeds]
    if any(k.rows % n for k, n in zip(kernels, per_turn, strict=True)):
        return None
    paces: list[Pace] = []
    for j, (k, n) in enumerate(zip(kernels, per_turn, strict=True)):
        delays = [paces[i].delay + max(0, -(-_ahead(kernels[i], k.windows[b]) // per_turn[i]))
                  for i, reader, b in needs if reader == j]
        paces.append(Pace(n, max(delays, default=0), k.rows // n))
    kept: dict[str, int] = {}
    for i, j, b in needs:
        if b in inner:
            lasts = paces[j].delay - paces[i].delay + 1
            kept[b] = max(kept.get(b, 0), per_turn[i], per_turn[i] * lasts + kernels[i].first
                          - kernels[j].windows[b].low)
    kept = {b: n for b, n in kept.items() if n < shapes[b][ROW]}
    return Chain(tuple(kernels), tuple(paces), kept) if kept else None


def _ahead(maker: Rows, window: Window) -> int:
    """How many rows more than its own in the same turn a reader needs."""
    return window.high - window.step - maker.first + 1


def _speeds(kernels: Sequence[Rows], needs: list[tuple[int, int, str]]) -> list[Fraction] | None:
    """Rows a turn of every kernel, 1 of the slowest; None where they fit no common pace."""
    speeds: dict[int, Fraction] = {len(kernels) - 1: Fraction(1)}
    while len(speeds) < len(kernels):
        before = len(speeds)
        for i, j, b in needs:
            step = kernels[j].windows[b].step
            if j in speeds:
                speeds.setdefault(i, speeds[j] * step)
            elif i in speeds:
                speeds[j] = speeds[i] / step
        if len(speeds) == before:
            return None
    least = min(speeds.values())
    if any(speeds[i] != speeds[j] * kernels[j].windows[b].step for i, j, b in needs):
        return None
    return [speeds[i] / least for i in range(len(kernels))]


# --- the program -----------------------------------------------------------------------------

def rolled(program: Program, chain: Chain, shapes: Shapes, inner: Borders) -> Program:
    """The program with the chain as a loop over time. What stands between its kernels and is none
    of them touches nothing of theirs before it: it comes before the loop."""
    numbers = {k.name: i for i, k in enumerate(program.kernels)}
    members = {numbers[k.kernel.name] for k in chain.kernels}
    first, last = min(members), max(members)
    turn = fresh("turn", {r.var for r in program.repeats} | {
        v for k in program.kernels for v in extents(k.body)})
    before = [program.kernels[i] for i in range(first, last + 1) if i not in members]
    inside: list[Kernel] = []
    names = set(numbers)

    def kernel(maker: Kernel, what: str, body: Body, during: tuple[int, int] | None = None
               ) -> Kernel:
        name = fresh(f"{maker.name}_{what}", names)
        names.add(name)
        return Kernel(name, maker.node, "Rows", tidy(body), during=during)

    for k, p in zip(chain.kernels, chain.paces, strict=True):
        b, made = k.buffer, replace(k.kernel, body=_turn(k, p, chain, shapes, turn),
                                    macs=k.kernel.macs // p.turns, during=(p.delay, p.end - 1))
        if b not in chain.kept:
            inside.append(made)
            continue
        n, border = chain.kept[b], inner[b]
        readers = [(r, q) for r, q in zip(chain.kernels, chain.paces, strict=True)
                   if b in r.reads]
        end = max(q.end for _, q in readers)
        if border is not None:
            before.append(kernel(k.kernel, "border", _filled(b, shapes[b], n, 0, border)))
        if n > p.rows and end > p.delay + 1:
            inside.append(kernel(k.kernel, "move", _moved(b, shapes[b], n, p.rows),
                                 (p.delay + 1, end - 1)))
        inside.append(made)
        if border is not None and end > p.end:
            inside.append(kernel(k.kernel, "below", _filled(b, shapes[b], n, n - p.rows, border),
                                 (p.end, p.end)))
    kernels = (*program.kernels[:first], *before, *inside, *program.kernels[last + 1:])
    start, more = first + len(before), len(before) + len(inside) - (last + 1 - first)
    loop = Repeat(turn, chain.turns, start, start + len(inside) - 1,
                  " + ".join(k.kernel.node for k in chain.kernels))
    buffers, storage = dict(program.buffers), {
        v: s for v, s in program.storage.items() if s.buffer not in chain.kept}
    for b, n in chain.kept.items():
        shape = _kept(shapes[b], n)
        buffers[b] = replace(buffers[b], size=prod(shape), data=None)
        storage[b] = Storage(b, 0, contiguous(shape))
    repeats = (*(r for r in program.repeats if r.last < first), loop, *(
        replace(r, first=r.first + more, last=r.last + more) for r in program.repeats
        if r.first > last))
    return replace(program, kernels=kernels, repeats=repeats, buffers=buffers, storage=storage)


def _turn(k: Rows, pace: Pace, chain: Chain, shapes: Shapes, turn: str) -> Body:
    """What the kernel does in a turn: rows that are kept lie where they lie in every turn, all
    others where the turn says."""
    paces = {r.buffer: (r, p) for r, p in zip(chain.kernels, chain.paces, strict=True)}
    body = wrap(k.loops, k.leaf)
    here = f"{k.var}'"

    def kept(ref: Ref) -> Ref:
        if ref.buffer not in chain.kept:
            return ref
        n, (maker, p) = chain.kept[ref.buffer], paces[ref.buffer]
        at = digits_of(ref, body, shapes[ref.buffer])
        newest = p.rows * (pace.delay - p.delay + 1) + maker.first
        at[ROW] = at[ROW].substitute(k.var, Affine(0, ((here, 1),))) + (n - newest)
        strides = contiguous(_kept(shapes[ref.buffer], n))
        return Ref(ref.buffer, sum((e * s for e, s in zip(at, strides, strict=True)), Affine()))

    done = (Affine(0, ((turn, 1),)) + -pace.delay) * pace.rows + Affine(0, ((k.var, 1),))
    leaf = substitute(substitute(replace_refs(k.leaf, kept), {k.var: done}),
                      {here: Affine(0, ((k.var, 1),))})
    return tidy(wrap([(v, pace.rows if v == k.var else n) for v, n in k.loops], leaf))


def _kept(shape: tuple[int, ...], rows: int) -> tuple[int, ...]:
    """The shape with so many rows."""
    return (*shape[:ROW], rows, *shape[ROW + 1:])


def _box(buffer: str, shape: tuple[int, ...], rows: int, first: int, count: int
         ) -> tuple[list[tuple[str, int]], Affine]:
    """Loops over `count` rows from the first, of a buffer that keeps so many; and their index."""
    ends, strides = _kept(shape, count), contiguous(_kept(shape, rows))
    loops = [(f"m{axis}", n) for axis, n in enumerate(ends)]
    return loops, Affine(first * strides[ROW], tuple(
        (v, s) for (v, _), s in zip(loops, strides, strict=True)))


def _filled(buffer: str, shape: tuple[int, ...], rows: int, first: int, border: int) -> Body:
    """The border in all rows from the first."""
    loops, at = _box(buffer, shape, rows, first, rows - first)
    return wrap(loops, (Set("d", border), Store(Ref(buffer, at), "d")))


def _moved(buffer: str, shape: tuple[int, ...], rows: int, by: int) -> Body:
    """Every row that is kept to where the turn before the next has it."""
    loops, at = _box(buffer, shape, rows, 0, rows - by)
    further = contiguous(_kept(shape, rows))[ROW] * by
    return wrap(loops, (Set("d", Ref(buffer, at + further)), Store(Ref(buffer, at), "d")))
