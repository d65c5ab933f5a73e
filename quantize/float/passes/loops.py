"""Loops over time: what need not be kept."""

from __future__ import annotations

from collections.abc import Sequence

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode
from dsplet.quantize.float.ops.loop import Carry, Stack
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.passes.rewrite import rewrite


def last_steps(graph: FloatGraph) -> FloatGraph:
    """Slice of the last element of a Stack becomes the output of the Carry that reads the same
    value, so that the sequence need not be stored."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if not isinstance(n, Slice):
            return None
        stack = graph.makers.get(n.inputs[0])
        if not isinstance(stack, Stack):
            return None
        shape = graph.shapes[stack.output]
        whole = n.sizes[1:] == shape[1:] and all(s == 1 for s in n.steps[1:])
        if not whole or (n.sizes[0], n.starts[0]) != (1, stack.steps - 1):
            return None
        carry = next((m for m in graph.consumers(stack.inputs[0]) if isinstance(m, Carry)), None)
        if carry is None:
            return None
        return [Reshape(n.name, (carry.output,), n.output, (1, *shape[1:]))]
    return rewrite(graph, rule)
