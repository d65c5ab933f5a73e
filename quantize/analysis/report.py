"""Reports: what was measured as dataclasses that are printed, with units in their fields' names."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dsplet.base.display import Displayed
from dsplet.base.provenance import Provenance
from dsplet.base.rows import inlined, unprinted
from dsplet.data.answers import (
    answers,
    are_numbers,
    are_scores,
    check_classes,
    check_numbers,
    class_names,
    places_of,
    spelled,
    tolerance_of,
)
from dsplet.quantize.analysis import compare, diagnose
from dsplet.quantize.analysis.formats import FormatNumbers, PercentileNumbers
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.network import Arrays, Network, Progress

LAYER_SAMPLES = 500
SHOWN_DIFFERENCES = 3
BOX_COLUMNS = 40

Answer = int | str
"""A class by its number, a sequence by the names of its symbols."""


@dataclass(frozen=True, kw_only=True)
class ValueRow:
    """A value of the fixed-point graph against the float network's tensor of that name.

    layer: the key of what gives it. at_min, at_max: of its `elements`, how many are at the ends of
    the format.
    """

    layer: str = unprinted()
    value: str
    op: str
    format: str
    numbers: FormatNumbers = inlined()
    sqnr_db: float | None
    at_min: int
    at_max: int
    elements: int


@dataclass(frozen=True, kw_only=True)
class FlipRow:
    """A sample that the two answer differently; of numbers, that only one has right.

    index: in its data set. margin: the reference's best score minus its second best. *_scores: of
    each class, *_numbers: that were answered. reference_error, test_error: the largest of the
    sample's numbers, in their unit. mended_by: the layers that mend it if restored, in words, and
    their keys.
    """

    FIRST = ("index", "reference", "test", "label", "mended_by")

    index: int
    label: Answer | None = None
    reference: Answer | None = None
    test: Answer | None = None
    margin: float | None = None
    reference_error: float | None = None
    test_error: float | None = None
    mended_by: str | None = None
    mended_by_layers: list[str] | None = unprinted(None)
    reference_scores: list[float] | None = unprinted(None)
    test_scores: list[float] | None = unprinted(None)
    reference_numbers: list[float] | None = unprinted(None)
    test_numbers: list[float] | None = unprinted(None)


@dataclass(frozen=True, kw_only=True)
class OutputRow:
    """One output of both networks, in its own unit. low, high: of the reference's.
    rms_difference, largest_difference: between the two."""

    output: str
    shape: str
    low: float
    high: float
    sqnr_db: float
    rms_difference: float
    largest_difference: float


@dataclass(frozen=True, kw_only=True)
class DifferenceRow:
    """Where the two are farthest apart. index: of the sample in its data set. number: which of the
    output's, row-major. reference, test, difference: in the output's unit."""

    output: str
    index: int
    number: int
    reference: float
    test: float
    difference: float


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(Displayed):
    """Two networks on the same samples.

    calibrated_on: how many of the samples the fixed-point network was calibrated on, where it was.
    Without labels accuracies and mcnemar_p are None. right_within, nrmse and, in the numbers' unit,
    reference_rms_error, test_rms_error, reference_largest_error, test_largest_error and
    largest_difference are of networks that answer in numbers; agree_percent, mcnemar_p and
    confusions of classifiers, and symbols of those that answer in sequences. Labels are of the
    first output. A row of a confusion: `label`, and how often each class was read. outputs and
    differences: where there are several outputs, or none is known to be classes' scores. layers: of
    a fixed-point network beside the float one, on `layer_samples`.
    """

    FIRST = ("reference_accuracy_percent", "test_accuracy_percent", "agree_percent",
             "reference_nrmse_percent", "test_nrmse_percent", "largest_difference",
             "output_sqnr_db", "flips")
    DETAILS = ("confusion_reference", "confusion_test")

    provenance: Provenance | None = unprinted(None)
    reference: str
    test: str
    samples: int
    calibrated_on: str | None = None
    right_within: float | None = None
    reference_accuracy_percent: float | None
    test_accuracy_percent: float | None
    agree_percent: float | None = None
    mcnemar_p: float | None = None
    reference_nrmse_percent: float | None = None
    test_nrmse_percent: float | None = None
    reference_rms_error: float | None = None
    test_rms_error: float | None = None
    reference_largest_error: float | None = None
    test_largest_error: float | None = None
    largest_difference: float | None = None
    output_sqnr_db: float
    symbols: int | None = None
    reference_symbols_right: int | None = None
    test_symbols_right: int | None = None
    layer_samples: int | None = None
    layers: list[ValueRow] | None = None
    outputs: list[OutputRow] | None = None
    differences: list[DifferenceRow] | None = None
    flips: list[FlipRow]
    confusion_reference: list[dict[str, int]] | None = None
    confusion_test: list[dict[str, int]] | None = None


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """What one layer costs, alone and with the others; see `diagnose.Layer`."""

    FIRST = ("layer", "restored_accuracy_percent", "sqnr_isolated_db", "mends_flips")

    layer: str
    op: str
    format: str
    numbers: FormatNumbers = inlined()
    sqnr_cumulative_db: float
    sqnr_isolated_db: float
    restored_output_sqnr_db: float
    restored_accuracy_percent: float | None
    mends_flips: int
    alone: int


@dataclass(frozen=True, kw_only=True)
class RangeRow:
    """What a format represents, from_ to to, and what the value was, low to high."""

    FIRST = ("layer", "box", "clipped_percent", "format")

    layer: str
    format: str
    numbers: FormatNumbers = inlined()
    from_: float
    to: float
    low: float
    high: float
    percentiles: PercentileNumbers = inlined()
    clipped_percent: float
    box: str


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Which layers lose what; see `diagnose.Diagnosis`."""

    samples: int
    reference_accuracy_percent: float | None
    test_accuracy_percent: float | None
    output_sqnr_db: float
    layers: list[LayerRow]
    flips: list[FlipRow]
    ranges: list[RangeRow]


