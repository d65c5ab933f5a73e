"""Image: a program compiled for a target, as machine code, constants and symbols."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_sim.assembler import assemble
from firmware_sim.codegen.code import POOL, Constants
from firmware_sim.codegen.kernel import Line, compile_kernel
from firmware_sim.codegen.postpone import postpone
from firmware_sim.codegen.scale import Scaled, scale
from firmware_sim.codegen.shape import stage
from firmware_sim.floats import to_words
from firmware_sim.planner import POOL_WORDS, DoesNotFit, Placement, Plan
from firmware_sim.targets.target import Target
from quantize.fixed.graph import Value
from quantize.fixed.kernel import Buffer, Lookup, Loop, Mac, Set, refs
from quantize.fixed.program import Program

OFFSET_UNIT = 4
"""A value that only indexes a table is stored as the byte offset of its entry."""


@dataclass(frozen=True)
class Port:
    """A graph value at the border: int24 words from `address`, row-major."""

    value: Value
    address: int
    words: int


@dataclass(frozen=True)
class Section:
    """The code of one kernel: byte addresses start <= pc < end."""

    kernel: str
    node: str
    op: str
    start: int
    end: int
    macs: int


@dataclass(frozen=True, eq=False)
class Image:
    """segments: (address, uint32 words). roles: instruction address -> "mac", "nop" or "other".

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
    entry: int = 0

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
    """Machine code for a target. `DoesNotFit` where its board is too small, even with the weights
    of dense layers packed as int16."""
    kinds = _kinds(program)
    while True:
        try:
            return _compile(program, target, kinds)
        except DoesNotFit as error:
            pack = _next_to_pack(program, kinds, error.missing_bytes)
            if pack is None:
                raise
            kinds[pack] = "half"


def _compile(program: Program, target: Target, kinds: dict[str, str]) -> Image:
    code_bytes = 4
    while True:
        image = _Compilation(program, target, kinds, code_bytes).image()
        first = next(r for r in target.regions if r.start == 0)
        if image.code_bytes <= max(code_bytes, first.bytes):
            return image
        code_bytes = image.code_bytes


