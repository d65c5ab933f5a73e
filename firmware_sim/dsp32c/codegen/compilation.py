"""Compilation: from a program to an image, in attempts until code and data fit side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from math import prod

import numpy as np

from dsplet.base.errors import UserError
from dsplet.firmware_sim.backend import Array, DoesNotFit
from dsplet.firmware_sim.compile.fuse import Fused
from dsplet.firmware_sim.compile.lifetimes import touched
from dsplet.firmware_sim.compile.local_copies import Copy, Costs, Room, copy_on_chip
from dsplet.firmware_sim.compile.pareto import Mixture
from dsplet.firmware_sim.dsp32c.codegen.chosen import Chosen, prepared
from dsplet.firmware_sim.dsp32c.codegen.code import (
    BESIDE,
    POOL,
    Constants,
    Ins,
    Label,
    NeedsRegisters,
)
from dsplet.firmware_sim.dsp32c.codegen.image import Image, Port, Section
from dsplet.firmware_sim.dsp32c.codegen.instructions import NOP, control, goto
from dsplet.firmware_sim.dsp32c.codegen.kernel import Selected, link, select
from dsplet.firmware_sim.dsp32c.codegen.locate import locate
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices, mixtures
from dsplet.firmware_sim.dsp32c.codegen.pack import EXCESS
from dsplet.firmware_sim.dsp32c.codegen.planner import BESIDE_WORDS, POOL_WORDS, Plan
from dsplet.firmware_sim.dsp32c.codegen.schedule import Lines
from dsplet.firmware_sim.dsp32c.codegen.shared import Linked, share, span
from dsplet.firmware_sim.dsp32c.codegen.steady import Steady, steady
from dsplet.firmware_sim.dsp32c.codegen.time_loops import CLOCK, Clock
from dsplet.firmware_sim.dsp32c.isa.floats import to_words
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.quantize.fixed.kernel import Buffer, Fetch, Kernel, Repeat, flat
from dsplet.quantize.fixed.program import Program

LINEAR = control(4)
"""`ic` takes bytes as they are [dsp32c.md 2, S]; every other conversion as after reset."""
HALT = Label("halt")
RESUME = Label("resume")
BORDER = 2
"""Instructions at least where a loop over time begins or ends, and where a step ends."""
REACH_BYTES = 0x8000
"""A `goto` names its target in 16 bits, as a signed number [dsp32c.md 4.2]."""
PACKED = {"half": np.int16, "byte": np.uint8}
COSTS = Costs(pair=0.25, loop=3)
"""A multiply-accumulate with both operands in external memory loses a quarter of a cycle (dsp32c.md
4.4); a zero-overhead loop of its own costs `do` and a moved pointer."""

WORTH = (0.5, 4.0, 8.0, 16.0, 32.0)
"""Cycles that an instruction must save which a loop could do without: more, as long as the code is
longer than its bank. What lies outside is slower, and takes the room of numbers."""
NEARLY = 1.25
"""Times the bank: code that is longer will not fit it by being less written out."""


class Compilation:
    """A program for a target, in every way that it can be compiled."""

    def __init__(self, program: Program, target: Target) -> None:
        self.program, self.target, self._selections = program, target, Selections()

    @cached_property
    def _prepared(self) -> dict[str, Program]:
        return prepared(self.program, self.target)

    @cached_property
    def mixtures(self) -> list[Mixture[Choices]]:
        """Fastest first, smallest last."""
        return mixtures(self._prepared["joined_sums"])

    def build(self, choices: Choices) -> Image:
        """Machine code as chosen, but for kernels that would need more registers together than the
        chip has. Raises DoesNotFit."""
        first = self.target.first
        chosen, code_bytes, tight = self._chosen(choices), 4, 0
        while True:
            try:
                attempt = self._attempt(chosen, code_bytes, first.bytes, WORTH[tight])
            except _CannotDo as error:
                choices = replace(choices, fused=choices.fused - error.fused,
                                  stepped=choices.stepped - error.stepped)
                chosen = self._chosen(choices)
                continue
            if attempt.code_bytes <= max(code_bytes, first.bytes):
                return attempt.image()
            if tight + 1 == len(WORTH):
                code_bytes = attempt.code_bytes
            tight = min(tight + 1, len(WORTH) - 1) if (
                attempt.code_bytes <= NEARLY * first.bytes) else len(WORTH) - 1

    def _attempt(self, chosen: Chosen, code_bytes: int, bank_bytes: int, least: float) -> _Attempt:
        """What steps of loops over time have to sum is written out, where the bank has room."""
        attempt = _Attempt(chosen, code_bytes, self._selections, least)
        room = (bank_bytes - attempt.code_bytes) // 4
        if room <= 0 or not chosen.repeats:
            return attempt
        more = _Attempt(chosen, code_bytes, self._selections, least, room)
        return more if more.code_bytes <= bank_bytes else attempt

    def _chosen(self, choices: Choices) -> Chosen:
        return Chosen(self.program, self.target, choices, self._prepared)


class Selections:
    """Code by kernel, selected once for all the attempts to which it is the same: a layout that
    only moves its buffers changes addresses, which are not in it. So are its copies, which depend
    on where its buffers are to lie and on the room for them."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[tuple, Selected]]] = {}
        self._copied: dict[str, list[tuple[tuple, tuple[Kernel, list[Copy]]]]] = {}

    def copies(self, kernel: Kernel, region: Callable[[str], str | None], rooms: list[Room],
               packed: Mapping[str, str], costs: Costs) -> tuple[Kernel, list[Copy]]:
        """See `copy_on_chip`. packed: weight -> how it is stored."""
        key = (kernel, rooms, costs, [(b, region(b), packed.get(b))
                                      for b in sorted(touched([kernel]))])
        known = self._copied.setdefault(kernel.name, [])
        for other, copied in known:
            if other == key:
                return copied
        known.append((key, copy_on_chip(kernel, region, rooms,
                                        lambda b: EXCESS.get(packed.get(b, "word")), costs)))
        return known[-1][1]

    def select(self, kernel: Kernel, plan: Plan, constants: Constants, taken: list[str],
               least: float, room: int) -> Selected:
        """See `kernel.select`."""
        buffers = touched([kernel])
        key = (kernel, taken, least, room, constants.room, [
            (b, plan.kind(b), plan.region(b) if constants.room else plan.region(b) is None)
            for b in sorted(buffers)])
        known = self._known.setdefault(kernel.name, [])
        for other, code in known:
            if other == key and code.fits(constants):
                return code
        known.append((key, select(kernel, plan, constants, taken, least, room)))
        return known[-1][1]


