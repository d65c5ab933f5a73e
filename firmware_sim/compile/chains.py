"""Which kernels take turns (`compile.rolling`): the chains with which a program needs least
memory, and of those the ones that move fewest numbers.

A chain is a run of kernels; every run is a candidate, at several rows a turn. An estimate ranks
them, the best are tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dsplet.export.c.arena import sizes
from dsplet.firmware_sim.compile.borders import borders_written
from dsplet.firmware_sim.compile.in_place import in_place
from dsplet.firmware_sim.compile.nest import read, written
from dsplet.firmware_sim.compile.rolling import Chain, chained, rolled, surroundings
from dsplet.firmware_sim.compile.rows import ROW, by_rows, row_shapes
from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.kernel import Buffer
from dsplet.quantize.fixed.program import Program

ROWS = (1, 2, 4, 8)
"""Rows a turn of the slowest kernel: more of them are moved less often. Each is a multiple of the
one before: where that does not fit, this does not."""
TRIED = 6
"""Candidates that are tried, of those that need less by the estimate."""


def rolling(program: Program) -> Program:
    """The program with the chains that save most memory, and the borders of what is left written;
    the program itself where none saves any."""
    if program.resume is not None:
        return program
    search = _Search(program)
    chosen: _Choices = ()
    ram_bytes = sizes(_finished(program, frozenset()))[1]
    while more := search.next(chosen, ram_bytes):
        ram_bytes, chosen, program = more
    return program


def _finished(program: Program, apart: frozenset[str]) -> Program:
    """What other passes make of all buffers but those."""
    return borders_written(in_place(program, apart), staged=True, apart=apart)


@dataclass(frozen=True)
class _Choice:
    """Kernels first to last, `rows` rows a turn."""

    first: int
    last: int
    rows: int
    chain: Chain


_Choices = tuple[_Choice, ...]


class _Search:
    def __init__(self, program: Program) -> None:
        self.program, self.shapes = program, row_shapes(program)
        self.rows = [None if program.around(i) else by_rows(k, self.shapes)
                     for i, k in enumerate(program.kernels)]
        self.touched: dict[str, list[int]] = {}
        for i, k in enumerate(program.kernels):
            for b in read(k.body) | written(k.body):
                self.touched.setdefault(b, []).append(i)
        self.inner = surroundings(program, [r for r in self.rows if r], self.shapes)
        after = _finished(program, frozenset()).buffers
        self.bytes = {b: _bytes(after.get(b, program.buffers[b])) for b in self.touched
                      if program.buffers[b].role == "activation"}

    # --- candidates -----------------------------------------------------------------------------
    def next(self, chosen: _Choices, ram_bytes: int) -> tuple[int, _Choices, Program] | None:
        """The best with one chain more: its bytes, chains and program; None where none needs less
        than these bytes."""
        found = [choices for c in self._candidates(chosen)
                 if self._estimate(choices := (*chosen, c))[0] < ram_bytes]
        tried = [(sizes(program)[1], self._moved(choices), choices, program)
                 for choices in sorted(found, key=self._estimate)[:TRIED]
                 if (program := self._program(choices))]
        if not tried:
            return None
        least, _, choices, program = min(tried, key=lambda t: t[:2])
        return (least, choices, program) if least < ram_bytes else None

    def _candidates(self, chosen: _Choices) -> Iterator[_Choice]:
        """Chains where most memory is needed: no other saves any."""
        peak = int(self._alive(chosen).argmax())
        free = [r is not None and not any(c.first <= i <= c.last for c in chosen)
                for i, r in enumerate(self.rows)]
        for first in range(peak + 1):
            for last in range(first + 1, len(free)):
                if not all(free[first:last + 1]):
                    break
                if last < peak:
                    continue
                kernels = [r for r in self.rows[first:last + 1] if r is not None]
                inner = {b: border for b, border in self.inner.items()
                         if first <= self.touched[b][0] and self.touched[b][-1] <= last}
                for rows in ROWS:
                    if not (chain := chained(kernels, self.shapes, inner, rows)):
                        break
                    yield _Choice(first, last, rows, chain)

    def _moved(self, chosen: _Choices) -> int:
        return sum(c.chain.moved(self.shapes) for c in chosen)

    def _estimate(self, chosen: _Choices) -> tuple[int, int]:
        """(the most bytes that are needed at one time, numbers moved)."""
        return int(self._alive(chosen).max()), self._moved(chosen)

    def _alive(self, chosen: _Choices) -> IntArray:
        """The bytes that are needed while each kernel runs, about."""
        kept = {b: n for c in chosen for b, n in c.chain.kept.items()}
        alive = np.zeros(len(self.program.kernels), np.int64)
        for b, size in self.bytes.items():
            first, last = self.touched[b][0], self.touched[b][-1]
            for c in chosen:
                if first <= c.last and c.first <= last:
                    first, last = min(first, c.first), max(last, c.last)
            alive[first:last + 1] += size if b not in kept else _bytes(
                self.program.buffers[b]) // self.shapes[b][ROW] * kept[b]
        return alive

    # --- programs -------------------------------------------------------------------------------
    def _program(self, chosen: _Choices) -> Program | None:
        """The program with these chains; None where other passes leave none of them."""
        program = _finished(self.program, frozenset(b for c in chosen for b in c.chain.kept))
        shapes = row_shapes(program)
        for c in chosen:
            names = {k.name for k in self.program.kernels[c.first:c.last + 1]}
            kernels = [by_rows(k, shapes) for k in program.kernels if k.name in names]
            inner = {b: self.inner[b] for b in c.chain.kept}
            whole = [k for k in kernels if k is not None]
            chain = chained(whole, shapes, inner, c.rows) if len(whole) == len(names) else None
            if chain is None or chain.kept != c.chain.kept:
                return None
            program = rolled(program, chain, shapes, inner)
        return program


def _bytes(b: Buffer) -> int:
    return b.size * b.dtype.itemsize
