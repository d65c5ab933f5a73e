"""Names of values: those that a file has, and such as nobody has yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken already; added to `taken`."""
    stem, n = name, 1
    while name in taken:
        n += 1
        name = f"{stem}_{n}"
    taken.add(name)
    return name


def value_names(graph: GraphProto) -> set[str]:
    """Of all values of the graph, those inside its loops apart."""
    return {v for n in graph.node for v in (*n.input, *n.output)} | {
        v.name for v in (*graph.input, *graph.initializer, *graph.output)}
