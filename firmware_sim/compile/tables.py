"""Tables that are only read at indices which a kernel before has stored, and how wide they are.

A requantize clamps its result to the table's entries. No clamp is needed where the table is widened
to every value that the proof allows, by repeating its ends: memory for time. And where no clamp
stands in the way, a processor may store where the entry lies instead of its index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from dsplet.quantize.fixed.arithmetic import requantize
from dsplet.quantize.fixed.kernel import Lookup, Loop, Requantize, Set, Store
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Ref, Statement

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

    @cached_property
    def reach(self) -> tuple[int, int] | None:
        """What would be stored without clamps, as far as the proof allows."""
        ends = {(b, s) for q in self.made for s in q.shifts for b in q.bound}
        if not ends:
            return None
        bounds, shifts = np.array(list(ends)).T
        stored = requantize(bounds, shifts, -UNBOUNDED, UNBOUNDED)
        return int(stored.min()), int(stored.max())

    @property
    def inside(self) -> bool:
        """Whether every value has an entry, and nothing need be clamped."""
        low = max([self.first, *(q.low for q in self.made)])
        high = min([self.first + self.size - 1, *(q.high for q in self.made)])
        return self.reach is not None and low <= self.reach[0] and self.reach[1] <= high


def walks(program: Program, entry_limit: int) -> list[Walk]:
    """The tables that are only read at stored indices, which serve nothing else.

    entry_limit: their entries lie in [-entry_limit, entry_limit).
    """
    reads: dict[str, set[str | None]] = {}
    tables: dict[str, set[str | None]] = {}
    made: dict[str, list[Requantize | None]] = {}
    first: dict[str, int] = {}
    for body in (b for k in program.kernels for b in bodies(k.body)):
        stored: str | None = None
        for i, s in enumerate(body):
            if isinstance(s, Loop):
                continue
            if isinstance(s, Store):
                made.setdefault(s.ref.buffer, []).append(_maker(body[:i], s.d))
            table = _looked_up(s, body[i + 1:i + 2])
            for r in () if isinstance(s, Store) else s.refs():
                reads.setdefault(r.buffer, set()).add(table)
            if isinstance(s, Lookup):
                first[s.table] = s.first
                tables.setdefault(s.table, set()).add(stored)
            stored = s.source.buffer if table else None
    found = []
    for table, indices in tables.items():
        names = sorted(n for n in indices if n and reads[n] == {table}
                       and program.buffers[n].role == "activation")
        data = program.buffers[table].data
        if len(names) == len(indices) and data is not None and (
                -entry_limit <= data.min() and data.max() < entry_limit):
            makers = [q for n in names for q in made.get(n, [None])]
            known = tuple(q for q in makers if q)
            found.append(Walk(table, first[table], program.buffers[table].size, tuple(names),
                              known if len(known) == len(makers) else ()))
    return found


def _looked_up(s: Statement, after: tuple[Any, ...]) -> str | None:
    """The table that the statement after this one reads at what this one loads."""
    match s, after:
        case Set(d, Ref()), (Lookup(e, table, _),) if d == e:
            return str(table)
    return None


def _maker(body: tuple[Any, ...], d: str) -> Requantize | None:
    """The requantize that made register d, if nothing changed it since."""
    s = next((s for s in reversed(body) if isinstance(s, Loop) or s.d == d), None)
    return s if isinstance(s, Requantize) else None


def bodies(body: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """A body and those of its loops."""
    yield body
    for s in body:
        if isinstance(s, Loop):
            yield from bodies(s.body)


def widenings(program: Program, entry_limit: int) -> dict[str, int]:
    """Tables that can be widened, and by how many entries."""
    return {w.table: w.reach[1] - w.reach[0] + 1 - w.size for w in walks(program, entry_limit)
            if w.reach and not w.inside and len({(q.low, q.high) for q in w.made}) == 1}


def widen(program: Program, tables: frozenset[str], entry_limit: int) -> Program:
    """The same program; these tables have an entry for every value that the proof allows."""
    for w in (w for w in walks(program, entry_limit) if w.table in tables):
        table = program.buffers[w.table]
        assert w.reach and table.data is not None, "see `widenings`"
        low, high = w.reach
        at = np.clip(np.arange(low, high + 1), w.made[0].low, w.made[0].high) - w.first
        buffers = program.buffers | {w.table: replace(table, size=len(at), data=table.data[at])}
        kernels = tuple(replace(k, body=_widened(k.body, w, low, high)) for k in program.kernels)
        program = replace(program, buffers=buffers, kernels=kernels)
    return program


def _widened(body: tuple[Any, ...], w: Walk, low: int, high: int) -> tuple[Any, ...]:
    """The statements without the clamps, and looking up in the wider table."""
    result = []
    for s in body:
        if isinstance(s, Loop):
            s = replace(s, body=_widened(s.body, w, low, high))
        elif isinstance(s, Requantize) and any(s is q for q in w.made):
            s = replace(s, low=low, high=high)
        elif isinstance(s, Lookup) and s.table == w.table:
            s = replace(s, first=low)
        result.append(s)
    return tuple(result)
