"""Run a program of the DSP32C, and watch it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.tools import debug
from dsplet.firmware_sim.dsp32c.tools.debug import Stop, stop_text
from dsplet.firmware_sim.report import title
from dsplet.workflows import chip
from dsplet.workflows.request import OnTarget, RequestError
from dsplet.workflows.source import text_of

__all__ = ["Report", "Request", "Stop", "run", "stop_text", "stops"]


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
    UnknownTarget, RequestError."""
    target = chip.target_of(request)
    if not isinstance(target, Target):
        raise RequestError(f"target {target.name} runs no programs that are assembled here",
                           remedy="`dsplet targets` lists parts whose processor is dsp32c")
    assembly = debug.build(text_of(request.source), request.source, request.origin)
    if request.until == "halt" and request.until not in assembly.labels:
        raise RequestError(f"{request.source} has no label halt: say where to stop with --until")
    goal = debug.address_of(request.until, assembly.labels)
    points = {debug.address_of(b, assembly.labels): b for b in request.breaks}
    spans = [debug.span_of(m, assembly.labels, target) for m in request.mem]
    machine = debug.load(assembly, target, request.origin)
    for why in debug.stops(machine, goal, points, request.max_instructions):
        yield debug.stop_of(machine, request.until if why == "end" else points[machine.pc],
                            request.regs or bool(points), spans)
