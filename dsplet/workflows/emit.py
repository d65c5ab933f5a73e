"""Write a network as sources, as kernels to read, or as a processor's files."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.errors import near
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
from dsplet.workflows.request import OnTarget, RequestError, refuse_idle


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
    after, goal, board = {"--after": request.after}, {"-O": request.goal}, _board(request)
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
    refuse_idle(why, idle)
    refuse_idle(f"--format {request.form} is no C", only_c)


def _board(request: Request) -> dict[str, str | None]:
    """The options that say for what processor."""
    other = request.target if request.target != OnTarget.target else None
    return {"--target": other, "--board": request.board, "--clock": request.clock,
            "--budget": request.budget, "--rounding": request.rounding}


def _after(request: Request, program: Program) -> Program:
    """The program after the pass that is asked for, which either C's passes or the target's have;
    no name stands for both. Raises RequestError."""
    if request.after is None:
        return program
    names = []
    for name, done in passes(program, request.goal or "balanced"):
        if name == request.after:
            refuse_idle(f"the pass '{name}' is one of those for C, which know no processor",
                        _board(request))
            return done
        names.append(name)
    own = _compiled(request, program).passes()
    if request.after in own:
        return own[request.after]
    names.extend(own)
    raise RequestError(f"unknown pass '{request.after}'", expected=f"one of {', '.join(names)}",
                       remedy=near(request.after, names))


def _on_target(request: Request, program: Program, name: str) -> dict[str, str]:
    compiled = _compiled(request, program)
    text = compiled.artefact(request.form, name)
    return {f"{name}.{compiled.artefacts[request.form]}": text}


def _compiled(request: Request, program: Program) -> Compiled:
    target = chip.target_of(request)
    budget = chip.budget_of(request.budget, target)
    goal = request.goal or chip.usual_goal(target)
    if goal == "time":
        refuse_idle("-O time takes the least cycles that there are", {"--budget": request.budget},
                    ", or give -O memory or -O balanced")
    return chip.compiled(program, target, goal, budget)
