"""Applies one local rule until it finds nothing more to change."""

from __future__ import annotations

from collections.abc import Callable

from dsplet.quantize.float.graph import FloatGraph, FloatNode

Rule = Callable[[FloatGraph, FloatNode], "list[FloatNode] | None"]
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


def sole_maker(graph: FloatGraph, value: str, ops: set[str]) -> FloatNode | None:
    """The node that gives the value, if it is one of `ops` and nothing else reads the value."""
    maker = graph.makers.get(value)
    return maker if maker and maker.op in ops and graph.uses[value] == 1 else None
