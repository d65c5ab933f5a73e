"""Nodes that change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dsplet.quantize.float.functions import X, whole
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode
from dsplet.quantize.float.ops.clamp import Clamp
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.loop import Carry, Step
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker


def drop_idle(graph: FloatGraph) -> FloatGraph:
    """Remove nodes whose output equals their input; make one Reshape of two."""
    return rewrite(graph, _shorter)


def drop_whole(graph: FloatGraph) -> FloatGraph:
    """What cuts fractions off numbers that are but indices goes: who reads an index does that."""
    kept = Clamp | Reshape | Slice | Step | Transpose

    def indices(value: str) -> bool:
        return value not in graph.outputs and all(
            n.choices(value, graph.shapes) > 0 or isinstance(n, kept) and indices(n.output)
            for n in graph.consumers(value))

    def same(n: FloatNode) -> FloatNode:
        if isinstance(n, Function) and n.expr == whole(X) and indices(n.output):
            return Reshape(n.name, n.inputs, n.output, graph.shapes[n.output])
        return n

    return graph.rebuilt(same(n) for n in graph.nodes)


def _shorter(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
    if isinstance(n, Reshape) and isinstance(first := sole_maker(graph, n.inputs[0]), Reshape):
        return [replace(n, inputs=first.inputs)]
    if not n.inputs or not n.idle(graph.shapes[n.inputs[0]], graph.shapes[n.output]):
        return None
    x = n.inputs[0]
    if n.output not in graph.outputs:
        return [replace(m, inputs=tuple(x if i == n.output else i for i in m.inputs))
                for m in graph.consumers(n.output)]
    if x in graph.inputs or x in graph.outputs:
        return None  # an output must have a name of its own
    if isinstance(graph.makers[x], Carry):
        return None  # its State knows it by name
    readers = [replace(m, inputs=tuple(n.output if i == x else i for i in m.inputs))
               for m in graph.consumers(x) if m is not n]
    return [replace(graph.makers[x], output=n.output), *readers]
