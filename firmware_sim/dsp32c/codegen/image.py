"""Image: a program compiled for a target, as machine code, constants and symbols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from dsplet.firmware_sim import backend
from dsplet.firmware_sim.backend import Array
from dsplet.firmware_sim.dsp32c.codegen.code import SCRATCH
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices
from dsplet.firmware_sim.dsp32c.codegen.planner import Placement
from dsplet.firmware_sim.dsp32c.codegen.time_loops import CLOCK
from dsplet.firmware_sim.dsp32c.codegen.views import Turns, View
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.rows import MapRow, Memory, MemoryRow
from dsplet.quantize.fixed.graph import Value


@dataclass(frozen=True)
class Port:
    """A graph value at the border: words from `address`, row-major; int24, or IEEE float32."""

    value: Value
    address: int
    words: int
    ieee: bool = False

    def encode(self, x: Array) -> Array:
        """Numbers (N, *shape) as uint32 words (N, words)."""
        x = np.asarray(x).reshape(len(x), self.words)
        return x.astype(np.float32 if self.ieee else np.int32).view(np.uint32)

    def decode(self, words: Array) -> Array:
        """uint32 words as numbers: int64, or float32."""
        return words.view(np.float32) if self.ieee else words.view(np.int32).astype(np.int64)


@dataclass(frozen=True)
class Section(backend.Section):
    """Where the code of one kernel is: byte addresses start <= pc < end.

    tables: (first, last) byte addresses of the tables that it reads at addresses from the data.
    shared: start and end of code that it runs with others (`codegen.shared`); users: how many do.
    """

    start: int
    end: int
    tables: tuple[tuple[int, int], ...] = ()
    shared: tuple[int, int] = (0, 0)
    users: int = 1

    def parts(self) -> Iterator[tuple[int, int]]:
        """(address, between how many kernels its cycles are divided) of each instruction."""
        start, end = self.shared
        yield from ((a, 1) for a in range(self.start, self.end, 4) if not start <= a < end)
        yield from ((a, self.users) for a in range(start, end, 4))


@dataclass(frozen=True, eq=False)
class Image:
    """segments: (address, uint32 words). roles: instruction address -> "mac", "nop" or "other".
    steps: what is executed in order, as the placements' lifetimes count. choices: what was traded.
    views: where the values of the graph lie (`codegen.locate`); loops: of the code, those in which
    some of them are made, outer ones first.

    Execution starts at `entry` with all registers 0 and ends when pc reaches `halt`.
    """

    name: str
    target: Target
    segments: tuple[tuple[int, Array], ...]
    sections: tuple[Section, ...]
    roles: dict[int, str]
    listing: str
    placements: dict[str, Placement]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    halt: int
    steps: tuple[str, ...]
    choices: Choices
    views: tuple[View, ...] = ()
    loops: tuple[Turns, ...] = ()
    entry: int = 0
    resume: int | None = None
    """Where a call begins that takes one step of a sequence (see `stream`)."""

    @property
    def code_bytes(self) -> int:
        return 4 * len(self.roles)

    def memory(self) -> Memory:
        """What it takes of each region, and of all of them what changes and what does not."""
        spans = [(p.address, p.address + p.bytes) for p in self.placements.values()]
        code = (0, self.code_bytes)
        fixed = [code, *(span for span, p in zip(spans, self.placements.values(), strict=True)
                         if p.role == "const" and p.buffer not in (SCRATCH, CLOCK))]
        rows = []
        for r in self.target.regions:
            roles = {p.role for p in self.placements.values() if p.region == r.name}
            roles |= {"code"} if r.start < self.code_bytes else set()
            used = _covered((*spans, code), r.start, r.end)
            rows.append(MemoryRow(r.name, f"{r.start:06x}", used, r.bytes, r.wait_states,
                                  ", ".join(sorted(roles))))
        read_only = _covered(fixed)
        return Memory(tuple(rows), _covered((*spans, code)) - read_only, read_only)

    def memory_map(self) -> list[MapRow]:
        """Where code and every buffer lie, by address, and between which steps they are alive."""
        last = len(self.steps) - 1
        code = [Placement("code", r.start, min(r.end, self.code_bytes) - r.start, r.name,
                          r.external, "code", "word", -1, last + 1)
                for r in self.target.regions if r.start < self.code_bytes]
        return [MapRow(address=f"{p.address:06x}", bytes=p.bytes, region=p.region, kind=p.kind,
                       role=p.role, buffer=p.buffer,
                       from_step=p.first, to_step=min(p.last, last + 1),
                       from_=self.steps[p.first] if p.first >= 0 else "start",
                       to=self.steps[p.last] if p.last <= last else "end")
                for p in sorted((*code, *self.placements.values()),
                                key=lambda p: (p.address, p.first))]


def _covered(spans: Iterable[tuple[int, int]], start: int = 0, end: int = 1 << 24) -> int:
    """How many addresses between start and end lie in one of the spans."""
    total, reached = 0, start
    for first, last in sorted(spans):
        last = min(last, end)
        total += max(0, last - max(first, reached))
        reached = max(reached, last)
    return total


def symbols(image: Image) -> str:
    """The symbol map: one line a buffer, by address, with the steps during which it is alive."""
    rows = [f"{p.address:06x}  {p.bytes:7d}  {p.region:<6}  {p.kind:<6}  {p.role:<10}  "
            f"{p.first:5d}  {min(p.last, len(image.steps) - 1):4d}  {name}"
            for name, p in sorted(image.placements.items(), key=lambda i: (i[1].address, i[0]))]
    steps = [f"step {i:4d}  {name}" for i, name in enumerate(image.steps)]
    return "\n".join(["address   bytes  region  kind    role        first  last  buffer", *rows,
                      "", *steps]) + "\n"
