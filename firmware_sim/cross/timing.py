"""What a processor that C is compiled for has to say: how it is compiled for, emulated, and how
long its instructions take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from dsplet.firmware_sim import backend
from dsplet.firmware_sim.backend import Region
from dsplet.firmware_sim.cross.build import Line, Toolchain
from dsplet.firmware_sim.cross.machine import Cpu, Divide, Divided

OPTIMIZE = ("-O2", "-falign-functions=8", "-falign-loops=8")
"""A loop that begins in the middle of a fetch waits in each turn: its place is not left to luck."""
FLASH_WAIT = "flash_wait"
"""The rule that a board's flash adds where it waits."""
MARKS = {"read": "read in the document that is named",
         "recalled": "what the document says, from memory",
         "fitted": "chosen so that published counts come out, within what the manual allows"}


@dataclass(frozen=True)
class Rule:
    """cycles, with where they come from; mark: of MARKS. open: cycles of which the truth may be
    any. choices: values that a maker of chips may have chosen."""

    cycles: int
    source: str
    mark: str = "recalled"
    open: tuple[int, ...] = ()
    choices: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cost:
    """Of one execution of an instruction. work: a kind. cycles: without stalls, by cause."""

    work: str
    cycles: int
    stalls: Mapping[str, int] = field(default_factory=dict)

    @property
    def all(self) -> int:
        return self.cycles + sum(self.stalls.values())


class Timing(ABC):
    """How long instructions take on a processor.

    works, causes: what cycles are spent on, and what holds it up: always "unaligned" loads.
    """

    works: tuple[str, ...] = ("multiply", "load", "store", "branch", "other")
    causes: tuple[str, ...]

    @abstractmethod
    def costs(self, lines: Sequence[Line], table: Mapping[str, int], expected: int = 0
              ) -> list[Cost]:
        """Of instructions that were executed one after another, from where a jump led to the next
        jump, which the last of them makes. expected: see `machine.Run`."""

    def guessed(self, lines: Sequence[Line]) -> list[int]:
        """See `machine.Machine`."""
        return []

    def unaligned(self, loads: Sequence[int], table: Mapping[str, int]) -> float:
        """Cycles of so many loads that memory gives in two pieces, and in three, beyond those of
        aligned ones."""
        return float(loads[0] * table["unaligned"] + loads[1] * table["unaligned_odd"])

    def divides(self, lines: Sequence[Line]) -> list[Divide]:
        """The divisions whose cycles depend on their operands."""
        return []

    def divided(self, found: Divided, table: Mapping[str, int]) -> float:
        """Cycles of all of a division's executions, beyond what `costs` has for each."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Core:
    """A processor: what it is told to compilers and emulators, and its table.

    residual_percent: what the table may be off beside what is open in it. error: in words, how far
    cycles were off where they could be compared. together: what is open in the table is varied all
    at once, because nothing of it was held against anything.
    """

    name: str
    tools: Toolchain
    cpu: Cpu
    timing: Timing
    rules: Mapping[str, Rule]
    residual_percent: float
    error: str
    together: bool = False


@dataclass(frozen=True, kw_only=True)
class Board(backend.Board):
    """zero_wait_mhz: above it each read of flash waits, a period more for each time that this fits
    into the clock; None: none ever does. most_mhz: as fast as the part may be. cores: that it may
    have; () for any."""

    clock_mhz: float | None = None
    zero_wait_mhz: float | None = None
    most_mhz: float | None = None
    cores: tuple[str, ...] = ()

    def wait_states(self, mhz: float) -> int:
        """Periods that a read of flash waits at that clock."""
        return 0 if self.zero_wait_mhz is None else ceil(mhz / self.zero_wait_mhz) - 1


def memory(flash_kb: int, ram_kb: int) -> tuple[Region, ...]:
    """Flash and RAM that never wait, at the addresses where such parts have them."""
    return (Region("flash", 0x08000000, 0x08000000 + (flash_kb << 10), bank=0),
            Region("RAM", 0x20000000, 0x20000000 + (ram_kb << 10), bank=1))


ZERO_WAIT = Board(name="zero-wait", regions=memory(1024, 256),
                  source="assumed: memory that never waits, at any clock")


@dataclass(frozen=True, kw_only=True)
class Target(backend.Target):
    """A core on a board. assumed: cycles that differ from its table's."""

    core: Core
    board: Board
    assumed: Mapping[str, int] = field(default_factory=dict)

    @property
    def wait_states(self) -> int:
        """Of its flash."""
        return self.board.wait_states(self.clock_mhz)

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The core's, and its flash's where that waits."""
        if not (waits := self.wait_states):
            return self.core.rules
        source = f"{self.board.source}; what an accelerator saves is not modelled"
        return {**self.core.rules, FLASH_WAIT: Rule(waits, source, open=(0, waits))}

    @property
    def open(self) -> Mapping[str, Rule]:
        """What may be assumed otherwise."""
        return {name: r for name, r in self.rules.items() if r.open or r.choices}

    @property
    def table(self) -> dict[str, int]:
        """Cycles by rule."""
        return {name: self.assumed.get(name, r.cycles) for name, r in self.rules.items()}

    @property
    def error(self) -> str:
        """How far cycles were off where they could be compared."""
        if not self.wait_states:
            return self.core.error
        return (f"not validated: {self.wait_states} wait states are not modelled; cycles are those "
                "where every word of code and of constants waits, the lowest latency has none wait")