def comparison(a: Network, b: Network, x_a: Arrays, x_b: Arrays,
               labels: np.ndarray | None, index: np.ndarray, progress: Progress) -> Comparison:
    """Two networks on the same samples, by input. labels: None where nobody knows them. index: each
    sample's position in its data set. Raises ModelError where their outputs are not alike."""
    ys, zs = a.run(x_a, progress), b.run(x_b, progress)
    if [y.size for y in ys.values()] != [z.size for z in zs.values()]:
        raise ModelError(f"{a.path} gives {_shapes(a)}, {b.path} {_shapes(b)}",
                         expected="outputs that can be compared")
    first = next(iter(ys.values()))
    y, z = (next(iter(found.values())).reshape(len(index), -1) for found in (ys, zs))
    facts = b.facts | a.facts
    scores = are_scores(first, class_names(facts)) and tolerance_of(facts) is None
    if labels is None:
        found = _unlabelled(y, z, index, facts, scores)
    elif are_numbers(labels):
        found = _numbers(y, z, labels, index, tolerance_of(facts))
    else:
        found = _classes(y, z, labels, index, class_names(facts))
    if len(ys) > 1 or labels is None or are_numbers(labels):
        found |= _outputs(ys, list(zs.values()), index)
    fixed, other, x = (a, b, x_a) if a.fixed else (b, a, x_b)
    if fixed.fixed and other.float and fixed.inputs == other.inputs:
        few = {name: part[:LAYER_SAMPLES] for name, part in x.items()}
        seen = compare.layers(other.path, fixed.fixed, few, progress=progress)
        found["layer_samples"] = min(len(index), LAYER_SAMPLES)
        found["layers"] = [ValueRow(
            layer=v.layer, value=v.value, op=v.op, format=str(v.format),
            numbers=FormatNumbers.of(v.format), sqnr_db=v.sqnr_db, at_min=v.at_min,
            at_max=v.at_max, elements=v.elements) for v in seen]
    return Comparison(reference=a.path, test=b.path, samples=len(y), **found)


