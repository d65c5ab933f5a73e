"""What a target is: a part on a board, and the code generator and simulator of its processor.

A backend is a folder beside this file and a line in `targets.py`. It compiles a program's kernel
statements, never its ops; what it hands back is executed, billed and reported by modules that know
no processor. Cycles are those of the processor, of which an undisturbed simple instruction takes
one, and floats where it can lose parts of one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, NoReturn, TypeVar

import numpy as np

from dsplet.base.errors import UserError, near
from dsplet.firmware_sim.native import Native
from dsplet.firmware_sim.portable import Portable
from dsplet.firmware_sim.rows import HotLine, MapRow, Memory
from dsplet.quantize.fixed.program import Program

Array = np.ndarray[Any, np.dtype[Any]]
V = TypeVar("V")
Progress = Callable[[int], None]
"""Told how many samples are done."""


class UnknownTarget(UserError):
    """No target or board of that name; the message lists those there are."""


class BadAssumption(UserError):
    """No such assumption or value; the message lists those there are."""


class NotOffered(UserError):
    """A tool that the target's processor does not have."""


class DoesNotFit(UserError):
    """The program is larger than the target's memory. missing_bytes: by how much."""

    def __init__(self, message: str, missing_bytes: int) -> None:
        super().__init__(message)
        self.missing_bytes = missing_bytes


# --- parts and boards -----------------------------------------------------------------------------