class _Compilation:
    """One attempt with `code_bytes` reserved for code from address 0."""

    def __init__(self, program: Program, target: Target, kinds: dict[str, str],
                 code_bytes: int) -> None:
        self.program, self.target = program, target
        scaled = [scale(k, program.buffers,
                        lambda b: OFFSET_UNIT if kinds.get(b) == "offset" else 1,
                        lambda b: kinds.get(b) == "half") for k in program.kernels]
        scaled = postpone(scaled)
        self.words = {name: w for s in scaled for name, w in s.words.items()}
        self.buffers = {**program.buffers, **{b.name: b for s in scaled for b in s.buffers}}
        self.plan = Plan(target, code_bytes)
        self.plan.add(list(self.buffers.values()), tuple(s.kernel for s in scaled), kinds)
        self.constants = Constants()
        self.lines: list[Line] = []
        for i, s in enumerate(scaled):
            self.lines += self._kernel(i, s, self.lines[-1].text if self.lines else "")

    def _kernel(self, i: int, scaled: Scaled, previous: str) -> list[Line]:
        kernel, staged = stage(scaled.kernel, self.plan.is_external, self.plan.staging_words(i))
        self.plan.stage(staged, i)
        return compile_kernel(kernel, self.plan.kind, self.plan.is_external, self.plan.address,
                              self.constants, previous)

    def image(self) -> Image:
        lines = [*self.lines, Line("halt:", "halt", "label"), Line("goto halt", "halt", "other"),
                 Line("nop", "halt", "nop")]
        assembly = assemble("\n".join(line.text for line in lines))
        code = [line for line in lines if line.role != "label"]
        words = np.array([assembly.words[4 * i] for i in range(len(code))], np.uint32)
        segments = [(0, words), *self._data()]
        return Image(
            self.program.name, self.target, tuple(segments), self._sections(assembly, len(code)),
            {4 * i: line.role for i, line in enumerate(code)}, self._listing(lines, words),
            self.plan.placements, self._ports(self.program.inputs),
            self._ports(self.program.outputs), assembly.labels["halt"])

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
        if kind == "half":
            padded = np.zeros((buffer.size + 1) // 2 * 2, np.int16)
            padded[:buffer.size] = buffer.data
            return padded.view(np.uint32)
        if kind == "offset":
            return (OFFSET_UNIT * buffer.data).astype(np.int32).view(np.uint32)
        try:
            return to_words(self.words.get(buffer.name, buffer.data.astype(np.float64)))
        except ValueError as error:
            raise ValueError(f"constant '{buffer.name}' does not fit the DSP32C's 24-bit mantissa: "
                             f"{error}") from None

    def _sections(self, assembly, instructions: int) -> tuple[Section, ...]:
        starts = [assembly.labels[k.name] for k in self.program.kernels]
        ends = [*starts[1:], assembly.labels["halt"]]
        return tuple(Section(k.name, k.node, k.op, a, b, k.macs) for k, a, b in
                     zip(self.program.kernels, starts, ends, strict=True))

    def _listing(self, lines: list[Line], words: np.ndarray) -> str:
        titles = {f"{k.name}:": f"  // {k.op} {k.node}" for k in self.program.kernels}
        rows, i = [], 0
        for line in lines:
            if line.role == "label":
                rows.append(line.text + titles.get(line.text, ""))
            else:
                rows.append(f"{4 * i:06x}  {words[i]:08x}      {line.text}")
                i += 1
        return "\n".join(rows) + "\n"

    def _ports(self, border) -> tuple[Port, ...]:
        return tuple(Port(v, self.plan.address(b), v.size) for v, b in border)


def _kinds(program: Program) -> dict[str, str]:
    """Border buffers are int24 words; what is only ever looked up is stored as table offsets."""
    kinds = {b.name: "long" for b in program.buffers.values() if b.role in ("input", "output")}
    reads: dict[str, list[bool]] = {}
    for kernel in program.kernels:
        for body in _bodies(kernel.body):
            for i, s in enumerate(body):
                for r in () if isinstance(s, Loop) else refs(s):
                    looked_up = isinstance(s, Set) and i + 1 < len(body) and isinstance(
                        body[i + 1], Lookup) and body[i + 1].d == s.d
                    if getattr(s, "ref", None) is not r:
                        reads.setdefault(r.buffer, []).append(looked_up)
    return kinds | {name: "offset" for name, all_looked_up in reads.items()
                    if all(all_looked_up) and program.buffers[name].role == "activation"}


def _bodies(body: tuple):
    yield body
    for s in body:
        if isinstance(s, Loop):
            yield from _bodies(s.body)


def _next_to_pack(program: Program, kinds: dict[str, str], missing_bytes: int) -> str | None:
    """Weights that a multiply-accumulate loop may unpack as it goes: the cheapest that suffice.

    Unpacking costs one instruction for each weight read, packing saves two bytes for each.
    """
    options = {}
    for kernel in program.kernels:
        for body in _bodies(kernel.body):
            for s in body:
                if isinstance(s, Loop) and len(s.body) == 1 and isinstance(s.body[0], Mac):
                    w = program.buffers[s.body[0].w.buffer]
                    if w.role == "const" and kinds.get(w.name) != "half" and (
                            kernel.macs == w.size):
                        options[w.name] = 2 * w.size
    enough = [o for o in options if options[o] >= missing_bytes]
    if enough:
        return min(enough, key=options.get)
    return max(options, key=options.get, default=None)


def _covered(spans: set[tuple[int, int]]) -> int:
    total, reached = 0, -1
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def symbols(image: Image) -> str:
    """The symbol map: one line a buffer, by address."""
    rows = [f"{p.address:06x}  {p.bytes:7d}  {p.region:<6}  {p.kind:<6}  {p.role:<10}  {name}"
            for name, p in sorted(image.placements.items(), key=lambda i: (i[1].address, i[0]))]
    return "\n".join(["address   bytes  region  kind    role        buffer", *rows]) + "\n"

