"""The cheapest changes that meet budgets: each is tried and measured, the most gain for a point
lost is taken, and what proves unneeded in the end is taken back.

What a plan costs and keeps is measured by a bench, which knows the processor; nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from math import inf
from typing import Protocol

from dsplet.quantize.search.trial import Progress

LEAST_LOSS_POINTS = 0.1
"""What a change loses at least, where gains for a point lost are compared."""


class Rank(IntEnum):
    """Whose changes are tried first: how the file is compiled, the file, other hardware."""

    COMPILER = 0
    FILE = 1
    HARDWARE = 2


@dataclass(frozen=True)
class Plan:
    """A network and how it runs. recipe: as JSON. bare: without the softmax at its end. way: for
    what and for which goal it is compiled, which the bench reads."""

    recipe: str
    bare: bool
    way: Hashable


@dataclass(frozen=True, eq=False)
class Change:
    """what, cost: for people. make: of a plan the changed one, the same where it has it already."""

    what: str
    cost: str
    rank: Rank
    make: Callable[[Plan], Plan]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured of a plan. cycles: the most that are proved or seen. lost_points: of
    accuracy, against the float network on the same `samples`. over: by budget, what is used over
    what is allowed, less one: met where it is not above 0."""

    cycles: float
    latency_ms: float
    ram_bytes: int
    read_only_bytes: int
    accuracy_percent: float
    lost_points: float
    samples: int
    over: Mapping[str, float]

    @property
    def met(self) -> bool:
        return all(share <= 0 for share in self.over.values())

    @property
    def excess(self) -> float:
        """By how much the budgets are missed together."""
        return sum(max(share, 0.0) for share in self.over.values())


Measured = Figures | str
"""A word on why, where a plan cannot be had."""


class Bench(Protocol):
    """Builds, compiles and runs plans, each once."""

    def measure(self, plan: Plan) -> Measured:
        """Quantized quickly, on calibration samples."""

    def verify(self, plan: Plan) -> Measured:
        """As it would be handed over, on test samples."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A change that was tried on a plan. round: of the search, from 1. before, after: None where
    the plan does not fit."""

    round: int
    change: Change
    before: Figures | None
    after: Figures | None
    outcome: str


def excess(figures: Measured) -> float:
    """Of what cannot be had it is infinite."""
    return inf if isinstance(figures, str) else figures.excess


def _figures(measured: Measured) -> Figures | None:
    return None if isinstance(measured, str) else measured


class Search:
    """plan: the best so far, changed by `steps` from `start`. found: its verified figures, once it
    meets the budgets."""

    def __init__(self, start: Plan, bench: Bench, most: int,
                 progress: Progress = lambda done, total: None) -> None:
        """most: how many changes are tried in all."""
        self.start = self.plan = start
        self.bench, self.most, self._progress = bench, most, progress
        self.steps: list[Change] = []
        self.trials: list[Trial] = []
        self.found: Figures | None = None
        self.rounds = 0

    def climb(self, changes: Callable[[Plan], Iterable[Change]]) -> bool:
        """Rounds of changes, by rank and then in their order, until the budgets are met, nothing
        gains or all trials are made. Whether they are met."""
        while not self.found and (best := self._round(changes(self.plan))):
            self.steps.append(best)
            self.plan = best.make(self.plan)
        if self.found:
            self._prune()
        return self.found is not None

    def _round(self, changes: Iterable[Change]) -> Change | None:
        """The change to take: the first that meets the budgets, else the one with the most gain
        for a point lost; None where none gains."""
        self.rounds += 1
        before = self.bench.measure(self.plan)
        known, best, most = {self.plan}, None, 0.0
        for change in sorted(changes, key=lambda c: c.rank):
            plan = change.make(self.plan)
            if plan in known or len(self.trials) >= self.most:
                continue
            known.add(plan)
            after, outcome = self._try(plan)
            self.trials.append(Trial(round=self.rounds, change=change, before=_figures(before),
                                     after=_figures(after), outcome=outcome))
            self._progress(len(self.trials), self.most)
            if self.found:
                return change
            if (worth := _worth(before, after)) > most:
                best, most = change, worth
        if best:
            at = next(i for i, t in enumerate(self.trials) if t.change is best)
            self.trials[at] = replace(self.trials[at], outcome="kept: the most for a point lost")
        return best

    def _try(self, plan: Plan) -> tuple[Measured, str]:
        """What the plan measures, and a word on that."""
        after = self.bench.measure(plan)
        if isinstance(after, str):
            return after, after.partition(". ")[0]
        if not after.met:
            missed = ", ".join(name for name, share in after.over.items() if share > 0)
            return after, f"misses {missed}"
        verified = self.bench.verify(plan)
        if isinstance(verified, str) or not verified.met:
            return verified, "meets all on calibration samples, and not when verified"
        self.found = verified
        return verified, "meets all"

    def _prune(self) -> None:
        """Take back each change without which the budgets are still met."""
        for step in self.steps[:-1]:
            rest = [s for s in self.steps if s is not step]
            plan = self.start
            for change in rest:
                plan = change.make(plan)
            measured = self.bench.measure(plan)
            if isinstance(measured, str) or not measured.met:
                continue
            verified = self.bench.verify(plan)
            if not isinstance(verified, str) and verified.met:
                self.steps, self.plan, self.found = rest, plan, verified


def _worth(before: Measured, after: Measured) -> float:
    """What is gained for a point lost; nothing where the budgets are missed by no less."""
    if isinstance(after, str) or not after.excess < excess(before):
        return 0.0
    if isinstance(before, str):
        return inf
    lost = after.lost_points - before.lost_points
    return (before.excess - after.excess) / max(lost, LEAST_LOSS_POINTS)
