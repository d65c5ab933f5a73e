"""What is computed from a row of a constant is looked up: an embedding or a one-hot code needs no
multiplication."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.graph import NO_CLAMP, FloatGraph, FloatNode
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker

GROWTH = 4
"""A table of products may have so many times the numbers of the table and the weights it is of."""


def fold_lookups(graph: FloatGraph) -> FloatGraph:
    """Gemm of Gather of a Constant becomes Gather of the products; on the way there, the Gather
    goes behind Step, Slice and Reshape, and a Gemm of a Concat is split."""
    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        match n.op:
            case "Step" | "Slice" | "Reshape":
                return _behind(graph, n)
            case "Gemm":
                return _products(graph, n) or _split(graph, n)
        return None
    return rewrite(graph, rule)


def _row(graph: FloatGraph, value: str) -> FloatNode | None:
    """The Gather of rows of a Constant that gives the value."""
    maker = graph.makers.get(value)
    found = maker is not None and maker.op == "Gather" and maker.inputs[0] in graph.makers and (
        graph.makers[maker.inputs[0]].op == "Constant" and len(graph.shapes[maker.inputs[0]]) == 2)
    return maker if found else None


def _behind(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
    """What leaves the rows whole is done to the indices."""
    gather = _row(graph, n.inputs[0])
    if gather is None:
        return None
    index, width = f"{n.output}/index", graph.shapes[n.inputs[0]][-1]
    before = n.but(name=index, inputs=gather.inputs[1:], output=index)
    if n.op == "Slice":
        if (n["starts"][-1], n["sizes"][-1], n["steps"][-1]) != (0, width, 1):
            return None
        before = before.but(**{k: n[k][:-1] for k in ("starts", "sizes", "steps")})
    elif n.op == "Reshape":
        if n["shape"][-1:] != (width,):
            return None
        before = before.but(shape=n["shape"][:-1])
    return [before, gather.but(name=n.name, inputs=(gather.inputs[0], index), output=n.output)]


def _products(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
    gather, weight = _row(graph, n.inputs[0]), n["weight"]
    if gather is None:
        return None
    table = graph.makers[gather.inputs[0]]["value"]
    if len(table) * len(weight) > GROWTH * (table.size + weight.size):
        return None
    made = np.clip(table @ weight.T + n["bias"], *n.attrs.get("clamp", NO_CLAMP))
    name = f"{n.output}/products"
    return [FloatNode("Constant", name, (), name, {"value": made}),
            gather.but(name=n.name, inputs=(name, gather.inputs[1]), output=n.output)]


def _split(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
    """Gemm of a Concat with such a row in it: a Gemm of each part, and their sum, rows last."""
    concat = sole_maker(graph, n.inputs[0], {"Concat"})
    if (concat is None or concat["axis"] != len(graph.shapes[concat.output]) - 1
            or not any(_row(graph, i) for i in concat.inputs)):
        return None
    ends = np.cumsum([graph.shapes[i][-1] for i in concat.inputs])
    parts = zip(concat.inputs, np.split(n["weight"], ends[:-1], 1), strict=True)
    nodes, bias, total = [], n["bias"], ""
    for k, (i, weight) in enumerate(sorted(parts, key=lambda p: _row(graph, p[0]) is not None)):
        part = f"{n.output}/part_{k}"
        nodes.append(FloatNode("Gemm", part, (i,), part, {"weight": weight, "bias": bias}))
        bias = np.zeros_like(bias)
        if total:
            part = f"{n.output}/sum_{k}"
            nodes.append(FloatNode("Add", part, (total, nodes[-1].output), part))
        total = part
    clamp = {"clamp": n["clamp"]} if "clamp" in n.attrs else {}
    return [*nodes[:-1], nodes[-1].but(name=n.name, output=n.output, **clamp)]
