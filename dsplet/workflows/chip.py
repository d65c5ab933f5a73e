"""What workflows ask of a processor, but for `simulate`, which asks for everything."""

from __future__ import annotations

import numpy as np

from dsplet.firmware_sim.dsp32c import parts, report
from dsplet.firmware_sim.dsp32c.codegen.image import Image, compile_program
from dsplet.firmware_sim.dsp32c.optimize import GOALS
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.sim.simulate import Run, Simulator
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import Program, lower
from dsplet.workflows.request import OnTarget


def target_of(request: OnTarget) -> Target:
    """The processor that is meant. Raises UnknownTarget."""
    return parts.get(request.target, request.board)


def described(target: Target) -> str:
    """The target in a report."""
    return f"{target.name}, board {target.board.name}"


def as_time(budget: str | None) -> str | None:
    """A budget as a time or cycles, where it is a name that `dsplet budgets` lists. BudgetError."""
    if budget and "/" in budget:
        from dsplet.data import budgets
        return f"{budgets.get(budget).latency_ms:g}ms"
    return budget


def as_cycles(budget: str | None, target: Target) -> float | None:
    """A budget such as "33.3ms", "333333cycles" or a name, in cycles. Raises BudgetError."""
    limit = as_time(budget)
    return report.budget_cycles(limit, target) if limit else None


def compiled(program: Program, target: Target, goal: str, budget: str | None) -> Image:
    """The program as the goal, a key of GOALS, has it within the budget. Raises DoesNotFit."""
    return GOALS[goal](program, target, as_cycles(budget, target))


def execute(graph: Graph, target: Target, x: np.ndarray) -> Run:
    """Inputs x, integers (N, *shape), through the machine code. Raises DoesNotFit."""
    return Simulator(compile_program(lower(graph), target))(x)
