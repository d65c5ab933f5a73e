"""What an element of a value sees of another: its window there, traced through the ops between.

Each element carries, for each axis of the value below, the first and the last index that it depends
on; what moves numbers moves these, what sums or compares over a window spans them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dsplet.quantize.fixed.graph import Graph, Node, Value
from dsplet.quantize.fixed.ops.binary import Elementwise
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.op import Moving
from dsplet.quantize.fixed.ops.pool import AveragePool, MaxPool
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.softmax import LogSoftmax, Softmax
from dsplet.quantize.fixed.ops.table import Table

NOTHING = 1 << 20
"""Above every index: the first index of what depends on nothing. Its negative is the last one."""
Span = tuple[int, int]
"""From an index up to, not including, another."""


@dataclass(frozen=True)
class Axis:
    """Of the value below: the axis of the value above whose index decides, and the span for each
    of its indices; None where the span, the only one, is always the same."""

    by: int | None
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Window:
    """below: a value's name. axes: one for each of its."""

    below: str
    axes: tuple[Axis, ...]


def windows(graph: Graph, value: str, shown: set[str]) -> list[Window]:
    """What `value` sees of the nearest of the values `shown`, of those that it depends on.

    Nothing is said of one whose window is no box that moves axis by axis, or lies behind an op
    that is not followed.
    """
    nodes = {v.name: n for n in graph.nodes for v in n.outputs}
    values = {v.name: v for v in (*graph.inputs, *(v for n in graph.nodes for v in n.outputs))}
    between: list[Node] = []
    below: list[str] = []
    ahead = [value]
    while ahead:
        node = nodes.get(ahead.pop(0))
        if node is None or node in between:
            continue
        between.append(node)
        for v in node.inputs:
            (below if v.name in shown else ahead).append(v.name)
    order = [n for n in graph.nodes if n in between]
    found = []
    for name in dict.fromkeys(below):
        if axes := _axes(values[name], order, value):
            found.append(Window(name, axes))
    return found


def _axes(below: Value, between: Sequence[Node], value: str) -> tuple[Axis, ...] | None:
    axes = []
    for axis, n in enumerate(below.shape):
        along = np.arange(n).reshape([-1 if i == axis else 1 for i in range(len(below.shape))])
        own, ends = {below.name: np.broadcast_to(along, below.shape)}, []
        for nothing, spanned in ((NOTHING, np.min), (-NOTHING, np.max)):
            traced = _trace(own, between, nothing, spanned)
            if value not in traced:
                return None
            ends.append(traced[value])
        decided = _decided(ends[0], ends[1] + 1)
        if decided is None:
            return None
        axes.append(decided)
    return tuple(axes)


def _trace(known: dict[str, np.ndarray], between: Sequence[Node], nothing: int,
           spanned: Callable[..., np.ndarray]) -> dict[str, np.ndarray]:
    """The indices that every value between carries; none of what an op gives that is not followed.
    """
    known = dict(known)
    for node in between:
        given = [known.get(v.name) for v in node.inputs]
        if all(x is None for x in given):
            continue
        xs = [np.full(v.shape, nothing) if x is None else x
              for v, x in zip(node.inputs, given, strict=True)]
        y = _through(node, xs, nothing, spanned)
        if y is not None:
            known[node.output.name] = y
    return known


def _through(node: Node, xs: list[np.ndarray], nothing: int,
             spanned: Callable[..., np.ndarray]) -> np.ndarray | None:
    shape = node.output.shape
    if isinstance(node, Moving):
        # Numbers that come from nowhere, a border's, depend on nothing: they are no index + base.
        base = 4 * NOTHING
        y = np.asarray(node.reference(*(x[None].astype(np.int64) + base for x in xs)))[0]
        return np.where(y < base - NOTHING, nothing, y - base)
    if isinstance(node, Conv):
        return _convolved(node, np.concatenate(xs), spanned)
    if isinstance(node, MaxPool | AveragePool):
        taken = node.windows(xs[0][None])[0]
        return spanned(taken, axis=tuple(range(xs[0].ndim, taken.ndim)))
    if isinstance(node, Gemm):
        return np.broadcast_to(spanned(xs[0], axis=-1, keepdims=True), shape)
    if isinstance(node, Softmax | LogSoftmax):
        return np.broadcast_to(spanned(xs[0], axis=-1, keepdims=True), shape)
    if isinstance(node, Elementwise | Table | Requantize):
        return spanned(np.stack([np.broadcast_to(x, shape) for x in xs]), axis=0)
    return None


def _convolved(node: Conv, x: np.ndarray, spanned: Callable[..., np.ndarray]) -> np.ndarray:
    kernel, group = node.weight.q.shape[2:], node.weight.q.shape[1]
    extent = tuple((k - 1) * d + 1 for k, d in zip(kernel, node.dilations, strict=True))
    taken = np.lib.stride_tricks.sliding_window_view(x, extent, tuple(range(1, x.ndim)))
    taken = taken[(slice(None), *(slice(None, None, s) for s in node.strides))]
    planes = spanned(taken, axis=tuple(range(x.ndim, taken.ndim)))
    grouped = planes.reshape(node.groups, group, *planes.shape[1:])
    return np.repeat(spanned(grouped, axis=1), len(node.weight.q) // node.groups, axis=0)


def _decided(first: np.ndarray, end: np.ndarray) -> Axis | None:
    """The spans [first, end), arrays of a value's shape, by the one index that decides them."""
    ends = np.stack([first, end])
    if (ends == ends.reshape(2, -1)[:, 0].reshape(2, *[1] * first.ndim)).all():
        return Axis(None, (_span(ends.reshape(2, -1)[:, 0]),))
    for axis in range(first.ndim):
        others = tuple(i + 1 for i in range(first.ndim) if i != axis)
        low, high = ends.min(others), ends.max(others)
        if (low == high).all():
            return Axis(axis, tuple(map(_span, low.T)))
    return None


def _span(ends: np.ndarray) -> Span:
    start, stop = int(ends[0]), int(ends[1])
    return (start, stop) if start < stop else (0, 0)

