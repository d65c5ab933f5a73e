"""Which layers of a fixed-point network lose what, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base import picture
from dsplet.base.display import Displayed
from dsplet.base.progress import SILENT, Watch
from dsplet.base.provenance import Provenance
from dsplet.base.rows import unprinted
from dsplet.data.answers import percent_right
from dsplet.data.feed import Feed
from dsplet.quantize.analysis import range_plot, report
from dsplet.quantize.analysis.diagnose import diagnose
from dsplet.quantize.analysis.report import FlipRow, LayerRow, RangeRow
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.network import Network
from dsplet.quantize.ptq.recipe import Recipe
from dsplet.quantize.search import suggestions
from dsplet.quantize.search.suggestions import ChangeRow, Changes
from dsplet.quantize.search.trial import Trials
from dsplet.workflows.provenance import provenance
from dsplet.workflows.request import FromData, RequestError, check_out, classes, percent


@dataclass(frozen=True, kw_only=True)
class Request(FromData):
    """samples: of the test split, a number or "all". accuracy: per cent of the `calibrate`
    calibration samples that a change has to keep; None: what the float network keeps. plot: a
    picture to draw of the ranges."""

    reference: str
    test: str
    samples: str = "all"
    accuracy: float | None = None
    calibrate: int = 500
    plot: str | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Report(Displayed):
    """See `report.Diagnosis` and `suggestions.Changes`. calibrated_on: how many of the samples the
    fixed-point network was calibrated on. changes: what was tried, or why nothing."""

    FIRST = ("smallest_change", "reference_accuracy_percent", "test_accuracy_percent",
             "output_sqnr_db")

    provenance: Provenance = unprinted()
    reference: str
    test: str
    plot: str | None
    calibrated_on: str | None = None
    samples: int
    reference_accuracy_percent: float
    test_accuracy_percent: float
    output_sqnr_db: float
    layers: list[LayerRow]
    flips: list[FlipRow]
    ranges: list[RangeRow]
    calibration_samples: int | None = None
    changes: list[ChangeRow] | str
    smallest_change: str | None = None


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Each layer in turn is restored to that of the float network; changes of the recipe are tried
    on calibration samples. Raises ModelError, DataError, PictureError, RequestError."""
    if request.plot:
        picture.check(request.plot)
    check_out(request.plot, request.reference, request.test)
    percent("--accuracy", request.accuracy)
    whole, fixed = Network(request.reference), Network(request.test)
    if whole.float is None or fixed.fixed is None:
        raise RequestError(f"{request.reference} must be a float network and {request.test} the "
                           "fixed-point one that was made from it")
    feeding = request.feed(fixed.facts, fixed.inputs)
    part = feeding.test(request.samples)
    labels = classes("dsplet diagnose", fixed, part)
    x, = part.x.values()
    with watch.progress("diagnosing") as tick:
        seen = diagnose(whole.float, fixed.fixed, x, labels, tick)
    if request.plot:
        range_plot.draw(seen.ranges, request.plot, f"{request.test}: {len(part):,} test samples")
    found = vars(report.diagnosis(seen, part.index)) | {
        "reference": request.reference, "test": request.test, "plot": request.plot,
        "calibrated_on": part.calibrated_on(fixed.facts),
        "provenance": provenance([whole, fixed], part, request, ("plot",))}
    if "dsplet.recipe" not in fixed.facts or "dsplet.finetuned" in fixed.facts:
        return Report(**found, changes="not tried: the network was not made by a recipe alone")
    count, tried = _tried(request, whole, whole.float, fixed.facts["dsplet.recipe"], feeding, watch)
    return Report(**found, calibration_samples=count, changes=tried.changes,
                  smallest_change=tried.smallest_change)


def _tried(request: Request, whole: Network, graph: FloatGraph, recipe: str, feeding: Feed,
           watch: Watch) -> tuple[int, Changes]:
    """How many calibration samples there were, and what was tried on them."""
    held = feeding.calibration(request.calibrate)
    labels, (x,) = classes("dsplet diagnose", whole, held), held.x.values()
    with watch.progress("trying changes") as tick:
        trials = Trials(graph, x, labels, suggestions.quick(Recipe.from_json(recipe)))
        wanted = request.accuracy or percent_right(whole.scores(held.x), labels)
        tried = suggestions.suggestions(trials, wanted, tick)
    return len(held), suggestions.report(tried, wanted)
