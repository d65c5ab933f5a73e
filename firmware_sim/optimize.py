"""What a program is optimized for: time, memory under a latency budget, or both.

Cycles are the proved worst case of the compiled program; bytes are those of external memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from dsplet.firmware_sim.dsp32c import wcet
from dsplet.firmware_sim.dsp32c.codegen.image import Image, build, compile_program
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Mixture, mixtures
from dsplet.firmware_sim.dsp32c.codegen.planner import DoesNotFit
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.quantize.fixed.program import Program


def fastest(program: Program, target: Target, budget_cycles: float | None = None) -> Image:
    """The least cycles that the board's memory allows; the budget changes nothing."""
    return compile_program(program, target)


def smallest(program: Program, target: Target, budget_cycles: float | None = None) -> Image:
    """The least memory within the budget; the fastest program where nothing keeps it."""
    ways = mixtures(program)[::-1]  # the smallest first, the fastest last

    def keeps(i: int) -> bool:
        try:
            return cycles(build(program, target, ways[i].choices)) <= budget_cycles
        except DoesNotFit:
            return True  # a smaller one is wanted

    first = 0 if budget_cycles is None else bisect_left(range(len(ways)), True, key=keeps)
    if first == len(ways):
        return compile_program(program, target)
    return build(program, target, ways[first].choices)


def balanced(program: Program, target: Target, budget_cycles: float | None = None) -> Image:
    """The least product of cycles and bytes, as estimated, that keeps the budget if one does."""
    fast = compile_program(program, target)
    spent, held = cycles(fast), external_bytes(fast)
    ways = mixtures(program)
    at = next(m for m in ways if m.choices == fast.choices)

    def estimate(m: Mixture) -> float:
        return spent + m.cycles - at.cycles

    limit = float("inf") if budget_cycles is None else max(budget_cycles, spent)
    while True:
        best = min((m for m in ways if m.bytes >= at.bytes and estimate(m) <= limit),
                   key=lambda m: estimate(m) * (held + at.bytes - m.bytes))
        image = build(program, target, best.choices)
        over = cycles(image) - limit
        if over <= 0 or best is at:
            return image
        limit = max(estimate(best) - over, spent)


GOALS: dict[str, Callable[[Program, Target, float | None], Image]] = {
    "time": fastest, "memory": smallest, "balanced": balanced}


def cycles(image: Image) -> float:
    """The worst case in instruction cycles."""
    return wcet.of_image(image).states / image.target.states_per_cycle


def external_bytes(image: Image) -> int:
    """External memory in use at once at most."""
    external = {r.name for r in image.target.regions if r.external}
    return sum(used for name, (used, _) in image.memory_by_region().items() if name in external)
