"""Means of very many numbers, of whose 1 / N an accumulator has no room for more than a few bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import NO_CLAMP, FloatNode, Moving
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.pool import AveragePool
from dsplet.quantize.float.ops.sum_pool import SumPool
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker

MANY = 256
"""The share of so many has at least five bits beside 16 of each number."""


def sum_means(graph: FloatGraph) -> FloatGraph:
    """A function of a mean becomes a function of the sum."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if not isinstance(n, Function):
            return None
        moves, pool = list[Moving](), sole_maker(graph, n.inputs[0])
        while isinstance(pool, Moving) and len(pool.inputs) == 1:
            moves.append(pool)
            pool = sole_maker(graph, pool.inputs[0])
        if not isinstance(pool, AveragePool) or pool.clamp != NO_CLAMP:
            return None
        taps = prod(pool.window)
        if taps <= MANY or taps & taps - 1 == 0:
            return None
        made: list[FloatNode] = [SumPool(f"{pool.name}/sum", pool.inputs, f"{pool.output}/sum",
                                         pool.window, pool.strides)]
        for move in reversed(moves):
            made.append(replace(move, name=f"{move.name}/sum", inputs=(made[-1].output,),
                                output=f"{move.output}/sum"))
        share = Expr("Linear", (X,), (1 / taps, 0.0))
        return [*made, replace(n, inputs=(made[-1].output,), expr=n.expr.of(share))]
    return rewrite(graph, rule)
