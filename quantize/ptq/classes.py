"""Classes of values: those joined by ops that only move numbers share one format."""

from __future__ import annotations

from dataclasses import dataclass, field

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode, Reads


@dataclass
class Class:
    """members: value names. makers, readers: nodes around it that do not merely move."""

    members: list[str] = field(default_factory=list)
    makers: list[FloatNode] = field(default_factory=list)
    readers: list[FloatNode] = field(default_factory=list)

    @property
    def reads(self) -> set[Reads]:
        """What is done with it."""
        return {n.reads_as(i) for n in self.readers for i in n.inputs if i in self.members}


def classes(graph: FloatGraph) -> list[Class]:
    """The classes of the graph's values, in order of first appearance."""
    parent = {v: v for v in graph.shapes}

    def root(v: str) -> str:
        while parent[v] != v:
            v = parent[v]
        return v

    for n in graph.nodes:
        for i in (*n.passed, *n.later):
            parent[root(n.output)] = root(i)
    found: dict[str, Class] = {}
    for v in [*graph.inputs, *(n.output for n in graph.nodes)]:
        found.setdefault(root(v), Class()).members.append(v)
    for n in graph.nodes:
        same = n.passed
        if not same:
            found[root(n.output)].makers.append(n)
        for i in dict.fromkeys(n.inputs):
            if i not in same:
                found[root(i)].readers.append(n)
    return list(found.values())
