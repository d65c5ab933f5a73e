"""Write a network as sources, as kernels to read, or as a processor's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from dsplet.base.files import make_folder, write_together
from dsplet.base.progress import SILENT, Watch
from dsplet.export.c.printer import check_name
from dsplet.firmware_sim.backend import Compiled
from dsplet.firmware_sim.compile.optimize import passes
from dsplet.quantize.fixed.kernel_text import to_text
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.network import fixed_graph
from dsplet.workflows import chip
from dsplet.workflows.c_files import CRequest, c_files, name_of
from dsplet.workflows.request import OnTarget, RequestError


@dataclass(frozen=True, kw_only=True)
class Request(OnTarget, CRequest):
    """form: c, kernels, image, listing or symbols. name: of the files and of the C functions; None:
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
    """Raises ModelError, Unprintable, BudgetError, UnknownTarget, DoesNotFit, CannotStream,
    RequestError."""
    _refuse_idle(request)
    fixed = fixed_graph(request.source)
    program = lower(fixed)
    name = name_of(fixed, program, request.source) if request.name is None else request.name
    check_name(name)
    match request.form:
        case "c":
            files = c_files(request, fixed, program, name, request.goal or "balanced")
        case "kernels":
            files = {f"{name}.kernels": to_text(_after(request, program))}
        case _:
            files = _on_target(request, program, name)
    folder = make_folder(request.folder)
    write_together({folder / file: text.encode() for file, text in files.items()})
    return Report(written=[str(folder / file) for file in files])


def _refuse_idle(request: Request) -> None:
    """Options that would change nothing. Raises RequestError."""
    other = request.target if request.target != OnTarget.target else None
    after, goal = {"--after": request.after}, {"-O": request.goal}
    board = {"--target": other, "--board": request.board, "--budget": request.budget,
             "--clock": request.clock}
    kernels = request.form == "kernels"
    if request.form == "c":
        why, idle = "C is written for no board and keeps no budget", board | after
    elif kernels and not request.after:
        why, idle = "kernels as they are before any pass know no processor", board | goal
    else:
        why, idle = "a compiled program is past all passes", {} if kernels else after
    only_c = {} if request.form == "c" else {
        "--stream": request.stream, "--self-test": request.self_test, "--with": request.build,
        "--vectors": request.vectors, "--ram": request.ram, "--flash": request.flash}
    for reason, those in ((why, idle), (f"--format {request.form} is no C", only_c)):
        if given := ", ".join(o for o, value in those.items() if value not in (None, False)):
            raise RequestError(reason, remedy=f"leave out {given}")


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


def _on_target(request: Request, program: Program, name: str) -> dict[str, str]:
    compiled = _compiled(request, program)
    text = compiled.artefact(request.form, name)
    return {f"{name}.{compiled.artefacts[request.form]}": text}


def _compiled(request: Request, program: Program) -> Compiled:
    target = chip.target_of(request)
    budget = chip.budget_of(request.budget, target)
    return chip.compiled(program, target, request.goal, budget)
