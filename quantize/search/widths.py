"""The whole search: sensitivities, the solver's choices, the measured front, the one that is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsplet.quantize.search.pareto import explore, front, polish, smallest
from dsplet.quantize.search.solve import NoSolution, sensitivity, solve
from dsplet.quantize.search.trial import Point, Progress, Trials


@dataclass(frozen=True)
class Budgets:
    """What the network may cost and must keep; None: no matter.

    memory_bytes: packed bit by bit, see `Point`. cycles: of one sample on the simulator.
    accuracy_percent: of the samples that the search measures with.
    """

    memory_bytes: float | None = None
    cycles: float | None = None
    accuracy_percent: float | None = None

    def __bool__(self) -> bool:
        return any(b is not None for b in (self.memory_bytes, self.cycles, self.accuracy_percent))


@dataclass(frozen=True)
class Found:
    """points: all that was measured. front: the best of them. chosen: None without a budget."""

    points: list[Point]
    front: list[Point]
    chosen: Point | None


def search(trials: Trials, budgets: Budgets, cycles: Callable | None = None,
           more: Callable[[list[Point]], list[Point]] | None = None,
           progress: Progress = lambda done, total: None) -> Found:
    """cycles(graph): the simulator's count, needed for a budget of cycles. more(points): further
    points, from another search. Raises `solve.NoSolution`.

    With budgets of memory or cycles the solver's choice is polished by measuring; with one of
    accuracy the smallest network on the front that keeps it is taken.
    """
    found = sensitivity(trials, cycles if budgets.cycles else None, progress)
    points = explore(trials, found, budgets.cycles, progress)
    if budgets.cycles or budgets.memory_bytes:
        exact = trials.measure(solve(trials, found, budgets.memory_bytes, budgets.cycles))
        if exact is None:
            raise NoSolution("the widths that the solver chose cannot be proved free of overflow")
        points.append(exact)
        if budgets.memory_bytes and not budgets.cycles:
            points.append(polish(trials, exact, budgets.memory_bytes, progress))
    if more:
        points += more(points)
    points = list({tuple(p.widths.values()): p for p in points}.values())
    return Found(points, front(points), _chosen(points, budgets))


def _chosen(points: list[Point], budgets: Budgets) -> Point | None:
    if not budgets:
        return None
    if budgets.cycles:  # only the solver's own choices are known to keep it
        points = [p for p in points if len(set(p.widths.values())) > 1]
    if budgets.memory_bytes is not None:
        points = [p for p in points if p.memory_bytes <= budgets.memory_bytes]
    if budgets.accuracy_percent is not None:
        return smallest(points, budgets.accuracy_percent)
    return min(points, key=lambda p: p.noise)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured of a point."""

    weight_bytes: int
    memory_bytes: int
    calibration_sqnr_db: float
    calibration_agree_percent: float
    calibration_accuracy_percent: float


def figures(p: Point) -> Figures:
    """Those of a report."""
    return Figures(weight_bytes=p.weight_bytes, memory_bytes=p.memory_bytes,
                   calibration_sqnr_db=p.sqnr_db, calibration_agree_percent=p.agree_percent,
                   calibration_accuracy_percent=p.accuracy_percent)


@dataclass(frozen=True, kw_only=True)
class PointRow(Figures):
    """A point of the search; a width that all slots of a kind share stands once."""

    FIRST = ("memory_bytes", "calibration_accuracy_percent", "weight_bits", "activation_bits")

    on_front: bool
    weight_bits: str
    activation_bits: str


def point_rows(points: list[Point], best: list[Point]) -> list[PointRow]:
    """A row for each point, by memory."""
    return [PointRow(**vars(figures(p)), on_front=p in best, weight_bits=_spelled(p, "weight_bits"),
                     activation_bits=_spelled(p, "activation_bits"))
            for p in sorted(points, key=lambda p: (p.memory_bytes, p.noise))]


def _spelled(point: Point, kind: str) -> str:
    bits = [str(b) for s, b in point.widths.items() if s.kind == kind]
    return bits[0] if len(set(bits)) == 1 else " ".join(bits)


@dataclass(frozen=True, kw_only=True)
class WidthRow:
    """The chosen widths of a layer, and how many weights it has."""

    layer: str
    weights: int | None
    weight_bits: int | None
    activation_bits: int | None


def width_rows(point: Point) -> list[WidthRow]:
    """A row for each layer."""
    bits = {(s.layer, s.kind): b for s, b in point.widths.items()}
    sizes = {s.layer: s.size for s in point.widths if s.kind == "weight_bits"}
    return [WidthRow(layer=layer, weights=sizes.get(layer),
                     weight_bits=bits.get((layer, "weight_bits")),
                     activation_bits=bits.get((layer, "activation_bits")))
            for layer in dict.fromkeys(s.layer for s in point.widths)]
