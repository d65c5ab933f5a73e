"""Chains and trees of functions of one variable become one function."""

from __future__ import annotations

from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import NO_CLAMP, FloatNode
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.function import Function

Root = tuple[str, Expr, str]
"""Variable ("" of a constant), function, name of the node that makes it more than linear or ""."""


def fuse_functions(graph: FloatGraph) -> FloatGraph:
    """1.7159 * tanh(x * 2/3), x * sigmoid(x), x where |x| > 1/2 and the like become one `Function`
    node each.

    What only scales, shifts or clamps stays as it is: weights and clamp bounds take it for nothing.
    """
    roots: dict[str, Root] = {}

    def resolve(value: str) -> Root:
        maker = graph.makers.get(value)
        if isinstance(maker, Constant) and (maker.value == maker.value.flat[0]).all():
            return "", Expr("Const", (), (float(maker.value.flat[0]),)), ""
        return roots[value] if value in roots and graph.uses[value] == 1 else (value, X, "")

    for n in graph.nodes:
        own = n.expression
        if own is not None:
            root, inner, name = resolve(n.inputs[0])
            if root:
                roots[n.output] = root, own.of(inner), n.name if isinstance(n, Function) else name
        elif n.combination and n.bounds == NO_CLAMP:
            found = [resolve(i) for i in n.inputs]
            variables = {root for root, _, _ in found if root}
            if len(variables) == 1 and graph.shapes[root := variables.pop()] == (
                    graph.shapes[n.output]):
                roots[n.output] = root, Expr(n.combination, tuple(f for _, f, _ in found)), n.name

    def fused(n: FloatNode) -> FloatNode:
        root, expr, name = roots.get(n.output, ("", X, ""))
        return Function(name, (root,), n.output, expr) if name else n

    return graph.rebuilt(fused(n) for n in graph.nodes)