def _classes(y: np.ndarray, z: np.ndarray, labels: np.ndarray, index: np.ndarray,
             names: dict[int, str]) -> dict:
    check_classes(y, labels)
    seen = compare.predictions(y, z, labels)
    symbols = {} if labels.ndim == 1 else {
        "symbols": seen.symbols, "reference_symbols_right": seen.reference_symbols_correct,
        "test_symbols_right": seen.test_symbols_correct}
    return symbols | {
        "reference_accuracy_percent": seen.reference_accuracy_percent,
        "test_accuracy_percent": seen.test_accuracy_percent, "agree_percent": seen.agree_percent,
        "mcnemar_p": seen.mcnemar_p, "output_sqnr_db": seen.sqnr_db,
        "flips": [_flip(f, index, names) for f in seen.flips],
        "confusion_reference": _confusion(y, labels), "confusion_test": _confusion(z, labels)}


def _flip(flip: compare.Flip, index: np.ndarray, names: dict[int, str]) -> FlipRow:
    label, reference, test = (a if isinstance(a, int) else spelled(a, names)
                              for a in (flip.label, flip.reference, flip.test))
    return FlipRow(
        index=int(index[flip.index]), label=label, reference=reference, test=test,
        margin=flip.margin, reference_scores=list(flip.reference_scores) or None,
        test_scores=list(flip.test_scores) or None)


def _numbers(y: np.ndarray, z: np.ndarray, wanted: np.ndarray, index: np.ndarray,
             tolerance: float | None) -> dict:
    check_numbers(y, wanted)
    seen = compare.numbers(y, z, wanted, tolerance)
    errors = [np.abs(given - wanted).max(1) for given in (y, z)]
    right = seen.reference_right, seen.test_right
    flips = (np.zeros(0, np.int64) if tolerance is None else
             np.flatnonzero(right[0] != right[1]))
    accuracy = [None if r is None else 100 * float(r.mean()) for r in right]
    rms = [float(np.sqrt(np.mean((given - wanted) ** 2.0))) for given in (y, z)]
    return {
        "right_within": tolerance,
        "reference_accuracy_percent": accuracy[0], "test_accuracy_percent": accuracy[1],
        "reference_nrmse_percent": seen.reference_nrmse_percent,
        "test_nrmse_percent": seen.test_nrmse_percent,
        "reference_rms_error": rms[0], "test_rms_error": rms[1],
        "reference_largest_error": float(errors[0].max()),
        "test_largest_error": float(errors[1].max()),
        "largest_difference": seen.largest_difference, "output_sqnr_db": seen.sqnr_db,
        "flips": [FlipRow(index=int(index[i]), reference_error=float(errors[0][i]),
                          test_error=float(errors[1][i]), reference_numbers=y[i].tolist(),
                          test_numbers=z[i].tolist()) for i in flips]}


def _unlabelled(y: np.ndarray, z: np.ndarray, index: np.ndarray, facts: dict[str, str],
                scores: bool) -> dict:
    """How far two networks agree, where nobody knows what is right: as if the reference were."""
    unknown = {"reference_accuracy_percent": None, "test_accuracy_percent": None}
    if not scores:
        return unknown | {"right_within": tolerance_of(facts), "flips": [],
                          "largest_difference": float(np.abs(y - z).max()),
                          "output_sqnr_db": compare.sqnr_db(y, z)}
    names = class_names(facts)
    read = answers(y, places_of(y, names))
    seen = compare.predictions(y, z, read)
    flips = [replace(_flip(f, index, names), label=None) for f in seen.flips]
    return unknown | {"agree_percent": seen.agree_percent, "output_sqnr_db": seen.sqnr_db,
                      "flips": flips}


