"""What may be changed of a network and of how it runs, but for its recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Any

from dsplet.base.errors import UserError
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.optimize import GOALS
from dsplet.quantize.ptq.recipe import Recipe
from dsplet.quantize.search import moves
from dsplet.quantize.search.advice import Change, Plan, Rank
from dsplet.quantize.search.bare import softmax_of
from dsplet.workflows import chip
from dsplet.workflows.advise_bench import Bench, Way


def of_file(bench: Bench, plan: Plan) -> Iterator[Change]:
    """Changes of the file and of how it is compiled that may mend what the plan misses."""
    missed = _missed(bench, plan)
    if missed - {"accuracy"}:
        yield from _goals(plan)
        if not plan.bare and (last := softmax_of(bench.fixed)):
            yield Change(f"no {last.op} at the end", "gives scores; the largest is the same",
                         Rank.FILE, lambda p: replace(p, bare=True))
    if bench.trials is not None:
        recipe = Recipe.from_json(plan.recipe).of(bench.trials.graph)
        if "accuracy" in missed:
            yield from moves.gains(bench.trials, recipe)
        if missed - {"accuracy"}:
            yield from moves.savings(bench.trials, recipe)


def _missed(bench: Bench, plan: Plan) -> set[str]:
    """The budgets that the plan misses; memory, where it does not fit."""
    measured = bench.measure(plan)
    if isinstance(measured, str):
        return {"RAM", "flash"}
    return {name for name, share in measured.over.items() if share > 0}


def _goals(plan: Plan) -> Iterator[Change]:
    """The nearest first: of memory for time, or of time for memory, no more than is needed."""
    way = _way(plan)
    names = list(GOALS)
    at = ("time", "balanced", "memory").index(way.goal or chip.usual_goal(chip.target_of(way)))
    order = ("time", "balanced", "memory")
    for name in sorted(names, key=lambda n: (abs(order.index(n) - at), n)):
        if order.index(name) != at:
            yield Change(f"-O {name}", "the file stays", Rank.COMPILER, _set(goal=name))


def of_hardware(bench: Bench, plan: Plan) -> Iterator[Change]:
    """Other parts of the processor, other boards, the smallest first, and the clock that a missed
    latency asks for; nothing where accuracy alone is missed."""
    if _missed(bench, plan) == {"accuracy"}:
        return
    way, target = _way(plan), chip.target_of(_way(plan))
    owner = targets.backend(target)
    for name in sorted(owner.targets, key=lambda name: owner.targets[name].clock_mhz):
        if name != way.target:
            yield Change(f"--target {name}", "another part", Rank.HARDWARE,
                         _set(target=name, clock=None))
    boards = sorted(owner.boards.values(), key=lambda b: sum(r.bytes for r in b.regions))
    for board in boards:
        if board.name != target.board.name:
            yield Change(f"--board {board.name}", "another board", Rank.HARDWARE,
                         _set(board=board.name, clock=None))
    measured = bench.measure(plan)
    if not isinstance(measured, str) and not bench.limits.in_cycles and (
            short := measured.over.get("latency", 0)) > 0:
        mhz = ceil(target.clock_mhz * (1 + short))
        try:
            targets.clocked(target, mhz)
        except UserError:
            return
        yield Change(f"--clock {mhz}MHz", "another clock", Rank.HARDWARE, _set(clock=f"{mhz}MHz"))


def _way(plan: Plan) -> Way:
    assert isinstance(plan.way, Way)
    return plan.way


def _set(**fields: Any):
    return lambda plan: replace(plan, way=replace(_way(plan), **fields))
