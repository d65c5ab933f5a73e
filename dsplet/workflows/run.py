"""Run a program, and watch it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.programs import Stop, Watched
from dsplet.firmware_sim.report import title
from dsplet.workflows import chip
from dsplet.workflows.request import OnTarget
from dsplet.workflows.source import source_of


@dataclass(frozen=True, kw_only=True)
class Request(OnTarget):
    """until, breaks: a label, 0x800 or label+8. mem: ADDRESS:WORDS, shown at every stop, as are
    registers with regs or breaks. origin: byte address of the first word."""

    source: str
    origin: int = 0
    until: str = "halt"
    breaks: tuple[str, ...] = ()
    regs: bool = False
    mem: tuple[str, ...] = ()
    max_instructions: int = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Report:
    """Every stop, the last at the end."""

    program: str
    target: str
    stops: list[Stop]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """What `stops` raises."""
    seen = list(stops(request))
    return Report(program=request.source, target=title(chip.target_of(request)),
                  stops=seen)


def stops(request: Request) -> Iterator[Stop]:
    """Each stop as the machine gets there. Raises AssemblyError, DebugError, MachineError,
    UnknownTarget, NotOffered, FileError."""
    target = chip.target_of(request)
    watched = Watched(until=request.until, breaks=request.breaks, registers=request.regs,
                      memory=request.mem, max_instructions=request.max_instructions)
    source = source_of(request.source, request.origin)
    yield from targets.programs(target.processor).stops(source, target, watched)
