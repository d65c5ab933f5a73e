"""Programs of one's own, in a processor's own language: assembled, listed, run and watched.

Addresses and words are hexadecimal text without prefix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dsplet.base.rows import inlined
from dsplet.firmware_sim.backend import Target


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """A source line with its word; more words of a line follow without text. address, word: ""
    where there is none."""

    line: int
    address: str
    word: str
    text: str


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
    instruction at pc. state: the processor's counters and flags."""

    stop: str
    pc: str
    text: str
    state: Mapping[str, float | str] = inlined()
    registers: list[Register] | None = None
    memory: list[Word] | None = None


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
    """A program as text. file: what errors call it. origin: byte address of the first word."""

    text: str
    file: str
    origin: int = 0


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Where a run stops for good (until), and on its way (breaks), each a label, 0x800 or label+8;
    and what is shown at every stop. memory: ADDRESS:WORDS each. Breaks always show registers."""

    until: str = "halt"
    breaks: tuple[str, ...] = ()
    registers: bool = False
    memory: tuple[str, ...] = ()
    max_instructions: int = 1_000_000


class Programs(ABC):
    """What a processor offers to them. Everything raises a UserError for what cannot be used."""

    @abstractmethod
    def listing(self, source: Source) -> list[SourceRow]:
        """Every source line with its words."""

    @abstractmethod
    def assembled(self, source: Source, name: str) -> tuple[str, int]:
        """The program as a file that calls itself `name`, and how many words it has."""

    @abstractmethod
    def words(self, source: Source) -> list[WordRow]:
        """Such a file, or hexadecimal words between white space, disassembled."""

    @abstractmethod
    def stops(self, source: Source, target: Target, watched: Watched) -> Iterator[Stop]:
        """Run the program, and tell of each stop as the machine gets there."""

    @abstractmethod
    def conformance(self, vectors: Path) -> list[Result]:
        """Every instruction vector of a file, run."""


def stop_text(stop: Stop) -> str:
    """A stop for people: where and when, registers three in a row, memory a word in a row."""
    cells = [f"{r.register:>3} {r.hex:>10} {r.value:<14.9g}" for r in stop.registers or ()]
    return "\n".join([
        f"-- {stop.stop}  pc {stop.pc}  {stop.text}",
        "  ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                  for name, value in stop.state.items()),
        *("  ".join(cells[i:i + 3]).rstrip() for i in range(0, len(cells), 3)),
        *(f"{r.address}  {r.word}  {r.float:.9g}" for r in stop.memory or ())])


def summary(results: list[Result]) -> str:
    """`469 passed, 0 failed`, and the first difference where there is one."""
    failed = [result for result in results if not result.passed]
    text = f"{len(results) - len(failed)} passed, {len(failed)} failed"
    if failed:
        text += f"\nfirst: {failed[0].id}: {failed[0].difference}"
    return text
