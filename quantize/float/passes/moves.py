"""Nodes that change nothing."""

from __future__ import annotations

from dsplet.quantize.float.graph import NO_CLAMP, FloatGraph, FloatNode
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker


def drop_idle(graph: FloatGraph) -> FloatGraph:
    """Remove nodes whose output equals their input; make one Reshape of two."""
    return rewrite(graph, _shorter)


def _idle(graph: FloatGraph, n: FloatNode) -> bool:
    same = bool(n.inputs) and graph.shapes[n.inputs[0]] == graph.shapes[n.output]
    match n.op:
        case "Reshape" | "Pad":
            return same
        case "Slice":
            return same and all(s == 1 for s in n["steps"])
        case "Transpose":
            return list(n["perm"]) == sorted(n["perm"])
        case "Concat":
            return len(n.inputs) == 1
        case "MaxPool" | "AveragePool":
            return (set(n["window"]) | set(n["strides"]) == {1}
                    and n.attrs.get("clamp", NO_CLAMP) == NO_CLAMP)
        case "Linear":
            return same and bool((n["scale"] == 1).all() and (n["offset"] == 0).all())
        case "Clamp":
            return (n["low"], n["high"]) == NO_CLAMP
    return False


def _shorter(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
    if n.op == "Reshape" and (first := sole_maker(graph, n.inputs[0], {"Reshape"})):
        return [n.but(inputs=first.inputs)]
    if not _idle(graph, n):
        return None
    x = n.inputs[0]
    if n.output not in graph.outputs:
        return [m.but(inputs=tuple(x if i == n.output else i for i in m.inputs))
                for m in graph.consumers(n.output)]
    if x in graph.inputs or x in graph.outputs:
        return None  # an output must have a name of its own
    if graph.makers[x].op == "Carry":
        return None  # its State knows it by name
    readers = [m.but(inputs=tuple(n.output if i == x else i for i in m.inputs))
               for m in graph.consumers(x) if m is not n]
    return [graph.makers[x].but(output=n.output), *readers]
