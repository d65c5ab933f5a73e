"""The Pareto front: memory against noise, every point quantized and measured as a whole."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.search.solve import NoSolution, Sensitivity, solve
from dsplet.quantize.search.trial import WIDTHS, Point, Progress, Trials

BUDGETS = 12
"""Memory budgets between the narrowest and the widest network that the solver is asked for."""


def explore(trials: Trials, found: Sensitivity, cycles: float | None = None,
            progress: Progress = lambda done, total: None) -> list[Point]:
    """The solver's choices for BUDGETS budgets, and every uniform network, measured."""
    low, high = (trials.memory_bytes(trials.uniform(bits)) for bits in (WIDTHS[0], 10))
    candidates = [trials.uniform(bits) for bits in WIDTHS]
    for budget in np.geomspace(low, high, BUDGETS):
        try:
            candidates.append(solve(trials, found, float(budget), cycles))
        except NoSolution:
            continue
    points = []
    for i, widths in enumerate(candidates):
        points.append(trials.measure(widths))
        progress(i + 1, len(candidates))
    return [p for p in points if p]


def front(points: list[Point]) -> list[Point]:
    """Those that no other beats in memory and noise, by memory; of equal ones the first."""
    best: list[Point] = []
    for p in sorted(points, key=lambda p: (p.memory_bytes, p.noise)):
        if not best or p.noise < best[-1].noise:
            best.append(p)
    return best


def polish(trials: Trials, point: Point, memory_bytes: float,
           progress: Progress = lambda done, total: None) -> Point:
    """One bit more for a slot, where need be for one less elsewhere: every such move once, kept
    where the measured noise falls. memory_bytes: the budget that no move may break."""
    for i, slot in enumerate(trials.slots):
        progress(i, len(trials.slots))
        givers = [{}, *({s: -1} for s in trials.slots if s != slot)]
        for given in givers:
            widths = {s: b + given.get(s, 0) + (s == slot) for s, b in point.widths.items()}
            if not all(WIDTHS[0] <= b <= WIDTHS[-1] for b in widths.values()) or (
                    trials.memory_bytes(widths) > memory_bytes):
                continue
            tried = trials.measure(widths)
            if tried and tried.noise < point.noise:
                point = tried
                break
    return point


def smallest(points: list[Point], accuracy_percent: float) -> Point:
    """The least memory that keeps the accuracy on the samples. NoSolution."""
    enough = [p for p in points if p.accuracy_percent >= accuracy_percent]
    if not enough:
        best = max(p.accuracy_percent for p in points)
        raise NoSolution(f"no widths keep {accuracy_percent:g} % of the calibration samples; the "
                         f"best found keep {best:.4g} %")
    return min(enough, key=lambda p: (p.memory_bytes, p.noise))
