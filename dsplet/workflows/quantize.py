"""Float ONNX to fixed point."""

from __future__ import annotations

from dataclasses import dataclass, fields

from dsplet.base.errors import UserError
from dsplet.base.progress import SILENT, Watch
from dsplet.data.feed import Batch, Feed
from dsplet.quantize.analysis.formats import FormatRow, format_rows
from dsplet.quantize.analysis.original import Original, beside_original
from dsplet.quantize.analysis.stability import DrawnFormats, DrawRow, Spread, spread
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.network import Network
from dsplet.quantize.ptq import recipe as recipes
from dsplet.quantize.ptq.recipe import Recipe
from dsplet.quantize.ptq.stated import random_inputs, states_ranges
from dsplet.quantize.qdq import to_qdq
from dsplet.workflows.request import FromData, RequestError, check_out, classes, refuse_idle

CALIBRATE = 1000
"""Samples, where nothing else is said."""
RANDOM_INPUTS = 256
"""On which a file without samples is held against its original."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is to be other than the recipe has it; None: nothing. See `Recipe`."""

    weight_bits: int | None = None
    activation_bits: int | None = None
    input_bits: int | None = None
    output_bits: int | None = None
    accumulator_bits: int | None = None
    per_channel: bool | None = None
    weights: str | None = None
    activations: str | None = None

    def recipe(self, name: str) -> Recipe:
        """The recipe of that name, or in that .toml file, with the changes. Raises RecipeError."""
        recipes.load(name)  # what is wrong in it is not laid to the changes
        mine = {f.name: value for f in fields(Changes)
                if (value := getattr(self, f.name)) is not None}
        for field, value in mine.items():
            try:
                recipes.load(name, **{field: value})
            except UserError as error:
                raise recipes.RecipeError(
                    error.what, where=f"--{field.replace('_', '-')}", expected=error.expected,
                    remedy=error.remedy) from error
        return recipes.load(name, **mine)


@dataclass(frozen=True, kw_only=True)
class Request(Changes, FromData):
    """calibrate: samples, of the calibration split; None: CALIBRATE. recipe_name: or a .toml file.
    stability: draws of calibration samples to quantize with again; seed: of those draws; None: 0.
    """

    source: str
    out: str
    calibrate: int | None = None
    recipe_name: str = "default"
    stability: int | None = None
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """input: the inputs' formats. original: for a file that others have quantized, beside it; on
    random inputs over its ranges where there are no samples. The fields from `samples` on are those
    of a `Spread`."""

    FIRST = ("file", "input", "calibration_samples", "accuracy_percent",
             "accuracy_deviation_points")

    file: str
    recipe: str
    data: str
    calibration_samples: int
    input: str
    layers: list[FormatRow]
    notes: list[str]
    original: list[Original] | None = None
    samples: int | None = None
    draws: list[DrawRow] | None = None
    accuracy_percent: float | None = None
    accuracy_deviation_points: float | None = None
    formats_drawn: list[DrawnFormats] | None = None


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Writes QDQ ONNX that stock ONNX Runtime runs. Raises ModelError, RecipeError, DataError,
    Overflow, RequestError."""
    check_out(request.out, request.source, request.data, request.recipe_name)
    if not request.stability:
        refuse_idle("--seed does nothing without --stability", {"--seed": request.seed})
    network, recipe = Network(request.source), request.recipe(request.recipe_name)
    if network.float is None:
        raise RequestError(f"{request.source}: is fixed point already")
    feeding = request.feed(network.facts, network.inputs)
    if request.data is None and states_ranges(network.float):
        return _without_samples(request, network.float, recipe, watch)
    test = feeding.test("all") if request.stability else None
    labels = classes("--stability", network, test) if test else None
    part = feeding.calibration(request.calibrate or CALIBRATE)
    with watch.progress("quantizing") as tick:
        fixed = recipes.quantize(network.float, part.x, recipe,
                                 feeding.metadata | feeding.calibration_facts(part), tick)
    to_qdq.save(fixed, request.out)
    drawn: Spread | None = None
    if test and labels is not None and request.stability:
        with watch.progress("drawing again") as tick:
            drawn = spread(network, fixed, recipe, part.x, test.x, labels, request.stability,
                           request.seed or 0, tick)
    return Report(
        file=request.out, recipe=request.recipe_name, data=feeding.data,
        calibration_samples=len(part), input=_formats(fixed), layers=format_rows(fixed),
        notes=_notes(fixed) + _unsplit(feeding, part),
        original=beside_original(request.source, fixed, part.x),
        **(vars(drawn) if drawn else {}))


def _without_samples(request: Request, graph: FloatGraph, recipe: Recipe, watch: Watch) -> Report:
    """A file that states its own ranges, and says nothing of data."""
    refuse_idle(f"{request.source} states its own ranges, and is quantized without samples",
                {"--stability": request.stability, "--calibrate": request.calibrate,
                 "--input-scale": request.input_scale, "--input-offset": request.input_offset,
                 "--resize": request.resize}, ", or give --data")
    with watch.progress("quantizing") as tick:
        fixed = recipes.quantize(graph, None, recipe, progress=tick)
    to_qdq.save(fixed, request.out)
    inputs = random_inputs(graph, RANDOM_INPUTS)
    return Report(
        file=request.out, recipe=f"{request.recipe_name}, of it what needs no samples",
        data="none: the file states its ranges", calibration_samples=0, input=_formats(fixed),
        layers=format_rows(fixed), notes=_notes(fixed),
        original=beside_original(request.source, fixed, inputs))


def _notes(fixed: Graph) -> list[str]:
    return dict(fixed.metadata).get("dsplet.notes", "").splitlines()


def _formats(fixed: Graph) -> str:
    """The inputs' formats; several by name."""
    if len(fixed.inputs) == 1:
        return str(fixed.inputs[0].format)
    return ", ".join(f"{v.name} {v.format}" for v in fixed.inputs)


def _unsplit(feeding: Feed, part: Batch) -> list[str]:
    """A word on test samples that are no others than these."""
    return [f"{feeding.data} has no splits: what is compared or simulated with it is tested on the "
            f"samples that it was calibrated on; name its parts calibration.NAME and test.NAME "
            "where the figures are to hold for others"] if part.origin else []
