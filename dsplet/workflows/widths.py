"""Choose the bit widths of every layer's weights and activations."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base import picture, render
from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.base.sizes import bytes_of
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.network import Network, quantized
from dsplet.quantize.ptq import recipe as recipes
from dsplet.quantize.qdq import to_qdq
from dsplet.quantize.search import plot as pictures
from dsplet.quantize.search import study as studies
from dsplet.quantize.search import widths as searching
from dsplet.quantize.search.trial import Point, Trials
from dsplet.quantize.search.widths import PointRow, WidthRow
from dsplet.workflows import chip
from dsplet.workflows.request import (
    FromData,
    OnTarget,
    RequestError,
    check_outs,
    classes,
    percent,
    refuse_idle,
)

TRIALS = 100
"""Of a study, where nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class Request(FromData, OnTarget):
    """memory ("30KB"), latency ("33.3ms", "333333cycles"), accuracy (per cent of the `calibrate`
    calibration samples): budgets. out: the chosen network. front_file: the points, as JSON. plot: a
    picture of them. study: an Optuna storage to go on with for `trials` trials (None: TRIALS), by
    `seed` (None: 0)."""

    source: str
    out: str | None = None
    memory: str | None = None
    latency: str | None = None
    accuracy: float | None = None
    calibrate: int = 1000
    front_file: str | None = None
    plot: str | None = None
    study: str | None = None
    trials: int | None = None
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """points: all that was measured, with weights rounded to nearest. What follows plot is of the
    network that a budget chose, quantized by the default recipe: layers, what was measured of it,
    its cycles, and its file where one was asked for."""

    FIRST = ("memory_bytes", "weight_bytes", "calibration_accuracy_percent", "cycles", "latency_ms",
             "file", "layers")

    network: str
    data: str
    calibration_samples: int
    points: list[PointRow]
    front_file: str | None
    plot: str | None
    layers: list[WidthRow] | None = None
    weight_bytes: int | None = None
    memory_bytes: int | None = None
    calibration_sqnr_db: float | None = None
    calibration_agree_percent: float | None = None
    calibration_accuracy_percent: float | None = None
    cycles: float | None = None
    clock_mhz: float | None = None
    latency_ms: float | None = None
    file: str | None = None


@dataclass(frozen=True, kw_only=True)
class Front:
    """The file of the points."""

    points: list[PointRow]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The fields of a report that are of the chosen network, and its graph."""

    fixed: Graph
    layers: list[WidthRow]
    figures: searching.Figures
    cycles: float


class _Search:
    """One search: its network, its samples, and the processor that it is for."""

    def __init__(self, request: Request, watch: Watch) -> None:
        self.request, self.watch, self.target = request, watch, chip.target_of(request)
        latency = chip.budget_of(request.latency, self.target)
        self.budgets = searching.Budgets(
            None if request.memory is None else bytes_of(request.memory),
            latency.cycles if latency else None, percent("--accuracy", request.accuracy))
        if request.plot:
            picture.check(request.plot)
        check_outs({"-o": request.out, "--front": request.front_file, "--plot": request.plot},
                   request.source, request.data, request.study)
        if request.study:
            studies.check(request.study)
        else:
            for option, value in (("--trials", request.trials), ("--seed", request.seed)):
                refuse_idle(f"{option} does nothing without --study", {option: value})
        if request.out and not self.budgets:
            raise RequestError("-o needs a budget to choose by: --memory, --latency or --accuracy")
        network = Network(request.source)
        if network.float is None:
            raise RequestError(f"{request.source}: is fixed point already")
        self.feeding = request.feed(network.facts, network.inputs)
        self.graph = network.float.saying(self.feeding.metadata)
        self.part = self.feeding.calibration(request.calibrate)
        labels, (x,) = classes("dsplet widths", network, self.part), self.part.x.values()
        with watch.progress("calibrating") as tick:
            self.trials = Trials(self.graph, x, labels, recipes.load("nearest"), tick)

    def cycles(self, fixed: Graph) -> float:
        """Of the first sample."""
        first = {name: x[:1] for name, x in self.part.x.items()}
        return float(chip.execute(fixed, self.target, quantized(fixed, first)).cycles.max())

    def points(self) -> searching.Found:
        """The search itself. Raises NoSolution."""
        asked, storage = self.request, self.request.study
        with self.watch.progress("searching") as tick:
            def study(points: list[Point]) -> list[Point]:
                return studies.explore(self.trials, points, storage or "",
                                       asked.trials or TRIALS, asked.seed or 0, tick)

            return searching.search(self.trials, self.budgets, self.cycles,
                                    study if storage else None, tick)

    def chosen(self, point: Point) -> Chosen:
        """The network of these widths by the default recipe."""
        layers = self.trials.recipe_of(point.widths).layers
        with self.watch.progress("quantizing") as tick:
            facts = self.feeding.metadata | self.feeding.calibration_facts(self.part)
            fixed = recipes.quantize(self.graph, self.trials.samples,
                                     recipes.load("default", layers=layers), facts, tick)
        best = self.trials.judge(fixed, point.widths)
        return Chosen(fixed=fixed, layers=searching.width_rows(best),
                      figures=searching.figures(best), cycles=self.cycles(fixed))


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises ModelError, DataError, BudgetError, NoSolution, PictureError, UnknownTarget,
    RequestError."""
    search = _Search(request, watch)
    found, target = search.points(), search.target
    if request.plot:
        pictures.draw(found, request.plot,
                      f"{request.source}: {len(search.part):,} calibration samples")
    rows = searching.point_rows(found.points, found.front)
    chosen = search.chosen(found.chosen) if found.chosen else None
    if chosen and request.out:
        to_qdq.save(chosen.fixed, request.out)
    if request.front_file:
        front = render.to_json("front", Front(points=rows))
        write_atomically(request.front_file, f"{front}\n".encode())
    return Report(
        network=request.source, data=search.feeding.data, calibration_samples=len(search.part),
        points=rows, front_file=request.front_file, plot=request.plot,
        **({} if chosen is None else vars(chosen.figures) | {
            "layers": chosen.layers, "cycles": chosen.cycles, "clock_mhz": target.clock_mhz,
            "latency_ms": target.ms(chosen.cycles), "file": request.out}))
