"""What may be changed of a network and of how it runs, but for its recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

ORDER = ("time", "balanced", "memory")
"""Goals of -O, of which neighbours are nearest."""


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


def of_hardware(bench: Bench, plan: Plan) -> Iterator[Change]:
    """Where latency is missed, or the memory there is: other parts of the processor, other boards,
    the smallest first, and the clock that is asked for, where some part has it."""
    measured, way, target = bench.measure(plan), _way(plan), chip.target_of(_way(plan))
    late = 0.0 if isinstance(measured, str) else measured.over.get("latency", 0.0)
    if not isinstance(measured, str) and late <= 0:
        return
    owner = targets.backend(target)
    for name in sorted(owner.targets, key=lambda name: owner.targets[name].clock_mhz):
        if name != way.target:
            yield from _other(f"--target {name}", "another part", way, target=name)
    for board in sorted(owner.boards.values(), key=lambda b: sum(r.bytes for r in b.regions)):
        if board.name != target.board.name:
            yield from _other(f"--board {board.name}", "another board", way, board=board.name)
    mhz = ceil(target.clock_mhz * (1 + late))
    fastest = max(part.clock_mhz for part in owner.targets.values())
    if not bench.limits.in_cycles and target.clock_mhz < mhz <= fastest:
        yield from _other(f"--clock {mhz}MHz", "another clock", way, clock=f"{mhz}MHz")


def _other(what: str, cost: str, way: Way, clock: str | None = None, **fields: str
           ) -> Iterator[Change]:
    """Where there is such a part on such a board at that clock."""
    try:
        chip.target_of(replace(way, clock=clock, **fields))
    except UserError:
        return
    yield Change(what, cost, Rank.HARDWARE, _set(clock=clock, **fields))


def _missed(bench: Bench, plan: Plan) -> set[str]:
    """The budgets that the plan misses; memory, where it does not fit."""
    measured = bench.measure(plan)
    if isinstance(measured, str):
        return {"RAM", "flash"}
    return {name for name, share in measured.over.items() if share > 0}


def _goals(plan: Plan) -> Iterator[Change]:
    """The nearest first: of memory for time, or of time for memory, no more than is needed."""
    way = _way(plan)
    at = ORDER.index(way.goal or chip.usual_goal(chip.target_of(way)))
    for name in sorted(GOALS, key=lambda n: (abs(ORDER.index(n) - at), n)):
        if ORDER.index(name) != at:
            yield Change(f"-O {name}", "the file stays", Rank.COMPILER, _set(goal=name))


def _way(plan: Plan) -> Way:
    assert isinstance(plan.way, Way)
    return plan.way


def _set(**fields: Any) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, way=replace(_way(plan), **fields))
