"""Ranges that a network states itself, in the place of calibration: of others' quantized files."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.bounds import bounds_of
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import NO_CLAMP, Bounds, Layer, ModelError, Moving
from dsplet.quantize.float.ops.clamp import Clamp
from dsplet.quantize.ptq.calibrate import Histogram
from dsplet.quantize.ptq.formats import measured, separate_inputs

POINTS = 4097
"""Reals that stand for a range, its middle and its ends among them."""
NAMED = 5
"""Values that a refusal names."""


def stated(graph: FloatGraph) -> dict[str, Histogram]:
    """For each value that calibration would see, all reals of its range alike.

    ModelError: nothing states the ranges of some.
    """
    known = bounds_of(graph) | {v: input_bounds(graph, v) for v in graph.inputs}
    for n in graph.nodes:
        if isinstance(n, Layer) and not np.isfinite(known[n.output]).all() and (
                _is_answer(graph, n.output)):
            known[n.output] = _largest_sums(n, known[n.inputs[0]])
    found, missing = dict[str, Histogram](), list[str]()
    for v in measured(graph):
        if np.isfinite(known[v]).all():
            found[v] = Histogram()
            found[v].add(np.linspace(*known[v], POINTS))
        else:
            missing.append(f"'{v}'")
    if missing:
        more = ", ..." if len(missing) > NAMED else ""
        raise ModelError(f"nothing in the file states the ranges of {len(missing)} value(s): "
                         f"{', '.join(missing[:NAMED])}{more}",
                         remedy="calibrate on samples (--data)")
    return found


def _is_answer(graph: FloatGraph, value: str) -> bool:
    """Whether nothing in the graph computes with the value."""
    return all(isinstance(n, Moving) and _is_answer(graph, n.output)
               for n in graph.consumers(value))


def _largest_sums(n: Layer, x: Bounds) -> Bounds:
    """How far the sums of a layer can reach: further than they will, which answers, that have bits
    to spare, can bear."""
    if not np.isfinite(x).all():
        return NO_CLAMP
    rows = n.weight.reshape(len(n.weight), -1)
    up, down = np.maximum(rows, 0).sum(1), np.minimum(rows, 0).sum(1)
    bias = n.bias.reshape(len(n.bias), -1)
    low, high = up * x[0] + down * x[1] + bias.min(1), up * x[1] + down * x[0] + bias.max(1)
    return max(float(low.min()), n.clamp[0]), min(float(high.max()), n.clamp[1])


def input_bounds(graph: FloatGraph, value: str) -> Bounds:
    """The ends beyond which nothing that reads the value lets a number through."""
    ends = []
    for n in graph.consumers(value):
        ends.append(n.bounds if isinstance(n, Clamp) else
                    input_bounds(graph, n.output) if value in n.passed else NO_CLAMP)
    if value in graph.outputs or not ends:
        return NO_CLAMP
    return min(low for low, _ in ends), max(high for _, high in ends)


def states_ranges(graph: FloatGraph) -> bool:
    """Whether formats can be chosen without samples."""
    try:
        stated(separate_inputs(graph))
    except ModelError:
        return False
    return True


def random_inputs(graph: FloatGraph, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Samples spread evenly over the inputs' ranges, which must be stated."""
    rng = np.random.default_rng(seed)
    return {v: rng.uniform(*input_bounds(graph, v), (count, *graph.shapes[v])).astype(np.float32)
            for v in graph.inputs}
