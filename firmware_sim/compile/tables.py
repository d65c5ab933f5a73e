"""Tables are addressed by what the kernel before stored.

A buffer whose integers are only ever looked up holds, instead of an integer v, the place of v's
entry: 2 * v, of which the lowest bit does not count, plus the address of the table where no clamp
stands in the way. And no clamp does where the table is widened to every value that the proof
allows, by repeating its ends: memory for time. Such tables hold 16-bit integers, which become
floating-point as they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dsplet.firmware_sim.dsp32c.codegen.scale import Entry
from dsplet.quantize.fixed.arithmetic import requantize
from dsplet.quantize.fixed.kernel import Lookup, Loop, Ref, Requantize, Set, Statement, Store, refs
from dsplet.quantize.fixed.program import Program

EXACT = 1 << 31
"""Accumulators are exact below (dsp32c.md 3.3)."""
INT16 = 1 << 15
UNBOUNDED = 1 << 40


@dataclass(frozen=True)
class Walk:
    """Every use of one table whose indices are stored first. first: the value of entry 0.

    made: the requantizes that make the stored values; empty where something else makes one.
    """

    table: str
    first: int
    size: int
    buffers: tuple[str, ...]
    made: tuple[Requantize, ...]

    @property
    def reach(self) -> tuple[int, int] | None:
        """What would be stored without clamps, as far as the proof allows."""
        ends = [int(requantize(b, s, -UNBOUNDED, UNBOUNDED))
                for q in self.made for s in q.shifts for b in q.bound]
        return (min(ends), max(ends)) if ends else None

    @property
    def inside(self) -> bool:
        """Whether every value has an entry, and nothing need be clamped."""
        low = max([self.first, *(q.low for q in self.made)])
        high = min([self.first + self.size - 1, *(q.high for q in self.made)])
        return self.reach is not None and low <= self.reach[0] and self.reach[1] <= high

    def exact(self, top: int) -> bool:
        """Whether addresses below `top` may be added to the accumulators."""
        return all(max(-q.bound[0], q.bound[1]) + (top << max(*q.shifts, 1) - 1) < EXACT
                   for q in self.made)


def walks(program: Program) -> list[Walk]:
    """The tables that are only read at stored indices, which serve nothing else."""
    reads: dict[str, set[str | None]] = {}
    tables: dict[str, set[str | None]] = {}
    made: dict[str, list[Requantize | None]] = {}
    first: dict[str, int] = {}
    for body in (b for k in program.kernels for b in bodies(k.body)):
        stored = None
        for i, s in enumerate(body):
            if isinstance(s, Loop):
                continue
            if isinstance(s, Store):
                made.setdefault(s.ref.buffer, []).append(_maker(body[:i], s.d))
            after = body[i + 1] if i + 1 < len(body) else None
            table = after.table if _looks_up(s, after) else None
            for r in () if isinstance(s, Store) else refs(s):
                reads.setdefault(r.buffer, set()).add(table)
            if isinstance(s, Lookup):
                first[s.table] = s.first
                tables.setdefault(s.table, set()).add(stored)
            stored = s.source.buffer if table else None
    found = []
    for table, names in tables.items():
        data = program.buffers[table].data
        if -INT16 <= data.min() and data.max() < INT16 and all(
                n and reads[n] == {table} and program.buffers[n].role == "activation"
                for n in names):
            makers = [q for n in sorted(names) for q in made.get(n, [None])]
            found.append(Walk(table, first[table], program.buffers[table].size,
                              tuple(sorted(names)), tuple(makers) if all(makers) else ()))
    return found


def _looks_up(s: Statement, after: Statement | None) -> bool:
    return (isinstance(s, Set) and isinstance(s.source, Ref) and isinstance(after, Lookup)
            and after.d == s.d)


def _maker(body: tuple, d: str) -> Requantize | None:
    """The requantize that made register d, if nothing changed it since."""
    s = next((s for s in reversed(body) if isinstance(s, Loop) or s.d == d), None)
    return s if isinstance(s, Requantize) else None


def bodies(body: tuple) -> Iterator[tuple]:
    """A body and those of its loops."""
    yield body
    for s in body:
        if isinstance(s, Loop):
            yield from bodies(s.body)


def entries(program: Program, top: int) -> dict[str, Entry]:
    """What each buffer of a walk holds. top: above every address of a table."""
    return {b: Entry(w.table if w.inside and w.exact(top) else None)
            for w in walks(program) for b in w.buffers}


def widenings(program: Program) -> dict[str, int]:
    """Tables that can be widened, and by how many entries."""
    return {w.table: w.reach[1] - w.reach[0] + 1 - w.size for w in walks(program)
            if w.reach and not w.inside and len({(q.low, q.high) for q in w.made}) == 1}


def widen(program: Program, tables: frozenset[str]) -> Program:
    """The same program; these tables have an entry for every value that the proof allows."""
    for w in (w for w in walks(program) if w.table in tables):
        low, high = w.reach
        at = np.clip(np.arange(low, high + 1), w.made[0].low, w.made[0].high) - w.first
        table = program.buffers[w.table]
        buffers = program.buffers | {w.table: replace(table, size=len(at), data=table.data[at])}
        kernels = tuple(replace(k, body=_widened(k.body, w)) for k in program.kernels)
        program = replace(program, buffers=buffers, kernels=kernels)
    return program


def _widened(body: tuple, w: Walk) -> tuple:
    """The statements without the clamps, and looking up in the wider table."""
    result = []
    for s in body:
        if isinstance(s, Loop):
            s = replace(s, body=_widened(s.body, w))
        elif isinstance(s, Requantize) and any(s is q for q in w.made):
            s = replace(s, low=w.reach[0], high=w.reach[1])
        elif isinstance(s, Lookup) and s.table == w.table:
            s = replace(s, first=w.reach[0])
        result.append(s)
    return tuple(result)
