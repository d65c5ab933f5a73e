"""A page in which a chip's machine code reads what one draws."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path

from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Target
from dsplet.firmware_sim.report import title
from dsplet.live.page import page
from dsplet.train import shipped
from dsplet.workflows import chip
from dsplet.workflows.live_network import Prepared, prepared
from dsplet.workflows.request import OnTarget, check_out


@dataclass(frozen=True, kw_only=True)
class Request(OnTarget):
    """networks: .q.onnx files that read digits or lines; none: those that come with the package.
    out: the page. shown: open it in the browser. samples: test samples that each network carries.
    """

    networks: tuple[str, ...] = ()
    out: str = "live.html"
    shown: bool = False
    samples: int = 20


@dataclass(frozen=True, kw_only=True)
class Row:
    """cycles: of a sample. inputs: what the samples of the self-test are."""

    network: str
    reads: str
    layers: int
    cycles: float
    latency_ms: float
    samples: int
    inputs: str
    differing_integers: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """passed: every integer of the samples is the reference's."""

    FIRST = ("passed", "page")

    page: str
    bytes: int
    networks: list[Row]
    target: str
    clock_mhz: float
    compared_with: str
    passed: bool


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises ModelError, DataError, UnknownTarget, DoesNotFit, NotOffered, RequestError."""
    check_out(request.out, *request.networks)
    target = chip.target_of(request)
    paths, found = request.networks or _shipped(), []
    with watch.progress("networks") as tick:
        for path in paths:
            found.append(prepared(path, target, request.samples))
            tick(len(found), len(paths))
    made = found[0].portable
    written = page([f.shown for f in found], made.engine, made.script,
                   dict(made.board) | {"clocks": _clocks(target)}, _assumed(target))
    write_atomically(request.out, written)
    if request.shown:
        webbrowser.open(Path(request.out).resolve().as_uri())
    names = request.networks or [f.shown.name for f in found]
    rows = [_row(name, f, target) for name, f in zip(names, found, strict=True)]
    return Report(page=request.out, bytes=len(written), networks=rows, target=title(target),
                  clock_mhz=target.clock_mhz, compared_with="NumPy reference",
                  passed=not any(row.differing_integers for row in rows))


def _shipped() -> tuple[str, ...]:
    """The networks of 1989 to 1998, and a reader of lines."""
    return tuple(str(shipped.path(row.model)) for row in shipped.shipped())


def _row(name: str, found: Prepared, target: Target) -> Row:
    cycles = float(found.run.cycles.mean())
    return Row(network=name, reads=found.reads, layers=len(found.shown.facts["layers"]),
               cycles=cycles, latency_ms=target.ms(cycles), samples=len(found.run.cycles),
               inputs=found.inputs, differing_integers=found.differing_integers)


def _clocks(target: Target) -> list[float]:
    """Of the parts that are the target but for their clock, the target's first."""
    parts = targets.backend(target).targets.values()
    same = [p.clock_mhz for p in parts if p.on_chip == target.on_chip]
    return sorted({target.clock_mhz, *same}, key=lambda mhz: (mhz != target.clock_mhz, mhz))


def _assumed(target: Target) -> str:
    assumed = targets.backend(target).assumptions(target)
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in assumed.items())