@dataclass(frozen=True)
class Region:
    """Memory from byte address start up to, not including, end.

    bank: regions with the same number share one memory's timing. wait_states: clock periods that
    every access adds. external: it lies outside the part.
    """

    name: str
    start: int
    end: int
    bank: int = 0
    wait_states: int = 0
    external: bool = False

    @property
    def bytes(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Board:
    """Memory around the part."""

    name: str
    regions: tuple[Region, ...]
    source: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """A part on a board, as a datasheet has it. processor: the backend that compiles for it."""

    name: str
    processor: str
    clock_mhz: float  # of the clock whose period is the shortest time that an access can take
    on_chip: tuple[Region, ...]
    board: Board
    source: str

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """All memory, ascending addresses."""
        return tuple(sorted(self.on_chip + self.board.regions, key=lambda r: r.start))

    @property
    def generated(self) -> str:
        """What is unusual about code that is generated for it, in words; "" where nothing is."""
        return ""

    @property
    def cycle_ns(self) -> float:
        """Duration of a cycle without stalls, nanoseconds."""
        return 1000 / self.clock_mhz

    def ms(self, cycles: float) -> float:
        """Milliseconds of a number of cycles."""
        return cycles * self.cycle_ns / 1e6

    def region(self, address: int) -> Region | None:
        """The memory at a byte address, None where there is none."""
        return next((r for r in self.regions if r.start <= address < r.end), None)


# --- what a run and a compiled program tell -------------------------------------------------------

@dataclass(frozen=True)
class Section:
    """The code of one kernel, or of a loop over time (op "Scan"). macs: of one sample. layer: its
    key (`Program.layers`). step: the number of what is executed in order, several kernels where
    they are fused; None of what stands between steps."""

    kernel: str
    node: str
    op: str
    macs: int
    layer: str = field(kw_only=True)
    step: int | None = field(kw_only=True)


@dataclass(frozen=True)
class Bill:
    """Cycles of one section for one sample, by what they were spent on. spent: work, by the
    processor's own kinds. stalls: what held it up."""

    section: Section
    spent: Mapping[str, float]
    stalls: Mapping[str, float]

    @property
    def cycles(self) -> float:
        return sum((*self.spent.values(), *self.stalls.values()))


@dataclass(frozen=True)
class Item:
    """Cycles of one sample of one kind of work, over all sections; stalls: the part that held it
    up."""

    item: str
    cycles: float
    stalls: float


@dataclass(frozen=True)
class Run:
    """outputs: int64 (float32 of a program in float arithmetic), one (N, *shape) for each of the
    program's. cycles: of each sample, float (N,). bills: one for each section, in its order."""

    outputs: tuple[Array, ...]
    cycles: Array
    bills: tuple[Bill, ...]


@dataclass(frozen=True)
class Steps:
    """A sequence one step a call. outputs: int64, for each output what it held after every step,
    (N, steps, *shape). cycles: (N, steps). begin_cycles: of what runs once, before the first."""

    outputs: tuple[Array, ...]
    cycles: Array
    begin_cycles: float


@dataclass(frozen=True)
class WorstCase:
    """cycles: no input takes more; None where no bound is proved. by_section: in the sections'
    order. why: why there is no bound, or which decisions may make a run shorter."""

    cycles: float | None
    by_section: tuple[float, ...] = ()
    why: str = ""


# --- backends -------------------------------------------------------------------------------------

TOOLS = {"hot_lines": "a profile by line", "trace": "an execution trace",
         "memory_map": "a map of its buffers", "values": "what its memory holds of each layer",
         "stream": "programs that run one step a call", "assuming": "assumptions to vary",
         "passes": "kernels to read after its passes", "portable": "execution in a page"}
"""Methods of `Compiled` that a backend need not have, in words."""


class Compiled(ABC):
    """A compiled program: a backend overrides what is abstract, and what it has of `TOOLS`."""

    tools: ClassVar[frozenset[str]] = frozenset()
    artefacts: ClassVar[Mapping[str, str]] = {}
    """Formats of `artefact`, with the endings of their files."""
    not_included: ClassVar[tuple[str, ...]] = ()
    """What a sample's cycles do not count."""
    target: Target
    program: Program
    sections: tuple[Section, ...]

    def __init_subclass__(cls) -> None:
        cls.tools = frozenset(t for t in TOOLS if getattr(cls, t) is not getattr(Compiled, t))

    @abstractmethod
    def simulate(self, xs: Sequence[Array], progress: Progress | None = None) -> Run:
        """Execute samples. xs: for each input integers (N, *shape), or float32 of a program in
        float arithmetic."""

    @abstractmethod
    def worst_case(self) -> WorstCase:
        """The most that any input takes, or why no bound is proved."""

    @abstractmethod
    def memory(self) -> Memory:
        """What the program takes of the target's memory."""

    @property
    def remark(self) -> str:
        """In a line, what makes simulating slower than it need be; "" where nothing does."""
        return ""

    def items(self, run: Run) -> list[Item]:
        """Cycles of one sample by kind of work; they add up to the run's."""
        work = {kind: sum(b.spent[kind] for b in run.bills) for b in run.bills for kind in b.spent}
        lost = {k: sum(b.stalls[k] for b in run.bills) for b in run.bills for k in b.stalls}
        return [*(Item(kind, cycles, 0.0) for kind, cycles in work.items()),
                *(Item(kind, cycles, cycles) for kind, cycles in lost.items())]

    def native(self, run: Run) -> Native:
        """What there is to say of another's compiler; nothing where the code is ours."""
        return Native()

    def lower_bounds(self) -> Mapping[str, float]:
        """The fewest cycles in which each kernel can run whatever the code, where it is known."""
        return {}

    def artefact(self, form: str, name: str) -> str:
        """The program as a file of that format. name: what it calls itself."""
        raise NotOffered(f"target {self.target.name} has no format '{form}'",
                         expected=f"one of {', '.join(self.artefacts) or 'none'}")

    def need(self, tool: str) -> None:
        """Raises NotOffered where the processor lacks one of `TOOLS`."""
        if tool not in self.tools:
            self._lacks(tool)

    def hot_lines(self, run: Run) -> list[HotLine]:
        """The executed lines of the listing, the costliest first."""
        self._lacks("hot_lines")

    def trace(self, xs: Sequence[Array], count: int, chrome: bool = False) -> str:
        """The first `count` instructions of the first sample as lines, or as a file for
        chrome://tracing."""
        self._lacks("trace")

    def memory_map(self) -> list[MapRow]:
        """Where every buffer lies, by address."""
        self._lacks("memory_map")

    def values(self, xs: Sequence[Array], progress: Progress | None = None) -> dict[str, Array]:
        """Execute samples; what memory held of each value of the program's graph, by name, those of
        loops over time at every step: integers (N, *steps, *shape)."""
        self._lacks("values")

    def stream(self, x: Array) -> Steps:
        """Run a program that `compile.streaming` cut. x: integers (N, steps, *element)."""
        self._lacks("stream")

    def concerns(self, assumption: str) -> bool:
        """Whether an assumption about the processor can change the program's cycles or integers;
        one that cannot is not tried."""
        return True

    def assuming(self, name: str, value: Any) -> Compiled:
        """The same code on a processor of which one assumption is another."""
        self._lacks("assuming")

    def passes(self) -> Mapping[str, Program]:
        """The program as it is after each pass, by the pass's name and in their order."""
        self._lacks("passes")

    def portable(self) -> Portable:
        """The program for a page, with what executes it there."""
        self._lacks("portable")

    def _lacks(self, tool: str) -> NoReturn:
        raise NotOffered(f"target {self.target.name} has no such tool: processor "
                         f"{self.target.processor} does not offer {TOOLS[tool]}")


@dataclass(frozen=True)
class Switch:
    """One thing that is taken for granted about a processor.

    texts: what may be said of it, with its values. alternatives: values of which the truth may be
    any, for an error bar. alias: a shorter name. wording: the texts, where they are too many.
    """

    texts: Mapping[str, Any]
    alternatives: tuple[Any, ...] = ()
    alias: str = ""
    wording: str = ""


class Backend(ABC):
    """A kind of processor.

    targets: its parts, each on its own board, by name. boards: by name. switches: by assumption.
    roundings: ways in which code may round, the usual first, with what they rest on; none: there
    is no choice. usual_goal: what a program is compiled for where nobody says.
    """

    processor: ClassVar[str]
    targets: ClassVar[Mapping[str, Target]]
    boards: ClassVar[Mapping[str, Board]]
    switches: ClassVar[Mapping[str, Switch]] = {}
    roundings: ClassVar[Mapping[str, str]] = {}
    usual_goal: ClassVar[str] = "time"

    @abstractmethod
    def compile(self, program: Program, target: Target, goal: str = "time",
                budget_cycles: float | None = None) -> Compiled:
        """The program as the goal has it: one of `optimize.GOALS`. Raises DoesNotFit."""

    def least_cycles(self, program: Program) -> float | None:
        """Fewer are taken by no code for the program, however its kernels are joined; None where
        that is not known."""
        return None

    def get(self, name: str, board: str | None = None) -> Target:
        """The target of that name, on its own board or on a named one. Raises UnknownTarget."""
        part = known("target", name, self.targets)
        on = part.board if board is None else known("board", board, self.boards)
        return replace(part, board=on)

    def clocked(self, target: Target, mhz: float) -> Target:
        """The target with another clock. Raises UserError where its memory would not keep up."""
        return replace(target, clock_mhz=mhz)

    def rounded(self, target: Target, rounding: str) -> Target:
        """The target, code for which rounds in that way, one of `roundings`. Raises NotOffered."""
        if not self.roundings:
            raise NotOffered(f"code for {target.name} rounds in one way alone",
                             remedy="leave out --rounding")
        if rounding not in self.roundings:
            raise NotOffered(f"code for {target.name} cannot round by {rounding!r}",
                             expected=" or ".join(self.roundings),
                             remedy=near(rounding, self.roundings))
        return self.with_rounding(target, rounding)

    def with_rounding(self, target: Target, rounding: str) -> Target:
        """See `rounded`."""
        raise NotImplementedError(f"{self.processor} has roundings and no way to choose one")

    def switches_of(self, target: Target) -> Mapping[str, Switch]:
        """By assumption, of one target."""
        return self.switches

    def assumptions(self, target: Target) -> Mapping[str, Any]:
        """What is taken for granted: the value of every switch."""
        return {}

    def with_assumption(self, target: Target, name: str, value: Any) -> Target:
        """The target under another assumption. name: of a switch."""
        raise NotImplementedError(f"{self.processor} has switches and no way to set them")

    def assume(self, target: Target, text: str) -> Target:
        """The target under another assumption, such as `name=value`. Raises BadAssumption."""
        said, _, value = (part.strip() for part in text.partition("="))
        for name, switch in (switches := self.switches_of(target)).items():
            if said in (name, switch.alias) and value in switch.texts:
                return self.with_assumption(target, name, switch.texts[value])
        there = "; ".join(f"{n} = {s.wording or ', '.join(s.texts)}" for n, s in switches.items())
        raise BadAssumption(f"unknown assumption '{text}': expected one of {there or 'none'}")


def known(what: str, name: str, among: Mapping[str, V]) -> V:
    """among[name]; UnknownTarget, which lists those there are, otherwise."""
    if name in among:
        return among[name]
    raise UnknownTarget("; ".join(filter(None, (
        f"unknown {what} {name!r}: expected one of {', '.join(among)}", near(name, among)))))
