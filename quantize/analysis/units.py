"""What the units of a layer respond to: the samples that excite each most, what it sees of them,
and the pattern there that does it.

The pattern is the unit's own signal, sent back to the input through the same weights (Zeiler and
Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014): a maximum hands it to
where it came from, a rectification lets pass what is positive, a function that rises passes all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dsplet.quantize.analysis.windows import Axis, windows
from dsplet.quantize.fixed.arithmetic import IntArray, RealArray
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph, Node, Requantizing, Value
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.op import Moving
from dsplet.quantize.fixed.ops.pool import AveragePool, MaxPool
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.sum_pool import SumPool
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.float.node import ModelError

LINEAR = (Conv, Gemm, AveragePool, SumPool)
"""Ops whose accumulator is linear in their inputs, but for what they give for zeros."""
MOST_LINKS = 1 << 26
"""Of a layer that a signal is sent back through: inputs times outputs."""
ROWS = 64
"""Inputs that are tried together."""


@dataclass(frozen=True)
class Response:
    """A unit's strongest answer to a sample. integer: of the value's format. position: where on the
    unit's map, () where it has none."""

    unit: int
    sample: int
    integer: int
    position: tuple[int, ...]


def strongest(graph: Graph, value: Value, qs: list[IntArray], top: int) -> list[Response]:
    """The `top` samples that excite each unit most, unit by unit, the strongest first; of equal
    ones the first. qs: integers (N, *shape) of each input. A unit is an index of axis 0."""
    found, = Executor(replace(graph, outputs=(value,)), threads=1)(*qs)
    maps = found.reshape(len(found), value.shape[0] if value.shape else 1, -1)
    spatial = value.shape[1:]
    responses = []
    for unit in range(maps.shape[1]):
        best = maps[:, unit].max(1)
        for n in np.argsort(-best, kind="stable")[:top]:
            at = np.unravel_index(int(maps[n, unit].argmax()), spatial) if spatial else ()
            responses.append(Response(unit, int(n), int(best[n]), tuple(map(int, at))))
    return responses


def filters(graph: Graph, value: Value) -> RealArray:
    """The weights (units, inputs, H, W) of the layer that gives a value, 1 x 1 of a full one.
    Raises ModelError for a layer that has none, or others."""
    node = _maker(graph, value)
    if isinstance(node, Requantize | Table):
        return filters(graph, node.inputs[0])
    if not isinstance(node, Conv | Gemm) or node.weight.q.ndim not in (2, 4):
        raise ModelError(f"'{value.name}' is made by no layer with filters in two dimensions",
                         expected="a Conv or a Gemm")
    real = node.weight.real()
    return real.reshape(*real.shape[:2], 1, 1) if real.ndim == 2 else real


# --- what a unit sees -----------------------------------------------------------------------------

def fields(graph: Graph, value: Value
           ) -> Callable[[tuple[int, ...]], tuple[slice, ...] | None]:
    """What a unit of the value sees at a position, of the first input's last axes: windows of one
    size, which may lie beyond its border; None of one without a place, which may see all, and where
    no such windows are known."""
    first = graph.inputs[0]
    found = [w.axes[1:] for w in windows(graph, value.name, {first.name}) if w.below == first.name]
    placed = [axes for axes in found if all(axis.by != 0 for axis in axes)]

    def field(position: tuple[int, ...]) -> tuple[slice, ...] | None:
        if not position or not placed:
            return None
        return tuple(_window(axis, position) for axis in placed[0])

    return field


def _window(axis: Axis, position: tuple[int, ...]) -> slice:
    """Along an axis, as wide as anywhere: what a border cut off is beyond it."""
    start, stop = axis.spans[0 if axis.by is None else position[axis.by - 1]]
    beyond = max(b - a for a, b in axis.spans) - (stop - start)
    return slice(start, stop + beyond) if start else slice(start - beyond, stop)