class _CannotDo(Exception):
    """Choices of which a kernel needs more registers than there are."""

    def __init__(self, fused: frozenset[str], stepped: frozenset[str]) -> None:
        self.fused, self.stepped = fused, stepped


class _Attempt:
    """Everything in its place, with `code_bytes` reserved for code from address 0."""

    def __init__(self, chosen: Chosen, reserved_bytes: int, selections: Selections, least: float,
                 room: int = 0) -> None:
        """least: cycles that an instruction must save which a loop could do without. room: for how
        many of them more there is a place, in loops over time."""
        self.least, self.room, self.selections = least, room, selections
        self.chosen, self.target, self.program = chosen, chosen.target, chosen.program
        self.plan = Plan(self.target, reserved_bytes, chosen.nodes, chosen.first)
        rooms = self.plan.rooms(0)
        copies = [self._copies(k.kernel, self._hoped, rooms)[1] for k in chosen.kernels]
        self.plan.add(list(chosen.buffers.values()), [k.kernel for k in chosen.kernels],
                      chosen.kinds,
                      [sum(c.buffer.size for c in kernel if c.region == rooms[0].region)
                       for kernel in copies], chosen.repeats)
        room = BESIDE_WORDS if BESIDE in self.plan.placements else 0
        self.constants = Constants(room)
        self.shared: dict[str, tuple[str, ...]] = {}
        self.clock = Clock(chosen.repeats, self.plan.address(CLOCK) if chosen.repeats else 0)
        self.lines = self._code()

    @property
    def code_bytes(self) -> int:
        return 4 * sum(isinstance(line, Ins) for line in self.lines)

    def _code(self) -> Lines:
        repeats = self.chosen.repeats
        bodies: list[Lines] = []
        lines: Lines = []
        linear = [LINEAR] * ("byte" in self.chosen.kinds.values())
        codes = [self._selected(i, k) for i, k in enumerate(self.chosen.kernels)]
        self._steady = {r.var: self._kept(codes, r) for r in repeats}
        for i, code in enumerate(codes):
            bodies.append(self._linked(i, code, bodies[-1] if bodies else []))
        if 4 * sum(isinstance(line, Ins) for b in bodies for line in b) > self.target.first.bytes:
            bodies, self.shared = share([
                Linked(code.name, body[:-len(code.lines)], body[-len(code.lines):],
                       bool(self.clock.counters(i)))
                for i, (code, body) in enumerate(zip(codes, bodies, strict=True))])
        for i, body in enumerate(bodies):
            if i == self.program.resume:
                lines += [goto(HALT), NOP, RESUME, *linear]
            lines += [line for r in repeats if r.first == i for line in self._head(r)]
            lines += [*body[:1], *linear, *body[1:]] if i == 0 else body
            lines += [line for r in reversed(repeats) if r.last == i for line in self._tail(r)]
        return [*lines, HALT, goto(HALT), NOP]

    def _selected(self, i: int, fused: Fused) -> Selected:
        kernel, copies = self._copies(fused.kernel, self.plan.region, self.plan.rooms(i))
        self.plan.copy(copies, i)
        try:
            turns = prod(r.extent for r in self.chosen.repeats if r.first <= i <= r.last)
            code = self.selections.select(kernel, self.plan, self.constants,
                                          self.clock.counters(i), self.least / turns,
                                          self.room * (turns > 1 and kernel.macs > 0))
            self.room -= code.written
            return code
        except NeedsRegisters:
            if fused.buffers:
                raise _CannotDo(fused.buffers, frozenset()) from None
            if self.chosen.choices.stepped:
                raise _CannotDo(frozenset(), self.chosen.choices.stepped) from None
            raise

    def _kept(self, codes: list[Selected], r: Repeat) -> Steady:
        """What registers hold through a loop over time, if there is none inside it."""
        inside = codes[r.first:r.last + 1]
        if any(r.first <= o.first and o.last <= r.last for o in self.chosen.repeats if o is not r):
            return Steady()
        return steady(inside, [c.starts(self.plan) for c in inside],
                      self.clock.counters(r.first), r.var)

    def _linked(self, i: int, code: Selected, before: Lines) -> Lines:
        kept = next((s for r in reversed(self.chosen.repeats) if r.first <= i <= r.last
                     if (s := self._steady[r.var]).kept), Steady())
        taken = [*self.clock.counters(i), *kept.kept.values()]
        starts = code.starts(self.plan)
        border = i == self.program.resume or any(i in (r.first, r.last + 1)
                                                 for r in self.chosen.repeats)
        repeated = any(r.first <= i <= r.last for r in self.chosen.repeats)
        return link(code, self.plan, self.clock, before, BORDER * border, taken,
                    kept.registers(code, starts), kept.copied(starts), repeated)

    def _head(self, r: Repeat) -> Lines:
        return [Label(f"{r.var}_head"), *self.clock.head(r), *self._steady[r.var].before(),
                Label(f"{r.var}_turn")]

    def _tail(self, r: Repeat) -> Lines:
        return [Label(f"{r.var}_tail"), *self.clock.tail(r, Label(f"{r.var}_turn"),
                                                         self._steady[r.var].after())]

    def _hoped(self, buffer: str) -> str | None:
        """Before anything has a place: activations that could lie on chip do."""
        b = self.chosen.buffers[buffer]
        small = any(4 * b.size <= bank.region.bytes for bank in self.plan.banks)
        return "chip" if b.role == "activation" and b.data is None and small else None

    def _copies(self, kernel: Kernel, region, rooms: list[Room]) -> tuple[Kernel, list[Copy]]:
        waits = max((r.wait_states for r in self.target.regions if r.external), default=0)
        return self.selections.copies(kernel, region, rooms, self.chosen.choices.packed,
                                      replace(COSTS, wait=waits / self.target.states_per_cycle))

    # --- the image ------------------------------------------------------------------------------
    def image(self) -> Image:
        code: list[Ins] = []
        labels: dict[str, int] = {}
        for line in self.lines:
            if isinstance(line, Label):
                labels[line.name] = 4 * len(code)
            else:
                code.append(line)
        if labels["halt"] >= REACH_BYTES:
            raise DoesNotFit(f"the code has {4 * len(code):,} bytes; a goto reaches the first "
                             f"{REACH_BYTES:,}", 4 * len(code) - REACH_BYTES)
        words = np.array([ins.word(4 * i, labels) for i, ins in enumerate(code)], np.uint32)
        sections = self._sections(labels)
        views, loops = locate(self.chosen, self.plan, sections)
        return Image(
            self.program.name, self.target, ((0, words), *self._data()), sections,
            {4 * i: ins.role for i, ins in enumerate(code)}, self._listing(words),
            self.plan.placements, self._ports(self.program.inputs),
            self._ports(self.program.outputs), labels["halt"], self.chosen.steps,
            self.chosen.choices, views, loops, resume=labels.get("resume"))

    def _data(self) -> list[tuple[int, Array]]:
        constants = self.constants.values(self.plan.place)
        if len(constants) > POOL_WORDS:
            raise DoesNotFit(f"{len(constants)} float constants; the pool has room for "
                             f"{POOL_WORDS}", 4 * (len(constants) - POOL_WORDS))
        data = [(self.plan.address(POOL), to_words(np.array(constants)))]
        if others := self.constants.values(self.plan.place, BESIDE):
            data.append((self.plan.address(BESIDE), to_words(np.array(others))))
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
            entry = self.chosen.places[buffer.name]
            base = self.plan.place(entry.table) if entry.table else 0
            return (base + entry.unit * buffer.integers).astype(np.int32).view(np.uint32)
        try:
            return to_words(self.chosen.words.get(buffer.name, buffer.integers.astype(np.float64)))
        except ValueError as error:
            raise UserError(f"does not fit the DSP32C's 24-bit mantissa: {error}",
                            where=f"constant '{buffer.name}'") from None

    def _sections(self, labels: dict[str, int]) -> tuple[Section, ...]:
        layers, steps = self.program.layers, self.chosen.step_of
        tables = {k.name: self._tables(k) for k in self.program.kernels}
        for first, names in self.shared.items():
            tables[first] = tuple(dict.fromkeys(t for name in names for t in tables[name]))
        found = [(labels[k.name], k.name, k.node, k.op, k.macs * self.program.turns(i),
                  tables[k.name]) for i, k in enumerate(self.program.kernels)]
        found += [(labels[name], name, r.node, "Scan", 0, ()) for r in self.chosen.repeats
                  for name in (f"{r.var}_head", f"{r.var}_tail")]
        found.sort()
        ends = [*(start for start, *_ in found[1:]), labels["halt"]]
        shared = {name: (tuple(labels[at.name] for at in span(first)), len(names))
                  for first, names in self.shared.items() for name in names}
        return tuple(Section(name, node, op, macs, start, end, read, *shared.get(name, ()),
                             step=steps.get(name), layer=layers.code(node, op))
                     for (start, name, node, op, macs, read), end in
                     zip(found, ends, strict=True))

    def _tables(self, kernel: Kernel) -> tuple[tuple[int, int], ...]:
        statements = [s for top in kernel.body for s in flat(top)]
        looked_up = {s.table for s in statements if hasattr(s, "table")} | {
            s.ref.buffer for s in statements if isinstance(s, Fetch)}
        places = [self.plan[t] for t in sorted(looked_up)]
        return tuple((p.address, p.address + p.bytes - 1) for p in places)

    def _listing(self, words: Array) -> str:
        titles = {Label(k.name): f"  // {k.op} {k.node}" for k in self.program.kernels}
        rows, i = [], 0
        for line in self.lines:
            if isinstance(line, Label):
                rows.append(f"{line}:" + titles.get(line, ""))
            else:
                rows.append(f"{4 * i:06x}  {words[i]:08x}      {line}")
                i += 1
        return "\n".join(rows) + "\n"

    def _ports(self, border) -> tuple[Port, ...]:
        ieee = self.program.reals is not None
        return tuple(Port(v, self.plan.address(b), v.size, ieee) for v, b in border)
