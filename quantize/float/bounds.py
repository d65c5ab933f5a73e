"""What is known of the numbers of a graph beforehand: the ends that clamps and functions set."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import NO_CLAMP, Bounds, FloatNode
from dsplet.quantize.float.ops.pool import AveragePool
from dsplet.quantize.float.ops.softmax import LogSoftmax, Softmax

POINTS = 4097
"""Where a function is looked at between the ends of what it reads."""


def bounds_of(graph: FloatGraph) -> dict[str, Bounds]:
    """For every value that is computed the ends that it cannot leave, infinite where there are
    none."""
    found = dict.fromkeys(graph.inputs, NO_CLAMP)
    for n in graph.nodes:
        low, high = _own(graph, n, [found.get(i, NO_CLAMP) for i in n.inputs])
        if places := n.choices(n.output, graph.shapes):
            low, high = 0.0, places - 1.0
        found[n.output] = max(low, n.bounds[0]), min(high, n.bounds[1])
    return found


def _own(graph: FloatGraph, n: FloatNode, xs: list[Bounds]) -> Bounds:
    """Of the node before its clamp."""
    if n.later:
        return NO_CLAMP
    if n.passed or n.holds is not None or isinstance(n, AveragePool):
        ends = [x for i, x in zip(n.inputs, xs, strict=True)
                if i in n.passed or isinstance(n, AveragePool)]
        if n.holds is not None:
            ends.append((float(n.holds.min()), float(n.holds.max())))
        return min(low for low, _ in ends), max(high for _, high in ends)
    if isinstance(n, Softmax):
        return 0.0, 1.0
    if isinstance(n, LogSoftmax):
        return xs[0][0] - xs[0][1] - np.log(graph.shapes[n.output][-1]), 0.0
    if n.expression is not None and np.isfinite(xs[0]).all():
        with np.errstate(all="ignore"):
            y = n.expression(np.linspace(*xs[0], POINTS))
        return (float(y.min()), float(y.max())) if np.isfinite(y).all() else NO_CLAMP
    return NO_CLAMP
