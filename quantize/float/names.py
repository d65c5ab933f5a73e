"""Names of values: those that a file has, and such as nobody has yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto


def rename(graph: GraphProto, names: Mapping[str, str]) -> None:
    """Give the values that a body reads from outside other names."""
    inside = {o for n in graph.node for o in n.output} | {
        v.name for v in (*graph.input, *graph.initializer)}
    names = {old: new for old, new in names.items() if old not in inside}
    for node in graph.node:
        node.input[:] = [names.get(i, i) for i in node.input]
        for a in node.attribute:
            if a.HasField("g"):
                rename(a.g, names)
    for output in graph.output:
        output.name = names.get(output.name, output.name)


def value_names(graph: GraphProto) -> set[str]:
    """Of all values of the graph, those inside its loops apart."""
    return {v for n in graph.node for v in (*n.input, *n.output)} | {
        v.name for v in (*graph.input, *graph.initializer, *graph.output)}
