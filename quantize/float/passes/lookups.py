"""What is computed from a row of a constant is looked up: an embedding or a one-hot code needs no
multiplication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import Clampable, FloatNode
from dsplet.quantize.float.ops.binary import Add
from dsplet.quantize.float.ops.concat import Concat
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.gather import Gather
from dsplet.quantize.float.ops.gemm import Gemm
from dsplet.quantize.float.ops.loop import Step
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker

GROWTH = 4
"""A table of products may have so many times the numbers of the table and the weights it is of."""


def fold_lookups(graph: FloatGraph) -> FloatGraph:
    """Gemm of Gather of a Constant becomes Gather of the products; on the way there, the Gather
    goes behind Step, Slice and Reshape, and a Gemm of a Concat is split."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if isinstance(n, Step | Slice | Reshape):
            return _behind(graph, n)
        return _products(graph, n) or _split(graph, n) if isinstance(n, Gemm) else None
    return rewrite(graph, rule)


def _row(graph: FloatGraph, value: str) -> tuple[Gather, Constant] | None:
    """The Gather of rows of a Constant that gives the value, and the Constant."""
    gather = graph.makers.get(value)
    if not isinstance(gather, Gather):
        return None
    table = graph.makers.get(gather.inputs[0])
    return (gather, table) if isinstance(table, Constant) and table.value.ndim == 2 else None


def _behind(graph: FloatGraph, n: Step | Slice | Reshape) -> Sequence[FloatNode] | None:
    """What leaves the rows whole is done to the indices."""
    row = _row(graph, n.inputs[0])
    if row is None:
        return None
    gather, table = row
    index, width = graph.fresh(f"{n.output}/index"), graph.shapes[n.inputs[0]][-1]
    before = replace(n, name=index, inputs=gather.inputs[1:], output=index)
    if isinstance(before, Slice):
        if (before.starts[-1], before.sizes[-1], before.steps[-1]) != (0, width, 1):
            return None
        before = replace(before, starts=before.starts[:-1], sizes=before.sizes[:-1],
                         steps=before.steps[:-1])
    elif isinstance(before, Reshape):
        if before.shape[-1:] != (width,):
            return None
        before = replace(before, shape=before.shape[:-1])
    return [before, replace(gather, name=n.name, inputs=(table.output, index), output=n.output)]


def _products(graph: FloatGraph, n: Gemm) -> Sequence[FloatNode] | None:
    row = _row(graph, n.inputs[0])
    if row is None:
        return None
    gather, table = row[0], row[1].value
    if len(table) * len(n.weight) > GROWTH * (table.size + n.weight.size):
        return None
    name = graph.fresh(f"{n.output}/products")
    return [Constant(name, (), name, np.clip(table @ n.weight.T + n.bias, *n.clamp)),
            replace(gather, name=n.name, inputs=(name, gather.inputs[1]), output=n.output)]


def _split(graph: FloatGraph, n: Gemm) -> Sequence[FloatNode] | None:
    """Gemm of a Concat with such a row in it: a Gemm of each part, and their sum, rows last."""
    concat = sole_maker(graph, n.inputs[0])
    if (not isinstance(concat, Concat) or concat.axis != len(graph.shapes[concat.output]) - 1
            or not any(_row(graph, i) for i in concat.inputs)):
        return None
    ends = np.cumsum([graph.shapes[i][-1] for i in concat.inputs])
    parts = zip(concat.inputs, np.split(n.weight, ends[:-1], 1), strict=True)
    nodes: list[Clampable] = []
    bias, total = n.bias, ""
    for k, (i, weight) in enumerate(sorted(parts, key=lambda p: _row(graph, p[0]) is not None)):
        part = graph.fresh(f"{n.output}/part_{k}")
        nodes.append(Gemm(part, (i,), part, weight, bias))
        bias = np.zeros_like(bias)
        if total:
            part = graph.fresh(f"{n.output}/sum_{k}")
            nodes.append(Add(part, (total, nodes[-1].output), part))
        total = part
    return [*nodes[:-1], replace(nodes[-1], name=n.name, output=n.output, clamp=n.clamp)]
