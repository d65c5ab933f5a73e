"""Constant factors and offsets: into the weights and biases of Conv and Gemm, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dsplet.quantize.float.broadcast import full, per_channel, slim
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import NO_CLAMP, FloatNode, Shape, Weighted
from dsplet.quantize.float.ops.binary import Add, Binary, Mul
from dsplet.quantize.float.ops.clamp import Clamp
from dsplet.quantize.float.ops.concat import Concat
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.conv import Conv
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.gemm import Gemm
from dsplet.quantize.float.ops.gemm_sum import GemmSum
from dsplet.quantize.float.ops.linear import Linear
from dsplet.quantize.float.ops.pool import AveragePool, Pool
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker


def fold_biases(graph: FloatGraph) -> FloatGraph:
    """Constants added after Conv and Gemm become their bias, per channel or per unit."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if not isinstance(n, Linear) or not (n.scale == 1).all():
            return None
        return _into_weights(graph, n) or _through_concat(graph, n)
    return rewrite(graph, rule)


def raise_linear(graph: FloatGraph) -> FloatGraph:
    """Linear of Clamp becomes Clamp of Linear, where weights before the Clamp can take it."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if not isinstance(n, Linear) or not n.uniform or not n.scale.all():
            return None
        clamp = sole_maker(graph, n.inputs[0])
        if not isinstance(clamp, Clamp) or not _has_weights(graph, clamp.inputs[0]):
            return None
        scaled = graph.fresh(f"{clamp.inputs[0]}/{n.name}")
        low, high = sorted((b * n.scale + n.offset).item() for b in clamp.bounds)
        return [replace(n, inputs=clamp.inputs, output=scaled),
                replace(clamp, inputs=(scaled,), output=n.output, low=low, high=high)]
    return rewrite(graph, rule)


def sum_products(graph: FloatGraph) -> FloatGraph:
    """Add of two Gemms becomes one GemmSum, whose accumulator holds both exactly."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if not isinstance(n, Add) or n.inputs[0] == n.inputs[1]:
            return None
        a, b = (sole_maker(graph, i) for i in n.inputs)
        if not isinstance(a, Gemm | GemmSum) or not isinstance(b, Gemm | GemmSum) or (
                a.clamp != NO_CLAMP or b.clamp != NO_CLAMP) or (
                graph.shapes[a.output] != graph.shapes[b.output]):
            return None
        return [GemmSum(n.name, a.inputs + b.inputs, n.output,
                        np.concatenate([a.weight, b.weight], 1), a.bias + b.bias, clamp=n.clamp)]
    return rewrite(graph, rule)


def fold_linear(graph: FloatGraph) -> FloatGraph:
    """Linear after Conv and Gemm goes into their weights; AveragePool and Linear become a Conv."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if not isinstance(n, Linear):
            return None
        return _into_weights(graph, n) or _through_concat(graph, n) or _into_pool(graph, n)
    return rewrite(graph, rule)


def sink_linear(graph: FloatGraph) -> FloatGraph:
    """A factor before Conv and Gemm, or before a Reshape before them, goes into their weights;
    before Gemms alone also one for each column, and an offset."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if isinstance(n, Gemm) and (found := _with_columns(graph, n)):
            return [found]
        factor = sole_maker(graph, n.inputs[0]) if n.inputs else None
        if not isinstance(factor, Linear) or factor.scale.size > 1 or factor.offset.any():
            return None
        if isinstance(n, Weighted):
            return [replace(n, inputs=factor.inputs, weight=n.weight * factor.scale.item())]
        readers = graph.consumers(n.output)
        if not isinstance(n, Reshape) or n.output in graph.outputs or [
                isinstance(r, Weighted) for r in readers] != [True]:
            return None
        moved = graph.fresh(f"{factor.inputs[0]}/{n.name}")
        return [replace(n, inputs=factor.inputs, output=moved),
                replace(factor, inputs=(moved,), output=n.output)]
    return rewrite(graph, rule)


def merge_linear(graph: FloatGraph) -> FloatGraph:
    """Linear of Linear becomes one."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if not isinstance(n, Linear):
            return None
        first = sole_maker(graph, n.inputs[0])
        if not isinstance(first, Linear):
            return None
        return [replace(n, inputs=first.inputs, scale=np.asarray(first.scale * n.scale),
                        offset=np.asarray(first.offset * n.scale + n.offset))]
    return rewrite(graph, rule)


def lower_linear(graph: FloatGraph) -> FloatGraph:
    """Linear that found no weights: a function where it is the same for every element, a depthwise
    Conv where it is the same along the spatial axes, else Mul and Add with constants."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if not isinstance(n, Linear):
            return None
        shape = graph.shapes[n.output]
        if n.idle(shape, shape):  # between the network's own input and output
            return [Reshape(n.name, n.inputs, n.output, shape)]
        if n.expression is not None:
            return [Function(n.name, n.inputs, n.output, n.expression)]
        scale = per_channel(n.scale, shape)
        if scale is not None and len(shape) in (2, 3):
            return [_depthwise(n, scale, n.offset, None, shape)]
        return _mul_and_add(graph, n, shape)
    return rewrite(graph, rule)


