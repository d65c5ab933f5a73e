"""The float graph: a trained network in the few ops that have a fixed-point form.

`quantize.float.from_onnx` reads ONNX into it, the passes (`quantize.float.passes`) simplify it,
`quantize.ptq.convert` turns it into a fixed-point graph. Its ops: `quantize.float.ops`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from dsplet.base.names import unique
from dsplet.quantize.float.batch import Batch
from dsplet.quantize.float.node import FloatNode, ModelError, Shape


@dataclass(frozen=True, eq=False)
class FloatGraph:
    """Nodes in execution order. shapes: of one sample, by value name. sha256: of the file.
    batches: where the file's tensors have their batch, None where they have none; one that is not
    named has it as its first axis. notes: on how the file was read."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[FloatNode, ...]
    shapes: dict[str, Shape]
    metadata: tuple[tuple[str, str], ...] = ()
    sha256: str = ""
    batches: dict[str, Batch | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def makers(self) -> dict[str, FloatNode]:
        return {n.output: n for n in self.nodes}

    @cached_property
    def uses(self) -> Counter[str]:
        """How often each value is read, counting the graph's outputs."""
        return Counter([i for n in self.nodes for i in n.inputs] + list(self.outputs))

    @cached_property
    def _taken(self) -> set[str]:
        return {*self.shapes, *(n.name for n in self.nodes)}

    def fresh(self, name: str) -> str:
        """The name for a new value or node, with a number where another has it. Every name that
        passes make up is made here."""
        return unique(name, self._taken)

    def saying(self, facts: Mapping[str, str]) -> FloatGraph:
        """The graph with more metadata, or others of these names."""
        return replace(self, metadata=tuple(sorted({**dict(self.metadata), **facts}.items())))

    def consumers(self, value: str) -> list[FloatNode]:
        return [n for n in self.nodes if value in n.inputs]

    def rebuilt(self, nodes: Iterable[FloatNode]) -> FloatGraph:
        """The graph with other nodes: sorted, without what no output needs; shapes anew.

        Raises ModelError where a value depends on itself.
        """
        makers = {n.output: n for n in nodes}
        order: dict[str, FloatNode] = {}
        stack, begun = list(reversed(self.outputs)), set[str]()
        while stack:
            value = stack[-1]
            missing = [] if value not in makers or value in order else [
                i for i in makers[value].inputs if i in makers and i not in order]
            if missing:
                begun.add(value)
                if circle := begun.intersection(missing):
                    raise ModelError(f"the value '{min(circle)}' depends on itself")
                stack.extend(reversed(missing))
            else:
                stack.pop()
                if value in makers and value not in order:
                    order[value] = makers[value]
                    stack[:0] = makers[value].later
        shapes = {v: self.shapes[v] for v in self.inputs}
        for n in order.values():
            shapes[n.output] = n.output_shape([shapes[i] for i in n.inputs])
        return replace(self, nodes=tuple(order.values()), shapes=shapes)
