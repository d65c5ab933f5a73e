"""Image: a program compiled for a target, as machine code, constants and symbols."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

import numpy as np

from dsplet.firmware_sim.dsp32c.codegen.code import (
    POOL,
    Constants,
    Ins,
    Label,
    NeedsRegisters,
)
from dsplet.firmware_sim.dsp32c.codegen.delayed_requantize import delay_requantize
from dsplet.firmware_sim.dsp32c.codegen.fuse import fuse, parts
from dsplet.firmware_sim.dsp32c.codegen.instructions import NOP, control, goto
from dsplet.firmware_sim.dsp32c.codegen.kernel import compile_kernel
from dsplet.firmware_sim.dsp32c.codegen.local_copies import stage
from dsplet.firmware_sim.dsp32c.codegen.lookup import entries, walks
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices, mixtures
from dsplet.firmware_sim.dsp32c.codegen.pack import EXCESS
from dsplet.firmware_sim.dsp32c.codegen.planner import POOL_WORDS, DoesNotFit, Placement, Plan
from dsplet.firmware_sim.dsp32c.codegen.real import real
from dsplet.firmware_sim.dsp32c.codegen.scale import Entry, Scaled, scale
from dsplet.firmware_sim.dsp32c.codegen.schedule import Lines
from dsplet.firmware_sim.dsp32c.codegen.time_loops import CLOCK, Clock
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.isa.floats import to_words
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.kernel import Buffer, Fetch, Kernel, Lookup, Repeat, flat
from dsplet.quantize.fixed.program import Program

LINEAR = control(4)
"""`ic` takes bytes as they are [dsp32c.md 2, S]; every other conversion as after reset."""
HALT = Label("halt")
RESUME = Label("resume")
PACKED = {"half": np.int16, "byte": np.uint8}


@dataclass(frozen=True)
class Port:
    """A graph value at the border: words from `address`, row-major; int24, or IEEE float32."""

    value: Value
    address: int
    words: int
    ieee: bool = False

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Numbers (N, *shape) as uint32 words (N, words)."""
        x = np.asarray(x).reshape(len(x), self.words)
        return x.astype(np.float32 if self.ieee else np.int32).view(np.uint32)

    def decode(self, words: np.ndarray) -> np.ndarray:
        """uint32 words as numbers: int64, or float32."""
        return words.view(np.float32) if self.ieee else words.view(np.int32).astype(np.int64)


@dataclass(frozen=True)
class Section:
    """The code of one kernel: byte addresses start <= pc < end.

    tables: (first, last) byte addresses of the tables that it reads at addresses from the data.
    """

    kernel: str
    node: str
    op: str
    start: int
    end: int
    macs: int
    tables: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Image:
    """segments: (address, uint32 words). roles: instruction address -> "mac", "nop" or "other".
    steps: what is executed in order, as the placements' lifetimes count. choices: what was traded.

    Execution starts at `entry` with all registers 0 and ends when pc reaches `halt`.
    """

    name: str
    target: Target
    segments: tuple[tuple[int, np.ndarray], ...]
    sections: tuple[Section, ...]
    roles: dict[int, str]
    listing: str
    placements: dict[str, Placement]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    halt: int
    steps: tuple[str, ...]
    choices: Choices
    entry: int = 0
    resume: int | None = None
    """Where a call begins that takes one step of a sequence (see `stream`)."""

    @property
    def code_bytes(self) -> int:
        return 4 * len(self.roles)

    def memory_by_region(self) -> dict[str, tuple[int, int]]:
        """Region name -> (bytes used, bytes there)."""
        used = {r.name: set() for r in self.target.regions}
        for p in self.placements.values():
            used[p.region].add((p.address, p.address + p.bytes))
        for r in self.target.regions:
            if r.start < self.code_bytes:
                used[r.name].add((r.start, min(self.code_bytes, r.end)))
        return {r.name: (_covered(used[r.name]), r.bytes) for r in self.target.regions}


def compile_program(program: Program, target: Target) -> Image:
    """The fastest machine code that the target's board has memory for; else `DoesNotFit`."""
    ways, lacking = mixtures(program), 0
    for mixture in ways:
        if mixture.bytes >= lacking or mixture is ways[-1]:
            try:
                return build(program, target, mixture.choices)
            except DoesNotFit as error:
                lacking, refused = mixture.bytes + error.missing_bytes, error
    raise refused


def build(program: Program, target: Target, choices: Choices) -> Image:
    """Machine code as chosen, but for kernels that would need more registers together than the
    chip has. Raises DoesNotFit."""
    code_bytes = 4
    while True:
        try:
            image = _Compilation(program, target, choices, code_bytes).image()
        except CannotDo as error:
            choices = replace(choices, fused=choices.fused - error.fused,
                              stepped=choices.stepped - error.stepped)
            continue
        first = next(r for r in target.regions if r.start == 0)
        if image.code_bytes <= max(code_bytes, first.bytes):
            return image
        code_bytes = image.code_bytes


