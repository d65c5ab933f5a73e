"""Chains and trees of functions of one variable become one function."""

from __future__ import annotations

from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import NO_CLAMP, FloatNode
from dsplet.quantize.float.ops.binary import Arithmetic
from dsplet.quantize.float.ops.function import Function


def fuse_functions(graph: FloatGraph) -> FloatGraph:
    """1.7159 * tanh(x * 2/3), x * sigmoid(x) and the like become one `Function` node each.

    What only scales, shifts or clamps stays as it is: weights and clamp bounds take it for nothing.
    """
    roots: dict[str, tuple[str, Expr, str]] = {}
    """value -> (variable, function, name of the node that makes it more than linear or "")"""

    def resolve(value: str) -> tuple[str, Expr, str]:
        if value in roots and graph.uses[value] == 1:
            return roots[value]
        return value, X, ""

    for n in graph.nodes:
        own = n.expression
        if own is not None:
            root, inner, name = resolve(n.inputs[0])
            roots[n.output] = root, own.of(inner), n.name if isinstance(n, Function) else name
        elif isinstance(n, Arithmetic) and n.clamp == NO_CLAMP:
            (a, f, _), (b, g, _) = (resolve(i) for i in n.inputs)
            if a == b:
                roots[n.output] = a, Expr(n.op, (f, g)), n.name

    def fused(n: FloatNode) -> FloatNode:
        root, expr, name = roots.get(n.output, ("", X, ""))
        return Function(name, (root,), n.output, expr) if name else n

    return graph.rebuilt(fused(n) for n in graph.nodes)
