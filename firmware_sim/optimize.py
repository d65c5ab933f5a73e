"""What a program is optimized for: time, memory under a latency budget, or both.

Cycles are the proved worst case of the compiled program; bytes are those outside the chip.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from dsplet.base.errors import UserError
from dsplet.firmware_sim.backend import Compiled, DoesNotFit
from dsplet.firmware_sim.compile.pareto import Mixture

T = TypeVar("T", bound=Compiled)


class Ways(ABC, Generic[T]):
    """A program for a target in every way that it can be compiled.

    mixtures: what each way is estimated to cost and to save, fastest first, smallest last.
    """

    mixtures: Sequence[Mixture[Any]]

    @abstractmethod
    def build(self, way: int) -> T:
        """The program compiled so. Raises DoesNotFit."""


def fastest(ways: Ways[T], budget_cycles: float | None = None) -> T:
    """The least cycles that the board's memory allows; the budget changes nothing."""
    return ways.build(_first_that_fits(ways))


def smallest(ways: Ways[T], budget_cycles: float | None = None) -> T:
    """The least memory within the budget; the fastest program where nothing keeps it."""
    order = range(len(ways.mixtures) - 1, -1, -1)  # the smallest first, the fastest last

    def keeps(way: int) -> bool:
        try:
            return budget_cycles is None or cycles(ways.build(way)) <= budget_cycles
        except DoesNotFit:
            return True  # a smaller one is wanted

    first = bisect_left(order, True, key=keeps)
    try:
        return fastest(ways) if first == len(order) else ways.build(order[first])
    except DoesNotFit:  # all that fit are too slow, and those that are faster do not fit
        return fastest(ways)


def balanced(ways: Ways[T], budget_cycles: float | None = None) -> T:
    """The least product of cycles and bytes, as estimated, that keeps the budget if one does."""
    at = _first_that_fits(ways)
    spent, held, start = cycles(ways.build(at)), external_bytes(ways.build(at)), ways.mixtures[at]

    def estimate(way: int) -> float:
        return spent + ways.mixtures[way].cycles - start.cycles

    def bytes_left(way: int) -> float:
        return held + start.bytes - ways.mixtures[way].bytes

    limit = float("inf") if budget_cycles is None else max(budget_cycles, spent)
    while True:
        best = min((way for way, m in enumerate(ways.mixtures)
                    if m.bytes >= start.bytes and estimate(way) <= limit),
                   key=lambda way: estimate(way) * bytes_left(way))
        over = cycles(ways.build(best)) - limit
        if over <= 0 or best == at:
            return ways.build(best)
        limit = max(estimate(best) - over, spent)


GOALS: dict[str, Callable[[Ways[Any], float | None], Any]] = {
    "time": fastest, "memory": smallest, "balanced": balanced}


def cycles(compiled: Compiled) -> float:
    """The worst case in cycles. Raises UserError where none is proved."""
    worst = compiled.worst_case()
    if worst.cycles is None:
        raise UserError(worst.why)
    return worst.cycles


def external_bytes(compiled: Compiled) -> int:
    """Memory outside the chip in use at once at most."""
    external = {r.name for r in compiled.target.regions if r.external}
    return sum(row.used_bytes for row in compiled.memory().by_region if row.region in external)


def _first_that_fits(ways: Ways[Any]) -> int:
    """The fastest way that the board has memory for. Raises DoesNotFit: the smallest's."""
    lacking, last = 0, len(ways.mixtures) - 1
    for way, mixture in enumerate(ways.mixtures):
        if mixture.bytes >= lacking or way == last:
            try:
                ways.build(way)
                return way
            except DoesNotFit as error:
                lacking, refused = mixture.bytes + error.missing_bytes, error
    raise refused