def _mul_and_add(graph: FloatGraph, n: Linear, shape: Shape) -> list[FloatNode]:
    """n by two ops with constants, or one of them where the other would do nothing."""
    x, constants, last = n.inputs[0], list[Constant](), list[Binary]()
    for kind, value, idle in ((Mul, n.scale, 1.0), (Add, n.offset, 0.0)):
        if (value == idle).all():
            continue
        name = graph.fresh(f"{n.output}/{kind.__name__.lower()}")
        constant = graph.fresh(f"{name}/constant")
        constants.append(Constant(constant, (), constant, full(value, shape)))
        last.append(kind(name, (x, constant), name))
        x = name
    return [*constants, *last[:-1], replace(last[-1], name=n.name, output=n.output)]


def _with_columns(graph: FloatGraph, n: Gemm) -> Gemm | None:
    """The Gemm of what a Linear before it reads, where nothing but Gemms reads the Linear."""
    x, shape = graph.makers.get(n.inputs[0]), graph.shapes[n.inputs[0]]
    if not isinstance(x, Linear) or x.output in graph.outputs or not all(
            isinstance(m, Gemm) for m in graph.consumers(x.output)):
        return None
    scale, offset = (per_channel(full(a, shape).T, shape[::-1]) for a in (x.scale, x.offset))
    if scale is None or offset is None:
        return None
    return replace(n, inputs=x.inputs, weight=n.weight * scale, bias=n.bias + n.weight @ offset)


def _has_weights(graph: FloatGraph, value: str) -> bool:
    """Whether weights, for nobody else, give the value."""
    return isinstance(sole_maker(graph, value), Weighted)


def _into_weights(graph: FloatGraph, n: Linear) -> Sequence[FloatNode] | None:
    maker = sole_maker(graph, n.inputs[0])
    if not isinstance(maker, Weighted) or maker.clamp != NO_CLAMP:
        return None
    found = maker.absorbing(n.scale, n.offset, graph.shapes[n.output])
    return [replace(found, output=n.output)] if found else None


def _into_pool(graph: FloatGraph, n: Linear) -> Sequence[FloatNode] | None:
    pool, shape = sole_maker(graph, n.inputs[0]), graph.shapes[n.output]
    scale = per_channel(n.scale, shape)
    if not isinstance(pool, AveragePool) or scale is None or pool.clamp != NO_CLAMP or (
            pool.counts.size):
        return None
    return [_depthwise(replace(pool, output=n.output), scale / np.prod(pool.window), n.offset,
                       pool, shape)]


def _depthwise(like: FloatNode, scale: np.ndarray, offset: np.ndarray, pool: Pool | None,
               shape: Shape) -> Conv:
    """A Conv of one window for each channel, the pool's or a single number, all of whose weights
    are scale[channel]."""
    c, ones = shape[0], (1,) * (len(shape) - 1)
    window, strides, dilations = (pool.window, pool.strides, pool.spacing) if pool else (
        ones, ones, ones)
    weight = np.broadcast_to(scale.reshape(c, 1, *ones), (c, 1, *window))
    return Conv(like.name, like.inputs, like.output, weight, np.zeros((c, *ones)) + offset, strides,
                dilations, c)


def _through_concat(graph: FloatGraph, n: Linear) -> Sequence[FloatNode] | None:
    """Linear(Concat(a, b)) as Concat(Linear(a), Linear(b)), where every part can take it."""
    concat = sole_maker(graph, n.inputs[0])
    if not isinstance(concat, Concat) or not all(_has_weights(graph, i) for i in concat.inputs):
        return None
    shape, start, nodes = graph.shapes[concat.output], 0, list[Linear]()
    for i in concat.inputs:
        size = graph.shapes[i][concat.axis]
        part = [slice(None)] * len(shape)
        part[concat.axis] = slice(start, start + size)
        scale, offset = (np.broadcast_to(a, shape)[tuple(part)] if a.size > 1 else a
                         for a in (n.scale, n.offset))
        output = graph.fresh(f"{i}/{n.name}")
        nodes.append(Linear(output, (i,), output, slim(scale) if scale.size > 1 else scale, offset))
        start += size
    return [*nodes, replace(concat, inputs=tuple(m.output for m in nodes), output=n.output)]
