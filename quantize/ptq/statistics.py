"""Statistics: factors that many numbers share, such as the inverse root of their variance.

An error in one is an error in all of them, and an inverse makes the smallest of errors large: 8
bits would ruin what 16 give for nothing, there being few of them. The same holds for what they are
computed from and for what they scale, as long as nothing else reads it: how large it is depends on
the sample.
"""

from __future__ import annotations

from collections.abc import Iterable

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode, Layer
from dsplet.quantize.float.ops.binary import Arithmetic, Div, Mul
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.pool import Pool
from dsplet.quantize.ptq.classes import Class

BITS = 16


def statistics(graph: FloatGraph, found: Iterable[Class]) -> set[str]:
    """The values of statistics, of what they are computed from, and of what they scale, up to its
    constant factors. found: the classes of the graph's values; all or none of one is in it."""
    of = {m: c for c in found for m in c.members}
    outside = {*graph.inputs, *graph.outputs}
    shared = {m for m, c in of.items() if c.readers and all(_scales(graph, c, r)
                                                            for r in c.readers)}
    scaled = {id(r) for v in shared for r in of[v].readers}
    wide: set[str] = set()

    def widen(value: str) -> None:
        if outside.isdisjoint(of[value].members):
            wide.update(of[value].members)

    for value in shared:
        widen(value)
    for n in reversed(graph.nodes):  # what they are computed from
        if n.output in wide and isinstance(n, Pool | Arithmetic | Function):
            for i in n.inputs:
                if n.output in shared or all(id(r) in scaled or r.output in wide
                                             for r in of[i].readers):
                    widen(i)
    chain: set[str] = set()
    for n in graph.nodes:  # what they scale
        if id(n) in scaled or isinstance(n, Arithmetic) and not chain.isdisjoint(n.inputs):
            constants = [_constant(graph, r) for r in of[n.output].readers]
            if constants and None not in constants:
                chain.update(of[n.output].members)
                for value in (n.output, *filter(None, constants)):
                    widen(value)
    return wide


def _scales(graph: FloatGraph, c: Class, reader: FloatNode) -> bool:
    """Whether the reader divides several numbers at a time by one of c, or multiplies them by an
    inverse."""
    mine = [i for i in reader.inputs if i in c.members]
    if len(mine) != 1 or graph.shapes[mine[0]] == graph.shapes[reader.output]:
        return False
    if isinstance(reader, Div):
        return reader.inputs[1] == mine[0]
    return isinstance(reader, Mul) and bool(c.makers) and all(
        isinstance(n, Function) and n.expr.inverts for n in c.makers)


def _constant(graph: FloatGraph, n: FloatNode) -> str | None:
    """The constant that it multiplies by or adds, "" where that is a layer's; None where it does
    something else."""
    if isinstance(n, Layer) and n.weight[0].size == 1:
        return ""
    if isinstance(n, Arithmetic):
        return next((i for i in n.inputs if isinstance(graph.makers.get(i), Constant)), None)
    return None
