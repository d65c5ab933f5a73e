"""Code for the toy: every kernel statement in (operation, d, a, b).

d = a op b; mac: d += a * b; load: d = memory[a + b]; store: memory[a + b] = d; branch: to
instruction d while a < b.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np

from dsplet.base.errors import UserError
from dsplet.firmware_sim.backend import Array, DoesNotFit, Section, Target
from dsplet.firmware_sim.compile.fuse import Mark, fuse, parts, renumbered
from dsplet.firmware_sim.compile.lifetimes import Arena, Need, lifetime, touched
from dsplet.quantize.fixed.kernel import (
    Add,
    Buffer,
    Divide,
    Fetch,
    Interpolate,
    Lookup,
    Loop,
    Mac,
    Max,
    Mul,
    Requantize,
    Set,
    Store,
)
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref

OPERATIONS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "max": max,
              "min": min, "div": operator.floordiv,
              "shift": lambda a, b: a << b if b >= 0 else a >> -b}
CYCLES = {"mul": 3, "mac": 3, "div": 20, "load": 2, "store": 2, "branch": 2}
Operand = str | int


@dataclass(frozen=True)
class Ins:
    """turns: how often it runs a sample. wait: what its memory adds."""

    op: str
    d: Operand
    a: Operand
    b: Operand
    section: int
    turns: int
    wait: int

    @property
    def cycles(self) -> int:
        return CYCLES.get(self.op, 1)


class Coder:
    """code; sections; at: buffer -> address of its first word; memory: as the program begins."""

    def __init__(self, program: Program, target: Target, fused: frozenset[str]) -> None:
        if program.reals is not None:
            raise UserError("the toy computes in integers only")
        kernels, self.buffers = fuse(program.kernels, program.buffers, fused, program.borders)
        repeats = renumbered(program, kernels)
        self.arenas = [(Arena(r.start, r.end), r) for r in target.regions]
        self.at: dict[str, int] = {}
        self.waits: dict[str, int] = {}
        self.data: dict[int, Array] = {}
        by = touched([k.kernel for k in kernels])
        for b in self.buffers.values():
            if b.name in by:
                self._place(b, *lifetime(b, by[b.name], len(kernels), repeats))
        steps = {name: i for i, k in enumerate(kernels) for name in parts(k.kernel)}
        self.sections = [Section(k.name, k.node, k.op, k.macs * program.turns(i),
                                 layer=program.layers.code(k.node, k.op), step=steps[k.name])
                         for i, k in enumerate(program.kernels)]
        self.number = {s.kernel: i for i, s in enumerate(self.sections)}
        self.sections += [Section(r.var, r.node, "Scan", 0, step=None,
                                  layer=program.layers.code(r.node, "Scan")) for r in repeats]
        self.code: list[Ins] = []
        self.tops: list[int] = []
        self.turns, self.section = 1, 0
        for i, k in enumerate(kernels):
            for j, r in enumerate(repeats):
                if r.first == i:
                    self.section = len(program.kernels) + j
                    self._open(r.var, r.extent)
            self._statement(Mark(k.kernel.name))
            self._body(k.kernel.body)
            for j, r in reversed(list(enumerate(repeats))):
                if r.last == i:
                    self.section = len(program.kernels) + j
                    self._close(r.var, r.extent)

    def _place(self, b: Buffer, first: int, last: int) -> None:
        for arena, region in self.arenas:
            address = arena.place(Need(b, 8 * b.size, "word", first, last))
            if address is not None:
                self.at[b.name], self.waits[b.name] = address // 8, region.wait_states
                if b.data is not None:
                    self.data[address // 8] = b.data
                return
        raise DoesNotFit(f"no room for {b.name}", 8 * b.size)

    def memory(self) -> list[int]:
        """As the program begins."""
        words = [0] * max(a.start // 8 + a.used_bytes // 8 for a, _ in self.arenas)
        for at, data in self.data.items():
            words[at:at + len(data)] = data.tolist()
        return words

    # --- statements -----------------------------------------------------------------------------
    def _body(self, body: tuple) -> None:
        for s in body:
            self._statement(s)

    def _statement(self, s) -> None:
        match s:
            case Mark(kernel):
                self.section = self.number[kernel]
            case Loop(var, extent, body):
                self._open(var, extent)
                self._body(body)
                self._close(var, extent)
            case Set(d, source):
                self._emit("add", d, self._get(source, "temp0"))
            case Add(d, source, shift, negate):
                self._emit("shift", "temp0", self._get(source, "temp0"), shift)
                self._emit("sub" if negate else "add", d, d, "temp0")
            case Mac(d, x, w):
                self._emit("mac", d, self._get(x, "temp0"), self._get(w, "temp1"))
            case Mul(d, source):
                self._emit("mul", d, d, self._get(source, "temp0"))
            case Max(d, source):
                self._emit("max", d, d, self._get(source, "temp0"))
            case Requantize():
                self._requantize(s)
            case Lookup(d, table, first):
                self._emit("sub", "temp0", d, first)
                self._load(d, table, "temp0")
            case Interpolate(d, table, slopes, first, step):
                self._emit("sub", "temp0", d, first)
                self._emit("shift", "temp1", "temp0", -step)
                self._emit("shift", "temp2", "temp1", step)
                self._emit("sub", "temp0", "temp0", "temp2")
                self._load("temp2", slopes, "temp1")
                self._load("temp1", table, "temp1")
                self._emit("shift", d, "temp1", step)
                self._emit("mac", d, "temp0", "temp2")
            case Fetch(d, ref, offset):
                self._emit("add", "temp0", self._index(ref.index, "temp0"), offset)
                self._load(d, ref.buffer, "temp0")
            case Divide(d, by):  # floor(d / by + 1/2)
                self._emit("shift", "temp0", self._get(by, "temp0"), 1)
                self._emit("shift", d, d, 1)
                self._emit("add", d, d, self._get(by, "temp1"))
                self._emit("div", d, d, "temp0")
            case Store(ref, d):
                self._emit("store", d, self.at[ref.buffer], self._index(ref.index, "temp0"),
                           self.waits[ref.buffer])
            case _:
                raise TypeError(f"{type(s).__name__} is not a statement")

    def _requantize(self, q: Requantize) -> None:
        """The shift of a channel is read from memory, where there are several."""
        shifts = np.array(q.shifts)
        halves = np.where(shifts > 0, 1 << np.maximum(shifts, 1) - 1, 0)
        for op, data in (("add", halves), ("shift", -shifts)):
            name = f"shifts {len(self.at)}"
            self._place(Buffer(name, len(data), 0, 0, "const", data), -1, 1 << 30)
            self._emit(op, q.d, q.d, self._get(Ref(name, q.index), "temp0"))
        self._emit("max", q.d, q.d, q.low)
        self._emit("min", q.d, q.d, q.high)

    # --- operands and loops ---------------------------------------------------------------------
    def _emit(self, op: str, d: Operand, a: Operand, b: Operand = 0, wait: int = 0) -> None:
        self.code.append(Ins(op, d, a, b, self.section, self.turns, wait))

    def _get(self, source: Ref | Operand, into: str) -> Operand:
        if isinstance(source, Ref):
            return self._load(into, source.buffer, self._index(source.index, into))
        return source

    def _load(self, into: str, buffer: str, index: Operand) -> str:
        self._emit("load", into, self.at[buffer], index, self.waits[buffer])
        return into

    def _index(self, index: Affine, into: str) -> Operand:
        if not index.terms:
            return index.const
        self._emit("add", into, index.const)
        for var, step in index.terms:
            self._emit("mac", into, var, step)
        return into

    def _open(self, var: str, extent: int) -> None:
        self._emit("add", var, 0)
        self.turns *= extent
        self.tops.append(len(self.code))

    def _close(self, var: str, extent: int) -> None:
        self._emit("add", var, var, 1)
        self._emit("branch", self.tops.pop(), var, extent)
        self.turns //= extent
