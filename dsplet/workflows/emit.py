"""Write a network as sources, or as a processor's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.export.c.printer import print_c
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.network import fixed_graph
from dsplet.workflows import chip
from dsplet.workflows.request import OnTarget


@dataclass(frozen=True, kw_only=True)
class Request(OnTarget):
    """form: c, image, listing or symbols. name: of the files and of the C function; None: the
    network's. goal, budget: see `simulate.Request`; they say nothing about C."""

    source: str
    form: str
    folder: str = "."
    name: str | None = None
    goal: str = "time"
    budget: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """The files."""

    written: list[str]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises ModelError, Unprintable, BudgetError, UnknownTarget, DoesNotFit."""
    fixed = fixed_graph(request.source)
    program = lower(fixed)
    name = request.name or name_of(fixed, program)
    files = (c_sources(program, name) if request.form == "c" else
             _on_target(request, program, name))
    folder = Path(request.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        write_atomically(folder / file, text.encode())
    return Report(written=[str(folder / file) for file in files])


def name_of(fixed: Graph, program: Program) -> str:
    """What the network's files are called: as its model, where that can name a C function."""
    model = dict(fixed.metadata).get("dsplet.model", "")
    return model if model.isidentifier() else program.name


def c_sources(program: Program, name: str) -> dict[str, str]:
    """C99 by file name. Raises Unprintable."""
    return dict(zip((f"{name}.h", f"{name}.c"), print_c(program, name), strict=True))


def _on_target(request: Request, program: Program, name: str) -> dict[str, str]:
    target = chip.target_of(request)
    budget = chip.budget_of(request.budget, target)
    compiled = chip.compiled(program, target, request.goal, budget)
    text = compiled.artefact(request.form, name)
    return {f"{name}.{compiled.artefacts[request.form]}": text}
