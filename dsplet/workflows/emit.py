"""Write a network as sources, or as a processor's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsplet.base.errors import UserError
from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.export.c.printer import print_c
from dsplet.firmware_sim.compile.optimize import optimize
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.network import fixed_graph
from dsplet.workflows import chip
from dsplet.workflows.request import OnTarget

FACT_CHARACTERS = 64
"""Longer metadata is not for a header."""


@dataclass(frozen=True, kw_only=True)
class Request(OnTarget):
    """form: c, image, listing or symbols. name: of the files and of the C function; None: the
    network's. goal: see `simulate.Request`; None: balanced for C, time for a processor of ours.
    budget: see there; C has none."""

    source: str
    form: str
    folder: str = "."
    name: str | None = None
    goal: str | None = None
    budget: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """The files."""

    written: list[str]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises ModelError, Unprintable, BudgetError, UnknownTarget, DoesNotFit."""
    idle = {"--board": request.board, "--budget": request.budget}
    if request.form == "c" and (given := ", ".join(o for o, value in idle.items() if value)):
        raise UserError("C is written for no board and keeps no budget",
                           remedy=f"leave out {given}")
    fixed = fixed_graph(request.source)
    program = lower(fixed)
    name = request.name or name_of(fixed, program)
    files = (c_sources(fixed, program, name, request.goal or "balanced")
             if request.form == "c" else
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


def c_sources(fixed: Graph, program: Program, name: str, goal: str = "balanced"
              ) -> dict[str, str]:
    """C99 by file name; its header tells what the file knows of its model. Raises Unprintable."""
    facts = [(key, text) for key, text in fixed.metadata if len(text) <= FACT_CHARACTERS]
    return dict(zip((f"{name}.h", f"{name}.c"), print_c(optimize(program, goal), name, facts),
                    strict=True))


def _on_target(request: Request, program: Program, name: str) -> dict[str, str]:
    target = chip.target_of(request)
    budget = chip.budget_of(request.budget, target)
    compiled = chip.compiled(program, target, request.goal or "time", budget)
    text = compiled.artefact(request.form, name)
    return {f"{name}.{compiled.artefacts[request.form]}": text}