# --- the pattern that excites it ------------------------------------------------------------------

def pattern(graph: Graph, value: Value, response: Response, xs: list[IntArray]) -> RealArray:
    """The unit's signal back at the first input, of its shape. xs: the sample's integers. Raises
    ModelError where it would pass an op through which no signal can be sent back."""
    values = graph.run(*(x[None] for x in xs))
    start = np.zeros(value.shape)
    start[(response.unit, *response.position)] = response.integer * value.format.step
    signals: dict[str, RealArray] = {value.name: start}
    for node in reversed(graph.nodes):
        signal = signals.pop(node.outputs[0].name, None)
        if signal is None or not node.inputs:
            continue
        if isinstance(node, Requantizing) and not isinstance(node, Table) and node.limits[0] == 0:
            signal = np.maximum(signal, 0)
        parts = _back(node, signal, [values[v.name] for v in node.inputs])
        for v, part in zip(node.inputs, parts, strict=True):
            signals[v.name] = signals.get(v.name, 0) + part
    first = graph.inputs[0]
    return signals.get(first.name, np.zeros(first.shape))


def _back(node: Node, signal: RealArray, xs: list[IntArray]) -> list[RealArray]:
    """The signal at each input. xs: what they were, (1, *shape)."""
    if isinstance(node, Requantize) or isinstance(node, Table) and (np.diff(node.table) >= 0).all():
        return [signal]
    flat: RealArray
    sizes = [v.size for v in node.inputs]
    ends = np.cumsum([0, *sizes])
    if isinstance(node, Moving):
        total = int(ends[-1])
        taken, again = (node.reference(*(np.arange(a, b).reshape(1, *v.shape) + more for a, b, v in
                                         zip(ends, ends[1:], node.inputs, strict=False)))[0]
                        for more in (0, total))
        real = again - taken == total  # and not the fill of a Pad
        flat = np.bincount(taken[real], signal[real], total).astype(np.float64)
    elif isinstance(node, MaxPool):
        size = sizes[0]  # of equal ones the first is the largest
        apart = xs[0] * size + np.arange(size)[::-1].reshape(xs[0].shape)
        largest = size - 1 - node.reference(apart).ravel() % size
        flat = np.bincount(largest, signal.ravel(), size).astype(np.float64)
    elif isinstance(node, LINEAR) and sum(sizes) * node.output.size <= MOST_LINKS:
        flat = _transposed(node, signal, [v.shape for v in node.inputs], ends)
    else:
        raise ModelError(f"{node.op} '{node.name}': no signal can be sent back through it",
                         expected="convolutions, full layers, pooling, functions that rise",
                         remedy="name a layer before it")
    return [flat[a:b].reshape(v.shape) for a, b, v in zip(ends, ends[1:], node.inputs,
                                                         strict=False)]


def _transposed(node: Any, signal: RealArray, shapes: list[tuple[int, ...]], ends: IntArray
                ) -> RealArray:
    """A linear op's transpose, on the signal: what one of each input alone adds to the outputs."""
    total = int(ends[-1])
    x, y = node.inputs[0].format, node.output.format
    unit = 2.0 ** (x.frac - y.frac - np.broadcast_to(node.aligned_shift, node.output.shape))

    def sums(rows: IntArray) -> IntArray:
        xs = [rows[:, a:b].reshape(-1, *s) for a, b, s in zip(ends, ends[1:], shapes, strict=False)]
        return np.asarray(node.accumulate(*xs))

    rest = sums(np.zeros((1, total), np.int64))
    flat: list[RealArray] = []
    for i in range(0, total, ROWS):
        alone = sums(np.eye(min(ROWS, total - i), total, i, np.int64)) - rest
        flat.append((alone * (unit * signal)).reshape(len(alone), -1).sum(1))
    return np.concatenate(flat)


def _maker(graph: Graph, value: Value) -> Node | None:
    return next((n for n in graph.nodes if value in n.outputs), None)
