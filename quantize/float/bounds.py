"""What is known of the numbers of a graph beforehand: the ends that clamps and functions set."""

from __future__ import annotations

from itertools import product

import numpy as np

from dsplet.quantize.float.functions import BINARY, Expr, X
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import NO_CLAMP, Bounds, FloatNode
from dsplet.quantize.float.ops.pool import AveragePool
from dsplet.quantize.float.ops.softmax import LogSoftmax, Softmax

POINTS = 4097
"""Where a function is looked at between the ends of what it reads."""
CORNERED = ("Add", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Clamp", "Erf", "Exp", "Floor",
            "Linear", "Log", "Max", "Min", "Mul", "Round", "Sigmoid", "Sign", "Sinh",
            "Softplus", "Softsign", "Sqrt", "Sub", "Tanh")
"""Functions that rise or fall all the way with each of their arguments: their extremes lie where
these have theirs."""
RISING_FROM_0 = ("Celu", "Elu", "HardSigmoid", "LeakyRelu", "Selu")
"""The same, from a first parameter of 0 on."""


def bounds_of(graph: FloatGraph, proven: bool = False) -> dict[str, Bounds]:
    """For every value that is computed the ends that it leaves nowhere where its function is looked
    at, infinite where there are none. proven: those that it cannot leave anywhere."""
    found = dict.fromkeys(graph.inputs, NO_CLAMP)
    for n in graph.nodes:
        low, high = _own(graph, n, [found.get(i, NO_CLAMP) for i in n.inputs], proven)
        if places := n.choices(n.output, graph.shapes):
            low, high = 0.0, places - 1.0
        low, high = (float(b) for b in np.clip((low, high), *n.bounds))
        found[n.output] = low, high
    return found


def _own(graph: FloatGraph, n: FloatNode, xs: list[Bounds], proven: bool) -> Bounds:
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
        x = np.linspace(*xs[0], POINTS)
        with np.errstate(all="ignore"):
            y = np.stack(_reach(n.expression, x[:-1], x[1:])) if proven else n.expression(x)
        return (float(y.min()), float(y.max())) if np.isfinite(y).all() else NO_CLAMP
    return NO_CLAMP


def _reach(f: Expr, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends that the function cannot leave between `low` and `high`, for each pair of them; NaN or
    infinite where none are known."""
    ends = [_reach(a, low, high) for a in f.args]
    if f.op == "x":
        return low, high
    if f.op in ("Sin", "Cos"):
        return np.full(low.shape, -1.0), np.full(low.shape, 1.0)
    if f.truth:
        return np.zeros(low.shape), np.ones(low.shape)
    if f.op == "Where":
        corners = [y for pair in ends[1:] for y in pair]
    elif f.op in CORNERED or f.op in RISING_FROM_0 and f.params[0] >= 0:
        corners = [Expr(f.op, (X,), f.params)(a) for a in ends[0]] if len(ends) == 1 else [
            BINARY[f.op](*c) for c in product(*ends)]
    else:
        corners = [np.full(low.shape, f.params[0] if f.op == "Const" else np.nan)]
    return np.minimum.reduce(corners), np.maximum.reduce(corners)
