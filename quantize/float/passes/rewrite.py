"""Applies one local rule until it finds nothing more to change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode

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


def sole_maker(graph: FloatGraph, value: str) -> FloatNode | None:
    """The node that gives the value, if nothing else reads the value."""
    return graph.makers.get(value) if graph.uses[value] == 1 else None
