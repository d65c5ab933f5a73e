"""The keys by which every report names a layer, so that their rows join.

A node's key is its name, which no other node of the graph has; an input's and an output's are those
of their values. Where one of them is taken (nodes come first, then inputs, then outputs), or means
something else in reports, it goes on as NAME#2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dsplet.base.names import unique
from dsplet.quantize.fixed.graph import Graph, Node

NO_LAYERS = ("calls", "total")
"""What the bill calls rows that are no layer's."""
INPUT, OUTPUT = "Input", "Output"
"""The ops, in reports, of a graph's inputs and outputs."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A node, an input or an output of a graph. layer: its key. values: what it gives, by name; of
    an output, itself. inside: the key of the loop over time that it is in."""

    layer: str
    op: str
    values: list[str]
    inside: str | None = None


@dataclass(frozen=True)
class LayerKeys:
    """Keys by name: of inputs, nodes and outputs, those of bodies after what runs them. values: of
    what gives a value; what a loop hands to its body, the loop gives. rows: all, in order."""

    inputs: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[Layer, ...] = ()

    @classmethod
    def of(cls, graph: Graph) -> LayerKeys:
        """Those of a graph."""
        taken = set(NO_LAYERS)
        nodes = {n.name: unique(n.name, taken, "#") for n in graph.every_node()}
        inputs = {v.name: unique(v.name, taken, "#") for v in graph.inputs}
        outputs = {v.name: unique(v.name, taken, "#") for v in graph.outputs}
        rows = [Layer(layer=inputs[v.name], op=INPUT, values=[v.name]) for v in graph.inputs]
        rows += [Layer(layer=nodes[n.name], op=n.op, values=[v.name for v in n.outputs],
                       inside=nodes[loop.name] if loop else None)
                 for n, loop in _with_loops(graph, None)]
        values = dict(inputs) | {v.name: nodes[n.name] for n in graph.every_node()
                                 for v in (*n.outputs, *(v for b in n.bodies for v in b.inputs))}
        rows += [Layer(layer=outputs[v.name], op=OUTPUT, values=[v.name])
                 for v in dict.fromkeys(graph.outputs)]
        return cls(inputs, nodes, outputs, values, tuple(rows))

    def code(self, node: str, op: str) -> str:
        """The key of what a kernel's code is for: of a node, or of a value at the border. The name
        as it is where the graph is not known."""
        border = {INPUT: self.inputs, OUTPUT: self.outputs}
        return border.get(op, self.nodes).get(node, node)


def _with_loops(graph: Graph, loop: Node | None) -> Iterator[tuple[Node, Node | None]]:
    """Every node, with the one whose body it is in."""
    for n in graph.nodes:
        yield n, loop
        for body in n.bodies:
            yield from _with_loops(body, n)
