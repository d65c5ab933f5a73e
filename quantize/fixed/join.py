"""A convolution reads the parts of a Concat where they lie, instead of a copy of them."""

from __future__ import annotations

from dataclasses import replace

from dsplet.quantize.fixed.graph import Graph, Node
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.movement import Concat, Slice


def join(graph: Graph) -> Graph:
    """The graph without the Concats of slices that only convolutions of one group read."""
    spared = [n for n in graph.nodes if _is_spared(graph, n)]
    parts = {n.output.name: n.inputs for n in spared}
    return replace(graph, nodes=tuple(
        replace(n, inputs=tuple(x for v in n.inputs for x in parts.get(v.name, (v,))))
        if isinstance(n, Conv) else n for n in graph.nodes if n not in spared))


def _is_spared(graph: Graph, node: Node) -> bool:
    if not isinstance(node, Concat) or node.axis != 0 or node.output in graph.outputs:
        return False
    readers = graph.consumers(node.output)
    slices = {n.output.name for n in graph.nodes if isinstance(n, Slice)}
    return all(isinstance(n, Conv) and n.groups == 1 and len(n.inputs) == 1 for n in readers) and (
        any(v.name in slices for v in node.inputs)
        and {v.format for v in node.inputs} == {node.output.format})
