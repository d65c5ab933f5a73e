"""Write a network as sources, as kernels to read, or as a processor's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.export.c.printer import print_c
from dsplet.firmware_sim.backend import Compiled
from dsplet.firmware_sim.compile.optimize import optimize, passes
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.kernel_text import to_text
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.network import fixed_graph
from dsplet.workflows import chip
from dsplet.workflows.request import OnTarget, RequestError

FACT_CHARACTERS = 64
"""Longer metadata is not for a header."""


@dataclass(frozen=True, kw_only=True)
class Request(OnTarget):
    """form: c, kernels, image, listing or symbols. name: of the files and of the C function; None:
    the network's. goal: see `simulate.Request`; None: balanced for C, time for a processor of ours.
    budget: see there; C has none. after: the pass after which kernels are written; None: before
    any."""

    source: str
    form: str
    folder: str = "."
    name: str | None = None
    goal: str | None = None
    budget: str | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """The files."""

    written: list[str]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises ModelError, Unprintable, BudgetError, UnknownTarget, DoesNotFit, RequestError."""
    _refuse_idle(request)
    fixed = fixed_graph(request.source)
    program = lower(fixed)
    name = request.name or name_of(fixed, program)
    match request.form:
        case "c":
            files = c_sources(fixed, program, name, request.goal or "balanced")
        case "kernels":
            files = {f"{name}.kernels": to_text(_after(request, program))}
        case _:
            files = _on_target(request, program, name)
    folder = Path(request.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        write_atomically(folder / file, text.encode())
    return Report(written=[str(folder / file) for file in files])


def _refuse_idle(request: Request) -> None:
    """Options that would change nothing. Raises RequestError."""
    board = {"--board": request.board, "--budget": request.budget}
    goal = {"-O": request.goal}
    forms = {
        "c": ("C is written for no board and keeps no budget", board | {"--after": request.after}),
        "kernels": ("kernels as they are before any pass know no processor",
                    {} if request.after else board | goal),
    }
    why, idle = forms.get(request.form, ("a compiled program is past all passes",
                                         {"--after": request.after}))
    if given := ", ".join(option for option, value in idle.items() if value):
        raise RequestError(why, remedy=f"leave out {given}")


def _after(request: Request, program: Program) -> Program:
    """The program after the pass that is asked for, which either C's passes or the target's have;
    no name stands for both. Raises RequestError."""
    if request.after is None:
        return program
    names = []
    for name, done in _passes(request, program):
        if name == request.after:
            return done
        names.append(name)
    near = get_close_matches(request.after, names, n=1)
    raise RequestError(f"unknown pass {request.after!r}", expected=f"one of {', '.join(names)}",
                       remedy=f"did you mean {near[0]!r}?" if near else "")


def _passes(request: Request, program: Program) -> Iterator[tuple[str, Program]]:
    yield from passes(program, request.goal or "balanced")
    yield from _compiled(request, program).passes().items()


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
    compiled = _compiled(request, program)
    text = compiled.artefact(request.form, name)
    return {f"{name}.{compiled.artefacts[request.form]}": text}


def _compiled(request: Request, program: Program) -> Compiled:
    target = chip.target_of(request)
    budget = chip.budget_of(request.budget, target)
    return chip.compiled(program, target, request.goal or "time", budget)
