"""Applies one local rule until it finds nothing more to change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode, N

Rule = Callable[[FloatGraph, FloatNode], Sequence[FloatNode] | None]
"""(graph, node) -> nodes to add, one of them giving the node's output; None: nothing to do."""


def rewrite(graph: FloatGraph, rule: Rule) -> FloatGraph:
    """Every node in order, again from the start after each change. What lost its use goes."""
    while True:
        for node in graph.nodes:
            new = rule(graph, node)
            if new is not None:
                given = {n.output for n in new}
                graph = graph.rebuilt([*(n for n in graph.nodes if n.output not in given), *new])
                break
        else:
            return graph


def sole_maker(graph: FloatGraph, value: str, kind: type[N]) -> N | None:
    """The node that gives the value, if it is of the kind and nothing else reads the value."""
    maker = graph.makers.get(value)
    return maker if isinstance(maker, kind) and graph.uses[value] == 1 else None
