"""The Pareto front: memory against noise, every point quantized and measured as a whole."""

from __future__ import annotations

import numpy as np

from quantize.search.solve import NoSolution, Sensitivity, solve
from quantize.search.trial import WIDTHS, Point, Progress, Trials

BUDGETS = 12
"""Memory budgets between the narrowest and the widest network that the solver is asked for."""


def explore(trials: Trials, found: Sensitivity, cycles: float | None = None,
            progress: Progress = lambda done, total: None) -> list[Point]:
    """The solver's choices for BUDGETS budgets, and every uniform network, measured."""
    ends = [trials.memory_bytes(trials.uniform(bits)) for bits in (WIDTHS[0], 10)]
    candidates = [trials.uniform(bits) for bits in WIDTHS]
    for budget in np.geomspace(*ends, BUDGETS):
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


def polish(trials: Trials, point: Point, memory_bytes: float | None, rounds: int = 3) -> Point:
    """Moves of one bit, or of one bit from a slot to another, as long as measured noise falls.

    memory_bytes: the budget that no move may break; None: the point's own memory.
    """
    budget = point.memory_bytes if memory_bytes is None else memory_bytes
    for _ in range(rounds):
        before = point
        for slot in trials.slots:
            wider = point.widths | {slot: min(point.widths[slot] + 1, WIDTHS[-1])}
            givers = [{}] + [{s: point.widths[s] - 1} for s in trials.slots
                             if s is not slot and point.widths[s] > WIDTHS[0]]
            for given in givers:
                widths = wider | given
                if widths == point.widths or trials.memory_bytes(widths) > budget:
                    continue
                tried = trials.measure(widths)
                if tried and tried.noise < point.noise:
                    point = tried
                    break
        if point is before:
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


def rows(points: list[Point], best: list[Point]) -> list[dict]:
    """A table, by memory. widths: by slot, the uniform ones as one number."""
    return [{"weight_bytes": p.weight_bytes, "memory_bytes": p.memory_bytes,
             "calibration_sqnr_db": p.sqnr_db, "calibration_agree_percent": p.agree_percent,
             "calibration_accuracy_percent": p.accuracy_percent, "on_front": p in best,
             "weight_bits": _spelled(p, "weight_bits"),
             "activation_bits": _spelled(p, "activation_bits")}
            for p in sorted(points, key=lambda p: p.memory_bytes)]


def _spelled(point: Point, kind: str) -> str:
    bits = [str(b) for s, b in point.widths.items() if s.kind == kind]
    return bits[0] if len(set(bits)) == 1 else " ".join(bits)
