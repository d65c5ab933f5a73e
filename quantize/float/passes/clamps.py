"""ReLU and Clip become clamp bounds of the op before them; those that change nothing go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dsplet.quantize.float.bounds import bounds_of
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import Clampable, FloatNode
from dsplet.quantize.float.ops.clamp import Clamp
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker


def raise_clamps(graph: FloatGraph) -> FloatGraph:
    """Clamp of MaxPool (Reshape, Transpose) becomes MaxPool of Clamp: towards what takes it."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        move = sole_maker(graph, n.inputs[0]) if isinstance(n, Clamp) else None
        if move is None or not move.keeps_order:
            return None
        before = sole_maker(graph, move.inputs[0])
        if before is None or not (isinstance(before, Clampable) or before.keeps_order):
            return None
        clamped = graph.fresh(f"{move.inputs[0]}/{n.name}")
        return [replace(n, inputs=move.inputs, output=clamped),
                replace(move, inputs=(clamped,), output=n.output)]
    return rewrite(graph, rule)


def fuse_clamps(graph: FloatGraph) -> FloatGraph:
    """Clamp goes into the op (or the Clamp) whose only reader it is."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        maker = sole_maker(graph, n.inputs[0]) if isinstance(n, Clamp) else None
        if maker is None:
            return None
        low, high = (float(np.clip(b, *n.bounds)) for b in maker.bounds)
        if isinstance(maker, Clamp):
            return [replace(maker, output=n.output, low=low, high=high)]
        if isinstance(maker, Clampable):
            return [replace(maker, output=n.output, clamp=(low, high))]
        return None
    return rewrite(graph, rule)


def drop_clamps(graph: FloatGraph) -> FloatGraph:
    """Clamp of numbers that cannot leave its bounds becomes a Reshape that changes nothing."""
    known = bounds_of(graph, proven=True)

    def same(n: FloatNode) -> FloatNode:
        if not isinstance(n, Clamp) or n.low == -np.inf and n.high == np.inf:
            return n
        low, high = known[n.inputs[0]]
        within = n.low <= low and high <= n.high
        return Reshape(n.name, n.inputs, n.output, graph.shapes[n.output]) if within else n

    return graph.rebuilt(same(n) for n in graph.nodes)
