"""Compilation: from a program to an image, in attempts until code and data fit side by side."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from dsplet.firmware_sim.backend import Array
from dsplet.firmware_sim.compile.fuse import Fused
from dsplet.firmware_sim.compile.local_copies import Copy, Costs, Room, copy_on_chip
from dsplet.firmware_sim.compile.pareto import Mixture
from dsplet.firmware_sim.dsp32c.codegen.chosen import Chosen
from dsplet.firmware_sim.dsp32c.codegen.code import POOL, WIDTH, Constants, NeedsRegisters
from dsplet.firmware_sim.dsp32c.codegen.image import Image, Port, Section
from dsplet.firmware_sim.dsp32c.codegen.kernel import Line, compile_kernel
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices, mixtures
from dsplet.firmware_sim.dsp32c.codegen.pack import EXCESS
from dsplet.firmware_sim.dsp32c.codegen.planner import POOL_WORDS, Plan
from dsplet.firmware_sim.dsp32c.codegen.time_loops import CLOCK, Clock
from dsplet.firmware_sim.dsp32c.isa.assembler import Assembly, assemble
from dsplet.firmware_sim.dsp32c.isa.floats import to_words
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.quantize.fixed.kernel import Buffer, Fetch, Kernel, Repeat, flat
from dsplet.quantize.fixed.program import Program

LINEAR = "dauc = 4"
"""`ic` takes bytes as they are [dsp32c.md 2, S]; every other conversion as after reset."""
PACKED = {"half": np.int16, "byte": np.uint8}
EXTERNAL_PAIR_CYCLES = 0.25
"""What a multiply-accumulate with both operands in external memory costs extra (dsp32c.md 4.4)."""
LOOP_CYCLES = 3
"""A zero-overhead loop of its own: `do` and a moved pointer."""


class Compilation:
    """A program for a target, in every way that it can be compiled."""

    def __init__(self, program: Program, target: Target) -> None:
        self.program, self.target = program, target

    @cached_property
    def mixtures(self) -> list[Mixture[Choices]]:
        """Fastest first, smallest last."""
        return mixtures(self.program)

    def build(self, choices: Choices) -> Image:
        """Machine code as chosen, but for kernels that would need more registers together than the
        chip has. Raises DoesNotFit."""
        first = next(r for r in self.target.regions if r.start == 0)
        chosen, code_bytes = Chosen(self.program, self.target, choices), 4
        while True:
            try:
                attempt = _Attempt(chosen, code_bytes)
            except _CannotDo as error:
                choices = replace(choices, fused=choices.fused - error.fused,
                                  stepped=choices.stepped - error.stepped)
                chosen = Chosen(self.program, self.target, choices)
                continue
            if attempt.code_bytes <= max(code_bytes, first.bytes):
                return attempt.image()
            code_bytes = attempt.code_bytes


class _CannotDo(Exception):
    """Choices of which a kernel needs more registers than there are."""

    def __init__(self, fused: frozenset[str], stepped: frozenset[str]) -> None:
        self.fused, self.stepped = fused, stepped


class _Attempt:
    """Everything in its place, with `code_bytes` reserved for code from address 0."""

    def __init__(self, chosen: Chosen, reserved_bytes: int) -> None:
        self.chosen, self.target, self.program = chosen, chosen.target, chosen.program
        self.plan = Plan(self.target, reserved_bytes, chosen.nodes)
        rooms = self.plan.rooms(0)
        copies = [self._copies(k.kernel, self._hoped, rooms)[1] for k in chosen.kernels]
        self.plan.add(list(chosen.buffers.values()), [k.kernel for k in chosen.kernels],
                      chosen.kinds,
                      [sum(c.buffer.size for c in kernel if c.region == rooms[0].region)
                       for kernel in copies], chosen.repeats)
        self.constants = Constants()
        self.clock = Clock(chosen.repeats, self.plan.address(CLOCK) if chosen.repeats else 0)
        self.lines = self._code()

    @property
    def code_bytes(self) -> int:
        return 4 * sum(line.role != "label" for line in self.lines)

    def _code(self) -> list[Line]:
        repeats, lines = self.chosen.repeats, []
        bodies: list[list[Line]] = []
        for i, k in enumerate(self.chosen.kernels):
            bodies.append(self._kernel(i, k, bodies[-1][-1].text if bodies else ""))
        for i, body in enumerate(bodies):
            if i == self.program.resume:
                lines += [Line("goto halt", "other"), Line("nop", "nop"), Line("resume:", "label")]
            lines += [line for r in repeats if r.first == i for line in self._head(r)]
            lines += body
            lines += [line for r in reversed(repeats) if r.last == i for line in self._tail(r)]
        if "byte" in self.chosen.choices.packed.values():
            lines.insert(1, Line(LINEAR, "other"))
        return [*lines, Line("halt:", "label"), Line("goto halt", "other"), Line("nop", "nop")]

    def _kernel(self, i: int, fused: Fused, previous: str) -> list[Line]:
        kernel, copies = self._copies(fused.kernel, self.plan.region, self.plan.rooms(i))
        self.plan.copy(copies, i)
        try:
            return compile_kernel(kernel, self.plan.kind, self.plan.region, self.plan.address,
                                  self._place, self.constants, self.clock, self.clock.counters(i),
                                  previous)
        except NeedsRegisters:
            if fused.buffers:
                raise _CannotDo(fused.buffers, frozenset()) from None
            if self.chosen.choices.stepped:
                raise _CannotDo(frozenset(), self.chosen.choices.stepped) from None
            raise

    def _head(self, r: Repeat) -> list[Line]:
        return [Line(f"{r.var}_head:", "label"), *_instructions(self.clock.head(r)),
                Line(f"{r.var}_turn:", "label")]

    def _tail(self, r: Repeat) -> list[Line]:
        return [Line(f"{r.var}_tail:", "label"),
                *_instructions(self.clock.tail(r, f"{r.var}_turn"))]

    def _hoped(self, buffer: str) -> str | None:
        """Before anything has a place: activations that could lie on chip do."""
        b = self.chosen.buffers[buffer]
        small = any(4 * b.size <= bank.region.bytes for bank in self.plan.banks)
        return "chip" if b.role == "activation" and b.data is None and small else None

    def _copies(self, kernel: Kernel, region, rooms: list[Room]) -> tuple[Kernel, list[Copy]]:
        waits = max((r.wait_states for r in self.target.regions if r.external), default=0)
        packed = self.chosen.choices.packed
        return copy_on_chip(kernel, region, rooms, lambda b: EXCESS.get(packed.get(b)),
                            Costs(EXTERNAL_PAIR_CYCLES, LOOP_CYCLES,
                                  waits / self.target.states_per_cycle))

    def _place(self, table: str) -> int:
        """The address of a table's entry for 0."""
        width = WIDTH.get(self.plan.kind(table), 4)
        return self.plan.address(table) - width * self.chosen.first.get(table, 0)

    # --- the image ------------------------------------------------------------------------------
    def image(self) -> Image:
        assembly = assemble("\n".join(line.text for line in self.lines))
        code = [line for line in self.lines if line.role != "label"]
        words = np.array([assembly.words[4 * i] for i in range(len(code))], np.uint32)
        return Image(
            self.program.name, self.target, ((0, words), *self._data()),
            self._sections(assembly), {4 * i: line.role for i, line in enumerate(code)},
            self._listing(words), self.plan.placements, self._ports(self.program.inputs),
            self._ports(self.program.outputs), assembly.labels["halt"], self.chosen.steps,
            self.chosen.choices, resume=assembly.labels.get("resume"))

    def _data(self) -> list[tuple[int, Array]]:
        if len(self.constants.values) > POOL_WORDS:
            raise ValueError(f"{len(self.constants.values)} float constants; the pool has room for "
                             f"{POOL_WORDS}")
        data = [(self.plan.address(POOL), to_words(np.array(self.constants.values)))]
        for name, p in sorted(self.plan.placements.items(), key=lambda item: item[1].address):
            buffer = self.chosen.buffers.get(name)
            if buffer is not None and buffer.data is not None:
                data.append((p.address, self._encode(buffer, p.kind)))
        return data

    def _encode(self, buffer: Buffer, kind: str) -> Array:
        if kind in PACKED:
            numbers = np.zeros((buffer.size + 3) // 4 * 4, PACKED[kind])
            numbers[:buffer.size] = buffer.data
            return numbers.view(np.uint32)
        if kind in ("offset", "place"):
            base = self._place(self.chosen.tables[buffer.name]) if kind == "place" else 0
            return (base + 2 * buffer.data).astype(np.int32).view(np.uint32)
        try:
            return to_words(self.chosen.words.get(buffer.name, buffer.data.astype(np.float64)))
        except ValueError as error:
            raise ValueError(f"constant '{buffer.name}' does not fit the DSP32C's 24-bit mantissa: "
                             f"{error}") from None

    def _sections(self, assembly: Assembly) -> tuple[Section, ...]:
        found = [(assembly.labels[k.name], k.name, k.node, k.op, k.macs * self.program.turns(i),
                  self._tables(k)) for i, k in enumerate(self.program.kernels)]
        found += [(assembly.labels[name], name, r.node, "Scan", 0, ()) for r in self.chosen.repeats
                  for name in (f"{r.var}_head", f"{r.var}_tail")]
        found.sort()
        ends = [*(start for start, *_ in found[1:]), assembly.labels["halt"]]
        return tuple(Section(name, node, op, macs, start, end, tables)
                     for (start, name, node, op, macs, tables), end in
                     zip(found, ends, strict=True))

    def _tables(self, kernel: Kernel) -> tuple[tuple[int, int], ...]:
        statements = [s for top in kernel.body for s in flat(top)]
        looked_up = {s.table for s in statements if hasattr(s, "table")} | {
            s.ref.buffer for s in statements if isinstance(s, Fetch)}
        places = [self.plan[t] for t in sorted(looked_up)]
        return tuple((p.address, p.address + p.bytes - 1) for p in places)

    def _listing(self, words: Array) -> str:
        titles = {f"{k.name}:": f"  // {k.op} {k.node}" for k in self.program.kernels}
        rows, i = [], 0
        for line in self.lines:
            if line.role == "label":
                rows.append(line.text + titles.get(line.text, ""))
            else:
                rows.append(f"{4 * i:06x}  {words[i]:08x}      {line.text}")
                i += 1
        return "\n".join(rows) + "\n"

    def _ports(self, border) -> tuple[Port, ...]:
        ieee = self.program.reals is not None
        return tuple(Port(v, self.plan.address(b), v.size, ieee) for v, b in border)


def _instructions(texts: list[str]) -> list[Line]:
    return [Line(text, "nop" if text == "nop" else "other") for text in texts]
