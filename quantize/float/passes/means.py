"""Means of very many numbers, of whose 1 / N an accumulator has no room for more than a few bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import NO_CLAMP, FloatNode
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.pool import AveragePool
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.ops.sum_pool import SumPool
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker

MANY = 256
"""The share of so many has at least five bits beside 16 of each number."""


def sum_means(graph: FloatGraph) -> FloatGraph:
    """A function of a mean becomes a function of the sum."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if not isinstance(n, Function):
            return None
        moves, pool = list[FloatNode](), sole_maker(graph, n.inputs[0])
        while isinstance(pool, Reshape | Transpose | Slice):  # these hold no number of their own
            moves.append(pool)
            pool = sole_maker(graph, pool.inputs[0])
        if not isinstance(pool, AveragePool) or pool.clamp != NO_CLAMP or pool.counts.size:
            return None
        taps = prod(pool.window)
        if taps <= MANY or taps & taps - 1 == 0:
            return None
        name, output = (graph.fresh(f"{v}/sum") for v in (pool.name, pool.output))
        made: list[FloatNode] = [SumPool(name, pool.inputs, output, pool.window, pool.strides,
                                         dilations=pool.dilations)]
        for move in reversed(moves):
            name, output = (graph.fresh(f"{v}/sum") for v in (move.name, move.output))
            made.append(replace(move, name=name, inputs=(made[-1].output,), output=output))
        share = Expr("Linear", (X,), (1 / taps, 0.0))
        return [*made, replace(n, inputs=(made[-1].output,), expr=n.expr.of(share))]
    return rewrite(graph, rule)
