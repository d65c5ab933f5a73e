"""Constant factors and offsets: into the weights and biases of Conv and Gemm, in float64."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.graph import NO_CLAMP, FloatGraph, FloatNode, expression
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker

WEIGHTED = {"Conv", "Gemm", "GemmSum"}


def fold_biases(graph: FloatGraph) -> FloatGraph:
    """Constants added after Conv and Gemm become their bias, per channel or per unit."""
    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        if n.op != "Linear" or not (n["scale"] == 1).all():
            return None
        return _into_weights(graph, n) or _through_concat(graph, n)
    return rewrite(graph, rule)


def raise_linear(graph: FloatGraph) -> FloatGraph:
    """Linear of Clamp becomes Clamp of Linear, where weights before the Clamp can take it."""
    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        clamp = n.op == "Linear" and sole_maker(graph, n.inputs[0], {"Clamp"})
        if (not clamp or not sole_maker(graph, clamp.inputs[0], WEIGHTED)
                or n["scale"].size > 1 or n["offset"].size > 1 or not n["scale"].all()):
            return None
        scaled = f"{clamp.inputs[0]}/{n.name}"
        low, high = sorted((clamp[k] * n["scale"] + n["offset"]).item() for k in ("low", "high"))
        return [n.but(inputs=clamp.inputs, output=scaled),
                clamp.but(inputs=(scaled,), output=n.output, low=low, high=high)]
    return rewrite(graph, rule)


def sum_products(graph: FloatGraph) -> FloatGraph:
    """Add of two Gemms becomes one GemmSum, whose accumulator holds both exactly."""
    summable = {"Gemm", "GemmSum"}

    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        if n.op != "Add":
            return None
        terms = [sole_maker(graph, i, summable) for i in n.inputs]
        if None in terms or n.inputs[0] == n.inputs[1] or any(
                t.attrs.get("clamp", NO_CLAMP) != NO_CLAMP for t in terms) or (
                graph.shapes[n.inputs[0]] != graph.shapes[n.inputs[1]]):
            return None
        a, b = terms
        return [n.but(op="GemmSum", inputs=a.inputs + b.inputs, bias=a["bias"] + b["bias"],
                      weight=np.concatenate([a["weight"], b["weight"]], 1))]
    return rewrite(graph, rule)


def fold_linear(graph: FloatGraph) -> FloatGraph:
    """Linear after Conv and Gemm goes into their weights; AveragePool and Linear become a Conv."""
    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        if n.op != "Linear":
            return None
        return (_into_weights(graph, n) or _through_concat(graph, n) or _into_pool(graph, n))
    return rewrite(graph, rule)


def sink_linear(graph: FloatGraph) -> FloatGraph:
    """A factor before Conv and Gemm, or before a Reshape before them, goes into their weights."""
    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        factor = bool(n.inputs) and sole_maker(graph, n.inputs[0], {"Linear"})
        if not factor or factor["scale"].size > 1 or factor["offset"].any():
            return None
        if n.op in WEIGHTED:
            return [n.but(inputs=factor.inputs, weight=n["weight"] * factor["scale"].item())]
        readers = graph.consumers(n.output)
        if n.op != "Reshape" or n.output in graph.outputs or [r.op in WEIGHTED for r in readers
                                                              ] != [True]:
            return None
        moved = f"{factor.inputs[0]}/{n.name}"
        return [n.but(inputs=factor.inputs, output=moved),
                factor.but(inputs=(moved,), output=n.output)]
    return rewrite(graph, rule)


def merge_linear(graph: FloatGraph) -> FloatGraph:
    """Linear of Linear becomes one."""
    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        first = n.op == "Linear" and sole_maker(graph, n.inputs[0], {"Linear"})
        if not first:
            return None
        return [n.but(inputs=first.inputs, scale=first["scale"] * n["scale"],
                      offset=first["offset"] * n["scale"] + n["offset"])]
    return rewrite(graph, rule)


def lower_linear(graph: FloatGraph) -> FloatGraph:
    """Linear that found no weights: a function where it is the same for every element, a depthwise
    Conv where it is the same along the spatial axes, else Mul and Add with constants."""
    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        if n.op != "Linear":
            return None
        x, shape = n.inputs[0], graph.shapes[n.output]
        expr = expression(n)
        if expr is not None:
            return [FloatNode("Function", n.name, n.inputs, n.output, {"expr": expr})]
        scale, offset = _per_channel(n["scale"], shape), n["offset"]
        if scale is not None and len(shape) in (2, 3):
            return [_depthwise(n, n.inputs, scale, offset, (1,) * (len(shape) - 1),
                               (1,) * (len(shape) - 1), shape)]
        nodes = []
        for op, value, idle in (("Mul", n["scale"], 1.0), ("Add", offset, 0.0)):
            if (value == idle).all():
                continue
            value = _full(value, shape)
            name = f"{n.output}/{op.lower()}"
            nodes.append(FloatNode("Constant", f"{name}/constant", (), f"{name}/constant",
                                   {"value": value}))
            nodes.append(FloatNode(op, name, (x, f"{name}/constant"), name))
            x = name
        return [*nodes[:-1], nodes[-1].but(name=n.name, output=n.output)]
    return rewrite(graph, rule)


def _full(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """a with as many axes as `shape`."""
    return a.reshape(*(1,) * (len(shape) - a.ndim), *a.shape)


def _per_channel(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """a as (C,), if it varies along the first axis of `shape` only."""
    full = _full(a, shape)
    if full.size != full.shape[0]:
        return None
    return np.broadcast_to(full.reshape(-1), shape[:1])


def _into_weights(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
    maker = sole_maker(graph, n.inputs[0], WEIGHTED)
    if not maker or maker.attrs.get("clamp", NO_CLAMP) != NO_CLAMP:
        return None
    shape, w = graph.shapes[n.output], maker["weight"]
    if maker.op != "Conv":
        scale, offset = (_per_channel(_full(n[k], shape).T, shape[::-1])
                         for k in ("scale", "offset"))
        if scale is None or offset is None:
            return None
        return [maker.but(output=n.output, weight=w * scale[:, None],
                          bias=maker["bias"] * scale + offset)]
    scale = _per_channel(n["scale"], shape)
    if scale is None:
        return None
    columns = scale.reshape(-1, *(1,) * (len(shape) - 1))
    return [maker.but(output=n.output, weight=w * columns[..., None],
                      bias=maker["bias"] * columns + n["offset"])]


def _into_pool(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
    pool, shape = sole_maker(graph, n.inputs[0], {"AveragePool"}), graph.shapes[n.output]
    scale = _per_channel(n["scale"], shape)
    if not pool or scale is None or pool.attrs.get("clamp", NO_CLAMP) != NO_CLAMP:
        return None
    return [_depthwise(pool.but(output=n.output), pool.inputs, scale / np.prod(pool["window"]),
                       n["offset"], pool["window"], pool["strides"], shape)]


def _depthwise(like: FloatNode, inputs, scale: np.ndarray, offset: np.ndarray, window, strides,
               shape) -> FloatNode:
    """A Conv of one window for each channel, all of whose weights are scale[channel]."""
    c, ones = shape[0], (1,) * len(window)
    weight = np.broadcast_to(scale.reshape(c, 1, *ones), (c, 1, *window))
    return FloatNode("Conv", like.name, inputs, like.output,
                     {"weight": weight, "bias": np.zeros((c, *ones)) + offset, "strides": strides,
                      "dilations": ones, "groups": c})


def _through_concat(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
    """Linear(Concat(a, b)) as Concat(Linear(a), Linear(b)), where every part can take it."""
    concat = sole_maker(graph, n.inputs[0], {"Concat"})
    if not concat or not all(sole_maker(graph, i, WEIGHTED) for i in concat.inputs):
        return None
    axis, shape, start, nodes = concat["axis"], graph.shapes[concat.output], 0, []
    for i in concat.inputs:
        size = graph.shapes[i][axis]
        part = [slice(None)] * len(shape)
        part[axis] = slice(start, start + size)
        arrays = {k: np.broadcast_to(n[k], shape)[tuple(part)] if n[k].size > 1 else n[k]
                  for k in ("scale", "offset")}
        if arrays["scale"].size > 1:
            arrays["scale"] = _slim(arrays["scale"])
        output = f"{i}/{n.name}"
        nodes.append(FloatNode("Linear", output, (i,), output, arrays))
        start += size
    return [*nodes, concat.but(inputs=tuple(m.output for m in nodes), output=n.output)]


def _slim(a: np.ndarray) -> np.ndarray:
    """a with axes of size 1 where it does not vary."""
    for axis in range(a.ndim):
        first = a.take([0], axis)
        a = first if (a == first).all() else a
    return a