def _outputs(ys: Arrays, zs: list[np.ndarray], index: np.ndarray) -> dict:
    """Rows for each output, and for the samples on which it is farthest off."""
    rows, worst = [], []
    for (name, y), z in zip(ys.items(), zs, strict=True):
        shape = "x".join(map(str, y.shape[1:])) or "1"
        y, z = (a.reshape(len(index), -1).astype(np.float64) for a in (y, z))
        apart = np.abs(z - y)
        rows.append(OutputRow(
            output=name, shape=shape, low=float(y.min()), high=float(y.max()),
            sqnr_db=compare.sqnr_db(y, z), rms_difference=float(np.sqrt(np.mean(apart**2))),
            largest_difference=float(apart.max())))
        farthest = np.argsort(-apart.max(1), kind="stable")[:SHOWN_DIFFERENCES]
        worst += [DifferenceRow(
            output=name, index=int(index[i]), number=int(k), reference=float(y[i, k]),
            test=float(z[i, k]), difference=float(z[i, k] - y[i, k]))
            for i in farthest for k in [apart[i].argmax()]]
    return {"outputs": rows, "differences": worst}


def _shapes(network: Network) -> str:
    return ", ".join(f"'{name}' {shape}" for name, shape in network.outputs.items())


def diagnosis(found: diagnose.Diagnosis, index: np.ndarray) -> Diagnosis:
    """index: each sample's position in its data set."""
    return Diagnosis(
        samples=found.samples, reference_accuracy_percent=found.reference_accuracy_percent,
        test_accuracy_percent=found.test_accuracy_percent, output_sqnr_db=found.sqnr_db,
        layers=[LayerRow(
            layer=n.name, op=n.op, format=str(n.format), numbers=FormatNumbers.of(n.format),
            sqnr_cumulative_db=n.sqnr_cumulative_db,
            sqnr_isolated_db=n.sqnr_isolated_db, restored_output_sqnr_db=n.restored_sqnr_db,
            restored_accuracy_percent=n.restored_accuracy_percent, mends_flips=n.mends,
            alone=n.alone) for n in found.layers],
        flips=[replace(_flip(f, index, {}), mended_by_layers=list(f.layers),
                       mended_by=", ".join(f.layers) or "no single layer") for f in found.flips],
        ranges=[RangeRow(
            layer=r.name, format=str(r.format), numbers=FormatNumbers.of(r.format),
            percentiles=PercentileNumbers.of(r.percentiles), from_=r.format.min * r.format.step,
            to=r.format.max * r.format.step, low=r.low, high=r.high,
            clipped_percent=r.clipped_percent, box=range_box(r)) for r in found.ranges])


def range_box(r: diagnose.Range) -> str:
    """BOX_COLUMNS characters over the format and all that was seen: dots are what the format
    represents, shaded from the lowest to the highest value, solid from the 1st to the 99th
    percentile, a bar at the median; ! is seen but not represented."""
    ends = r.format.min * r.format.step, r.format.max * r.format.step
    low, high = min(ends[0], r.low), max(ends[1], r.high)
    first, middle, last = r.percentiles

    def column(value: float) -> int:
        return round((value - low) / (high - low) * (BOX_COLUMNS - 1))

    cells = [" "] * BOX_COLUMNS
    for (a, b), mark in ((ends, "·"), ((r.low, r.high), "░"), ((first, last), "█"),
                         ((middle, middle), "┃")):
        cells[column(a):column(b) + 1] = mark * (column(b) - column(a) + 1)
    for i in (*range(column(ends[0])), *range(column(ends[1]) + 1, BOX_COLUMNS)):
        cells[i] = "!"
    return "".join(cells)


def _confusion(scores: np.ndarray, labels: np.ndarray) -> list[dict[str, int]]:
    """A row for each label, or symbol of one: how often each class was read."""
    read = answers(scores, labels.shape[1:])
    classes = max(scores.shape[1] * len(labels) // labels.size, int(labels.max()) + 1)
    counts = compare.confusion(labels, read, classes)
    return [{"label": i} | {str(j): int(n) for j, n in enumerate(row)}
            for i, row in enumerate(counts)]
