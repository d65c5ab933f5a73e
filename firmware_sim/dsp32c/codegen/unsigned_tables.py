"""Tables of 8 bits are made unsigned: 128 is added to their entries.

A table of bytes is read with `ic`, which knows no sign, at any address: of an index nothing need be
masked, and a table takes half the memory. What is read so is 128 too large. Where only sums of
products with constants read it, what they begin with is made smaller instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from dsplet.firmware_sim.compile.tables import bodies, walks
from dsplet.firmware_sim.dsp32c.codegen.lookup import ENTRY_LIMIT, EXACT
from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Lookup, Loop, Mac, Requantize, Set, Store
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement

EXCESS = 128
LARGEST_START = 1 << 22
"""Starts below have a word, beside the half step that they carry (dsp32c.md 3.2)."""
LARGEST_PLACE = 1 << 24
"""Addresses lie below; one may be added to a sum."""


def unsigned_tables(program: Program) -> Program:
    """The program with every table unsigned that may be."""
    if program.reals is not None:
        return program
    for walk in walks(program, ENTRY_LIMIT):
        table = program.buffers[walk.table]
        if -EXCESS <= table.low < 0 and table.high < EXCESS:
            program = _unsigned(program, walk.table) or program
    return program


@dataclass
class _Sum:
    """A sum of products that begins with a constant. loops: around all of it. macs: with the loops
    around them alone."""

    start: Ref
    loops: dict[str, int]
    macs: list[tuple[Mac, dict[str, int]]] = field(default_factory=list)
    shifts: tuple[int, ...] = ()


def _unsigned(program: Program, table: str) -> Program | None:
    made = _made(program, table)
    sums = [s for k in program.kernels for s in _sums(k, made)]
    reads = sum(r.buffer in made for k in program.kernels for b in bodies(k.body) for s in b
                if not isinstance(s, Loop | Store) for r in s.refs())
    macs = [m for s in sums for m, _ in s.macs if m.x.buffer in made]
    if not made or any(program.buffers[b].role != "activation" for b in made) or reads != len(macs):
        return None
    buffers = dict(program.buffers)
    for s in sums:
        start = _corrected(program, s, made)
        if start is None:
            return None
        buffers[s.start.buffer] = start
    return replace(program, buffers=buffers | {b: _larger(buffers[b]) for b in (table, *made)},
                   kernels=tuple(replace(k, body=_begun(k.body, made)) for k in program.kernels))


def _larger(b: Buffer) -> Buffer:
    return replace(b, low=b.low + EXCESS, high=b.high + EXCESS,
                   data=None if b.data is None else b.integers + EXCESS)


def _begun(body: tuple[Statement, ...], made: set[str]) -> tuple[Statement, ...]:
    """The statements, with constants that are stored beside what the table says as much larger."""
    match body:
        case (Set(d, int() as value), Store(ref, e)) if d == e and ref.buffer in made:
            return Set(d, value + EXCESS), body[1]
    return tuple(replace(s, body=_begun(s.body, made)) if isinstance(s, Loop) else s for s in body)


def _made(program: Program, table: str) -> set[str]:
    """The buffers that hold what the table says, or begin with a constant, and nothing else; none
    where anything else is done with it."""
    made: set[str] = set()
    others: set[str] = set()
    for body in (b for k in program.kernels for b in bodies(k.body)):
        for last, s, following in zip((None, *body), body, (*body[1:], None), strict=False):
            if isinstance(s, Store):
                mine = isinstance(last, Lookup) and last.table == table and last.d == s.d
                if not (isinstance(last, Set) and isinstance(last.source, int) and len(body) == 2):
                    (made if mine else others).add(s.ref.buffer)
            elif isinstance(s, Lookup) and s.table == table and not isinstance(following, Store):
                return set()
    return made if made.isdisjoint(others) else set()


def _sums(kernel: Kernel, made: set[str]) -> Iterator[_Sum]:
    """The sums over numbers of such buffers."""
    def visit(body: tuple[Statement, ...], loops: dict[str, int]) -> Iterator[_Sum]:
        running: dict[str, _Sum] = {}
        for s in body:
            if isinstance(s, Set) and isinstance(s.source, Ref):
                running[s.d] = _Sum(s.source, loops)
            elif isinstance(s, Requantize) and s.d in running:
                running[s.d].shifts = s.shifts
            for mac, inside in _products(s, {}):
                if mac.d in running:
                    running[mac.d].macs.append((mac, inside))
            if isinstance(s, Loop):
                yield from visit(s.body, loops | {s.var: s.extent})
        yield from (r for r in running.values() if any(m.x.buffer in made for m, _ in r.macs))

    return visit(kernel.body, {})


def _products(s: Statement, inside: dict[str, int]) -> Iterator[tuple[Mac, dict[str, int]]]:
    if isinstance(s, Mac):
        yield s, inside
    elif isinstance(s, Loop):
        for t in s.body:
            yield from _products(t, inside | {s.var: s.extent})


def _corrected(program: Program, s: _Sum, made: set[str]) -> Buffer | None:
    """What the sum begins with, less what its products are too large by; None where that is not the
    same for all that begin so, or no longer exact."""
    start = program.buffers[s.start.buffer]
    weights = [program.buffers[m.w.buffer] for m, _ in s.macs]
    uses = sum(r.buffer == start.name for k in program.kernels for t in k.body for r in t.refs())
    if uses != 1 or any(b.role != "const" for b in (start, *weights)) or not s.shifts:
        return None
    used = {v for r in (s.start, *(m.w for m, _ in s.macs)) for v, _ in r.index.terms}
    loops = {v: n for v, n in s.loops.items() if v in used}
    if used - {v for _, inside in s.macs for v in inside} - set(loops):
        return None
    at = np.broadcast_to(_places(s.start.index, loops), tuple(loops.values()))
    excess, most = np.zeros_like(at), np.zeros_like(at)
    for mac, inside in s.macs:
        x, w = program.buffers[mac.x.buffer], program.buffers[mac.w.buffer]
        each = w.integers[np.broadcast_to(_places(mac.w.index, loops | inside),
                                          tuple((loops | inside).values()))]
        axes = tuple(range(len(loops), each.ndim))
        larger = EXCESS * (mac.x.buffer in made)
        excess = excess + larger * each.sum(axes)
        most = most + (max(-x.low, x.high) + larger) * np.abs(each).sum(axes)
    data = start.integers.copy()
    data[at] -= excess
    if (start.integers[at] - data[at] != excess).any() or np.abs(data).max() >= LARGEST_START:
        return None
    place = LARGEST_PLACE << max(*s.shifts, 0)
    room = EXACT - place if place < EXACT else EXACT
    if most.max() + np.abs(data).max() >= room:
        return None
    return replace(start, data=data, low=int(min(start.low, data.min())),
                   high=int(max(start.high, data.max())))


def _places(index: Affine, loops: Mapping[str, int]) -> IntArray:
    """The index for all turns of the loops, an axis each."""
    grid = np.meshgrid(*(np.arange(n) for n in loops.values()), indexing="ij", sparse=True)
    names = list(loops)
    found: IntArray = np.asarray(index.const + sum(
        c * grid[names.index(v)] for v, c in index.terms))
    return found
