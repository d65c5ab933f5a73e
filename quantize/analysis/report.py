"""Reports as rows: plain dictionaries with units in their keys, for a table or for JSON."""

from __future__ import annotations

import numpy as np

from dsplet.data.answers import answers, are_numbers, class_names, spelled, tolerance_of
from dsplet.quantize.analysis.compare import (
    Comparison,
    Flip,
    confusion,
    layers,
    numbers,
    predictions,
)
from dsplet.quantize.analysis.diagnose import Diagnosis, Range
from dsplet.quantize.analysis.diagnose import Flip as Mended
from dsplet.quantize.fixed.graph import Graph, Weight
from dsplet.quantize.fixed.ops.op import Moving
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.proof import bounds
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.network import Network, Progress
from dsplet.quantize.search.suggestions import Change

LAYER_SAMPLES = 500
BOX_COLUMNS = 40


def format_rows(graph: Graph) -> list[dict]:
    """Each layer's formats, and its proved accumulator where it has one; moves are left out."""
    proved = {b.node: b for b in bounds(graph)}
    rows = []
    for n in graph.every_node():
        if not isinstance(n, Moving | Scan):
            weight, bound = getattr(n, "weight", None), proved.get(n.name)
            rows.append({
                "layer": n.name, "op": n.op, "output": str(n.output.format),
                "weights": _weights(weight) if isinstance(weight, Weight) else None,
                "accumulator_bits": bound and bound.bits,
                "headroom_bits": bound and bound.headroom_bits})
    return rows


def comparison(a: Network, b: Network, x_a: np.ndarray, x_b: np.ndarray, labels: np.ndarray,
               index: np.ndarray, progress: Progress) -> dict:
    """Two networks on the same samples. index: each sample's position in its data set."""
    y, z = a.scores(x_a, progress), b.scores(x_b, progress)
    facts = b.facts | a.facts
    report = {"reference": a.path, "test": b.path, "samples": len(labels)} | (
        _numbers(y, z, labels, index, tolerance_of(facts)) if are_numbers(labels) else
        _classes(y, z, labels, index, class_names(facts)))
    fixed, other, x = (a, b, x_a) if a.fixed else (b, a, x_b)
    if fixed.fixed and other.float and (fixed.input, fixed.shape) == (other.input, other.shape):
        found = layers(other.path, fixed.fixed, x[:LAYER_SAMPLES], progress=progress)
        report["layer_samples"] = min(len(x), LAYER_SAMPLES)
        report["layers"] = [{
            "value": v.value, "op": v.op, "format": str(v.format), "sqnr_db": v.sqnr_db,
            "at_min": v.at_min, "at_max": v.at_max, "elements": v.elements} for v in found]
    return report


def _classes(y: np.ndarray, z: np.ndarray, labels: np.ndarray, index: np.ndarray,
             names: dict[int, str]) -> dict:
    seen = predictions(y, z, labels)
    return {
        "reference_accuracy_percent": seen.reference_accuracy_percent,
        "test_accuracy_percent": seen.test_accuracy_percent, "agree_percent": seen.agree_percent,
        "mcnemar_p": seen.mcnemar_p, "output_sqnr_db": seen.sqnr_db,
        **_symbols(seen, labels),
        "flips": [{"index": int(index[f.index]), **_answers(f, names), "margin": f.margin}
                  for f in seen.flips],
        "confusion_reference": _confusion(y, labels), "confusion_test": _confusion(z, labels)}


def _symbols(seen: Comparison, labels: np.ndarray) -> dict:
    """Of sequences, how many of their symbols are right."""
    if labels.ndim == 1:
        return {}
    return {"symbols": seen.symbols, "reference_symbols_right": seen.reference_symbols_correct,
            "test_symbols_right": seen.test_symbols_correct}


def _answers(flip: Flip | Mended, names: dict[int, str]) -> dict:
    """Label and answers: a class by its number, a sequence by the names of its symbols."""
    return {k: v if isinstance(v := getattr(flip, k), int) else spelled(v, names)
            for k in ("label", "reference", "test")}


def _numbers(y: np.ndarray, z: np.ndarray, wanted: np.ndarray, index: np.ndarray,
             tolerance: float | None) -> dict:
    """Flips are the samples that one gets right and the other wrong, with their largest errors."""
    seen = numbers(y, z, wanted, tolerance)
    errors = [np.abs(given - wanted).max(1) for given in (y, z)]
    flips = np.flatnonzero(seen.reference_right != seen.test_right)
    return {
        "right_within": tolerance,
        "reference_accuracy_percent": 100 * float(seen.reference_right.mean()),
        "test_accuracy_percent": 100 * float(seen.test_right.mean()),
        "reference_nrmse_percent": seen.reference_nrmse_percent,
        "test_nrmse_percent": seen.test_nrmse_percent,
        "largest_difference": seen.largest_difference, "output_sqnr_db": seen.sqnr_db,
        "flips": [{"index": int(index[i]), "reference_error": float(errors[0][i]),
                   "test_error": float(errors[1][i])} for i in flips]}


def diagnosis(found: Diagnosis, index: np.ndarray) -> dict:
    """index: each sample's position in its data set."""
    return {
        "samples": found.samples,
        "reference_accuracy_percent": found.reference_accuracy_percent,
        "test_accuracy_percent": found.test_accuracy_percent, "output_sqnr_db": found.sqnr_db,
        "layers": [{
            "layer": n.name, "op": n.op, "format": str(n.format),
            "sqnr_cumulative_db": n.sqnr_cumulative_db, "sqnr_isolated_db": n.sqnr_isolated_db,
            "restored_output_sqnr_db": n.restored_sqnr_db,
            "restored_accuracy_percent": n.restored_accuracy_percent,
            "mends_flips": n.mends, "alone": n.alone} for n in found.layers],
        "flips": [{"index": int(index[f.index]), **_answers(f, {}),
                   "mended_by": ", ".join(f.layers) or "no single layer"}
                  for f in found.flips],
        "ranges": [{
            "layer": r.name, "format": str(r.format), "from": r.format.min * r.format.step,
            "to": r.format.max * r.format.step, "low": r.low, "high": r.high,
            "clipped_percent": r.clipped_percent, "box": range_box(r)} for r in found.ranges]}


def changes(tried: list[Change], wanted_percent: float) -> dict:
    """What was tried to keep an accuracy, the smallest first, and the first that does."""
    enough = next((c for c in tried if c.point.accuracy_percent >= wanted_percent), None)
    return {"changes": [{"change": c.what, "extra_bytes": c.extra_bytes,
                         "calibration_accuracy_percent": c.point.accuracy_percent,
                         "wanted_percent": wanted_percent, "calibration_sqnr_db": c.point.sqnr_db}
                        for c in tried],
            "smallest_change": (enough.what if enough else "none of these is enough" if tried
                                else "nothing has to change")}


def range_box(r: Range) -> str:
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


def _weights(weight: Weight) -> str:
    """Such as Q0.7, or Q-1.8 to Q0.7 where the channels differ."""
    low, high = (str(QFormat(weight.bits, int(f))) for f in (weight.frac.max(), weight.frac.min()))
    return low if low == high else f"{low} to {high}"


def _confusion(scores: np.ndarray, labels: np.ndarray) -> list[dict]:
    """A row for each label, or symbol of one: how often each class was read."""
    read = answers(scores, labels.shape[1:])
    classes = max(scores.shape[1] * len(labels) // labels.size, int(labels.max()) + 1)
    counts = confusion(labels, read, classes)
    return [{"label": i} | {str(j): int(n) for j, n in enumerate(row)}
            for i, row in enumerate(counts)]
