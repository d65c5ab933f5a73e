"""What workflows ask of a processor, but for `simulate`, which asks for everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsplet.base.errors import shown
from dsplet.base.sizes import mhz_of
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Compiled, Run, Target
from dsplet.firmware_sim.budget import Budget, budget_cycles
from dsplet.firmware_sim.optimize import GOALS
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import Program, lower
from dsplet.workflows.request import OnPart, OnTarget, RequestError


def part_of(request: OnPart) -> Target:
    """The processor that is meant. Raises UnknownTarget, SizeError, and UserError for a clock that
    its memory does not keep up with."""
    target = targets.get(request.target, request.board)
    if request.clock is None:
        return target
    return targets.clocked(target, mhz_of(request.clock, "--clock"))


def target_of(request: OnTarget) -> Target:
    """The processor that is meant, with code as it is meant. Raises NotOffered besides."""
    target = part_of(request)
    return target if request.rounding is None else targets.rounded(target, request.rounding)


def budget_of(text: str | None, target: Target) -> Budget | None:
    """A budget such as "33.3ms", "333333cycles", or a name that `dsplet budgets` lists. Raises
    BudgetError."""
    if text is None:
        return None
    limit = text
    if "/" in text:
        from dsplet.data import budgets
        limit = f"{budgets.get(text).latency_ms:g}ms"
    return Budget(text, budget_cycles(limit, target))


def check_goal(goal: str | None) -> None:
    """Raises RequestError for what is none, of C or of a processor. None: the usual one."""
    if goal is not None and goal not in GOALS:
        raise RequestError(f"goal is {shown(goal)}", expected=", ".join(GOALS))


def usual_goal(target: Target) -> str:
    """What a program is compiled for where nobody says."""
    return targets.backend(target).usual_goal


def compiled(program: Program, target: Target, goal: str | None, budget: Budget | None
             ) -> Compiled:
    """The program as the goal, a key of `optimize.GOALS`, has it within the budget; None: the
    target's usual one. Raises DoesNotFit."""
    return targets.compile(program, target, goal, budget.cycles if budget else None)


def execute(graph: Graph, target: Target, xs: Sequence[np.ndarray]) -> Run:
    """Inputs, integers (N, *shape) each, through the machine code. Raises DoesNotFit."""
    return targets.compile(lower(graph), target).simulate(xs)