class CannotDo(Exception):
    """Choices of which a kernel needs more registers than there are."""

    def __init__(self, fused: frozenset[str], stepped: frozenset[str]) -> None:
        self.fused, self.stepped = fused, stepped


class _Compilation:
    """One attempt with `code_bytes` reserved for code from address 0."""

    def __init__(self, program: Program, target: Target, choices: Choices,
                 code_bytes: int) -> None:
        self.program = program = choices.apply(program)
        self.target, self.choices, self.packed = target, choices, choices.packed
        places = entries(program, max(r.end for r in target.board.regions))
        scaled = real(program) if program.reals is not None else delay_requantize(
            [scale(k, program.buffers, places, self.packed) for k in program.kernels])
        self.words = {name: w for s in scaled for name, w in s.words.items()}
        buffers = {**program.buffers, **{b.name: b for s in scaled for b in s.buffers}}
        scaled, self.buffers = fuse(scaled, buffers, choices.fused, program.borders)
        self.repeats = _renumbered(program, [s.kernel.name for s in scaled])
        nodes = {k.name: k.node for k in program.kernels}
        self.steps = tuple(" + ".join(nodes[name] for name in parts(s.kernel)) for s in scaled)
        self.first = {s.table: s.first for k in program.kernels for top in k.body
                      for s in flat(top) if isinstance(s, Lookup)}
        self.tables = {b: entry.table for b, entry in places.items()}
        self.plan = Plan(target, code_bytes, nodes, self.first)
        rooms = self.plan.rooms(0)
        copies = [self._stage(s, self._hoped, rooms)[1] for s in scaled]
        self.plan.add(list(self.buffers.values()), tuple(s.kernel for s in scaled),
                      _kinds(program, places) | self.packed,
                      [sum(c.buffer.size for c in kernel if c.region == rooms[0].region)
                       for kernel in copies], self.repeats)
        self.constants = Constants()
        self.clock = Clock(self.repeats, self.plan.address(CLOCK) if self.repeats else 0)
        self.lines: Lines = []
        bodies: list[Lines] = []
        previous: Ins | None = None
        for i, s in enumerate(scaled):
            bodies.append(self._kernel(i, s, previous))
            previous = next(line for line in reversed(bodies[-1]) if isinstance(line, Ins))
        for i, body in enumerate(bodies):
            if i == program.resume:
                self.lines += [goto(HALT), NOP, RESUME]
            self.lines += [line for r in self.repeats if r.first == i for line in self._head(r)]
            self.lines += body
            self.lines += [line for r in reversed(self.repeats) if r.last == i
                           for line in self._tail(r)]
        if "byte" in self.packed.values():
            self.lines.insert(1, LINEAR)

    def _kernel(self, i: int, scaled: Scaled, previous: Ins | None) -> Lines:
        kernel, copies = self._stage(scaled, self.plan.region, self.plan.rooms(i))
        self.plan.stage(copies, i)
        try:
            return compile_kernel(kernel, self.plan, self.constants, self.clock,
                                  self.clock.counters(i), previous)
        except NeedsRegisters:
            if scaled.fused:
                raise CannotDo(scaled.fused, frozenset()) from None
            if self.choices.stepped:
                raise CannotDo(frozenset(), self.choices.stepped) from None
            raise

    def _head(self, r: Repeat) -> Lines:
        return [Label(f"{r.var}_head"), *self.clock.head(r), Label(f"{r.var}_turn")]

    def _tail(self, r: Repeat) -> Lines:
        return [Label(f"{r.var}_tail"), *self.clock.tail(r, Label(f"{r.var}_turn"))]

    def _hoped(self, buffer: str) -> str | None:
        """Before anything has a place: activations that could lie on chip do."""
        b = self.buffers[buffer]
        small = any(4 * b.size <= arena.region.bytes for arena in self.plan.banks)
        return "chip" if b.role == "activation" and b.data is None and small else None

    def _stage(self, scaled: Scaled, region, rooms):
        waits = max((r.wait_states for r in self.target.regions if r.external), default=0)
        return stage(scaled.kernel, region, rooms, lambda b: EXCESS.get(self.packed.get(b)),
                     waits / self.target.states_per_cycle)

    def image(self) -> Image:
        lines = [*self.lines, HALT, goto(HALT), NOP]
        texts = [str(line) if isinstance(line, Ins) else f"{line}:" for line in lines]
        assembly = assemble("\n".join(texts))
        code = [line for line in lines if isinstance(line, Ins)]
        words = np.array([assembly.words[4 * i] for i in range(len(code))], np.uint32)
        segments = [(0, words), *self._data()]
        return Image(
            self.program.name, self.target, tuple(segments), self._sections(assembly, len(code)),
            {4 * i: line.role for i, line in enumerate(code)}, self._listing(lines, texts, words),
            self.plan.placements, self._ports(self.program.inputs),
            self._ports(self.program.outputs), assembly.labels["halt"], self.steps, self.choices,
            resume=assembly.labels.get("resume"))

    def _data(self) -> list[tuple[int, np.ndarray]]:
        if len(self.constants.values) > POOL_WORDS:
            raise ValueError(f"{len(self.constants.values)} float constants; the pool has room for "
                             f"{POOL_WORDS}")
        data = [(self.plan.address(POOL), to_words(np.array(self.constants.values)))]
        for name, p in sorted(self.plan.placements.items(), key=lambda item: item[1].address):
            buffer = self.buffers.get(name)
            if buffer is not None and buffer.data is not None:
                data.append((p.address, self._encode(buffer, p.kind)))
        return data

    def _encode(self, buffer: Buffer, kind: str) -> np.ndarray:
        if kind in PACKED:
            numbers = np.zeros((buffer.size + 3) // 4 * 4, PACKED[kind])
            numbers[:buffer.size] = buffer.data
            return numbers.view(np.uint32)
        if kind in ("offset", "place"):
            base = self.plan.place(self.tables[buffer.name]) if kind == "place" else 0
            return (base + 2 * buffer.data).astype(np.int32).view(np.uint32)
        try:
            return to_words(self.words.get(buffer.name, buffer.data.astype(np.float64)))
        except ValueError as error:
            raise ValueError(f"constant '{buffer.name}' does not fit the DSP32C's 24-bit mantissa: "
                             f"{error}") from None

    def _sections(self, assembly, instructions: int) -> tuple[Section, ...]:
        found = [(assembly.labels[k.name], k.name, k.node, k.op, k.macs * self.program.turns(i),
                  self._tables(k)) for i, k in enumerate(self.program.kernels)]
        found += [(assembly.labels[name], name, r.node, "Scan", 0, ()) for r in self.repeats
                  for name in (f"{r.var}_head", f"{r.var}_tail")]
        found.sort()
        ends = [*(start for start, *_ in found[1:]), assembly.labels["halt"]]
        return tuple(Section(name, node, op, start, end, macs, tables)
                     for (start, name, node, op, macs, tables), end in
                     zip(found, ends, strict=True))

    def _tables(self, kernel: Kernel) -> tuple[tuple[int, int], ...]:
        statements = [s for top in kernel.body for s in flat(top)]
        looked_up = {s.table for s in statements if hasattr(s, "table")} | {
            s.ref.buffer for s in statements if isinstance(s, Fetch)}
        places = [self.plan[t] for t in sorted(looked_up)]
        return tuple((p.address, p.address + p.bytes - 1) for p in places)

    def _listing(self, lines: Lines, texts: list[str], words: np.ndarray) -> str:
        titles = {Label(k.name): f"  // {k.op} {k.node}" for k in self.program.kernels}
        rows, i = [], 0
        for line, text in zip(lines, texts, strict=True):
            if isinstance(line, Label):
                rows.append(text + titles.get(line, ""))
            else:
                rows.append(f"{4 * i:06x}  {words[i]:08x}      {text}")
                i += 1
        return "\n".join(rows) + "\n"

    def _ports(self, border) -> tuple[Port, ...]:
        ieee = self.program.reals is not None
        return tuple(Port(v, self.plan.address(b), v.size, ieee) for v, b in border)


def _renumbered(program: Program, kernels: list[str]) -> tuple[Repeat, ...]:
    """The loops over time by the numbers of these kernels, each of which stands for those that
    follow it in the program, up to the next."""
    numbers = {k.name: i for i, k in enumerate(program.kernels)}
    starts = [numbers[name] for name in kernels]
    return tuple(replace(r, first=bisect_right(starts, r.first) - 1,
                         last=bisect_right(starts, r.last) - 1) for r in program.repeats)


def _kinds(program: Program, entries: dict[str, Entry]) -> dict[str, str]:
    """Border buffers are int24 words, or IEEE numbers where the arithmetic is float; what is only
    ever looked up is a place in its table."""
    border = "long" if program.reals is None else "ieee"
    kinds = {b.name: border for b in program.buffers.values() if b.role in ("input", "output")}
    kinds |= {w.table: "half" for w in walks(program)}
    return kinds | {b: "place" if entry.table else "offset" for b, entry in entries.items()}


def _covered(spans: set[tuple[int, int]]) -> int:
    total, reached = 0, -1
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def symbols(image: Image) -> str:
    """The symbol map: one line a buffer, by address, with the steps during which it is alive."""
    rows = [f"{p.address:06x}  {p.bytes:7d}  {p.region:<6}  {p.kind:<6}  {p.role:<10}  "
            f"{p.first:5d}  {min(p.last, len(image.steps) - 1):4d}  {name}"
            for name, p in sorted(image.placements.items(), key=lambda i: (i[1].address, i[0]))]
    steps = [f"step {i:4d}  {name}" for i, name in enumerate(image.steps)]
    return "\n".join(["address   bytes  region  kind    role        first  last  buffer", *rows,
                      "", *steps]) + "\n"
