"""Programs of one's own, in a processor's own language: assembled, listed, run and watched.

Addresses and words are hexadecimal text without prefix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dsplet.base.rows import inlined
from dsplet.firmware_sim.backend import Target


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """A source line with its word; more words of a line follow without text. address, word: ""
    where there is none. file: whose line it is, where there are several."""

    line: int
    address: str
    word: str
    text: str
    file: str | None = None


@dataclass(frozen=True, kw_only=True)
class PartRow:
    """What a file has of a section: its first address, and the bytes from there to its end."""

    section: str
    file: str
    address: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class TraceRow:
    """An instruction as it was executed. cycle: when it began. changes: what it wrote. bank, wait:
    cycles that memory held it up. stale: what it read before the newest value had got there."""

    cycle: float
    address: str
    text: str
    changes: str
    bank: float
    wait: float
    stale: str


@dataclass(frozen=True, kw_only=True)
class WordRow:
    """A word, disassembled."""

    address: str
    word: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Register:
    """A register, and the number that its bits stand for."""

    register: str
    hex: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word of memory, also as a signed integer and in the processor's floating point."""

    address: str
    word: str
    integer: int
    float: float


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Where the machine is, and what it took to get there. stop: why it is shown. text: the
    instruction at pc. state: the processor's counters and flags. trace: the instructions since the
    stop before."""

    stop: str
    pc: str
    text: str
    state: Mapping[str, float | str] = inlined()
    registers: list[Register] | None = None
    memory: list[Word] | None = None
    trace: list[TraceRow] | None = None


@dataclass(frozen=True)
class Result:
    """One instruction vector's outcome; difference is "" where it passed."""

    id: str
    group: str
    difference: str

    @property
    def passed(self) -> bool:
        return not self.difference


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file of a program. file: its path, or what errors call it."""

    text: str
    file: str


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program as text, in one file or several. origin: byte address of what stands in no section.

    sections: where the others go, NAME=ADDRESS or NAME=ADDRESS:BYTES. defines: for the C
    preprocessor, NAME or NAME=VALUE; folders: where it looks for files.
    """

    files: tuple[Source, ...]
    origin: int = 0
    sections: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Where a run stops for good (until), and on its way (breaks), each a label, 0x800 or label+8;
    and what is shown at every stop. memory: ADDRESS:WORDS each. Breaks always show registers.

    trace: so many instructions are told of one by one. load: arrays by the address where they go
    before the start, with elements as wide as there. save: ADDRESS:COUNT or ADDRESS:COUNT:KIND, and
    what takes the array that is there at the end, and its bytes in memory."""

    until: str = "halt"
    breaks: tuple[str, ...] = ()
    registers: bool = False
    memory: tuple[str, ...] = ()
    max_instructions: int = 1_000_000
    trace: int = 0
    load: Mapping[str, np.ndarray] = field(default_factory=dict)
    save: Mapping[str, Callable[[np.ndarray, bytes], None]] = field(default_factory=dict)


class Programs(ABC):
    """What a processor offers to them. Everything raises a UserError for what cannot be used."""

    @abstractmethod
    def listing(self, program: Program) -> list[SourceRow]:
        """Every source line with its words."""

    @abstractmethod
    def assembled(self, program: Program, name: str) -> tuple[str, int, list[PartRow]]:
        """The program as a file that calls itself `name`, how many words it has, and where the
        pieces are."""

    @abstractmethod
    def words(self, source: Source, origin: int = 0) -> list[WordRow]:
        """Such a file, or hexadecimal words between white space, disassembled."""

    @abstractmethod
    def stops(self, program: Program, target: Target, watched: Watched) -> Iterator[Stop]:
        """Run the program, and tell of each stop as the machine gets there."""

    @abstractmethod
    def conformance(self, vectors: Path) -> list[Result]:
        """Every instruction vector of a file, run."""


def stop_text(stop: Stop) -> str:
    """A stop for people: its trace, where and when, registers three in a row, memory a word in a
    row. What was stale has a `!` before it."""
    cells = [f"{r.register:>3} {r.hex:>10} {r.value:<14.9g}" for r in stop.registers or ()]
    return "\n".join([
        *(_trace_text(row) for row in stop.trace or ()),
        f"-- {stop.stop}  pc {stop.pc}  {stop.text}",
        "  ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                  for name, value in stop.state.items()),
        *("  ".join(cells[i:i + 3]).rstrip() for i in range(0, len(cells), 3)),
        *(f"{r.address}  {r.word}  {r.float:.9g}" for r in stop.memory or ())])


def _trace_text(row: TraceRow) -> str:
    held = "".join(f"  +{cycles:g} {cause}" for cause, cycles in (("bank", row.bank),
                                                                 ("wait", row.wait)) if cycles)
    stale = f"  ! {row.stale}" if row.stale else ""
    return f"{row.cycle:10.2f}  {row.address}  {row.text:<40} {row.changes}{held}{stale}".rstrip()


def summary(results: list[Result]) -> str:
    """`469 passed, 0 failed`, and the first difference where there is one."""
    failed = [result for result in results if not result.passed]
    text = f"{len(results) - len(failed)} passed, {len(failed)} failed"
    if failed:
        text += f"\nfirst: {failed[0].id}: {failed[0].difference}"
    return text
