"""Buffer assignment: where each value of a graph lives, so that movement and time cost nothing
where a view will do.

Backwards: what ends in a Pad or a Concat is stored right inside it. Forwards: what a Reshape, Slice
or Transpose gives is a view of its input. Of a Scan, an element of a sequence is a view that moves
with time, a new state is written over the old one where nothing still reads that, and the last
state is where the states were.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from dsplet.quantize.fixed.graph import Graph, Value
from dsplet.quantize.fixed.kernel import Buffer, Storage, contiguous
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.op import Moving
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.statement import Affine

BORDER = ("input", "output")
"""Roles of the buffers at the border of the program, which only copies touch."""


class BufferAssignment:
    """storage: where each value lives, those of bodies included. buffers: all of them, by name."""

    def __init__(self, graph: Graph) -> None:
        self.storage: dict[str, Storage] = {}
        self.buffers: dict[str, Buffer] = {}
        self.times: dict[str, str] = {}
        """Scan -> the variable of its loop."""
        self.inputs = [self.buffer("in", v, "input") for v in graph.inputs]
        self.outputs = [self.buffer("out", v, "output") for v in graph.outputs]
        for v, name in zip(graph.inputs, self.inputs, strict=True):
            if _is_stepwise(graph, v):
                self.storage[v.name] = Storage(name, 0, contiguous(v.shape))
        for v, name in zip(graph.outputs, self.outputs, strict=True):
            if _is_sequence(graph, v):
                self.storage[v.name] = Storage(name, 0, contiguous(v.shape))
        self._place(graph, ())

    def role(self, v: Value) -> str:
        """The role of the buffer that holds v."""
        return self.buffers[self.storage[v.name].buffer].role

    def copies(self, node: Moving) -> list[tuple[Storage, Storage, tuple[int, ...]]]:
        """(from, to, shape) of what a movement op must still copy."""
        x, y = self.storage[node.inputs[0].name], self.storage[node.output.name]
        view = node.view(x)
        if view is not None:
            return [] if view == y else [(view, y, node.output.shape)]
        return [(self.storage[v.name], part, v.shape)
                for v, part in zip(node.inputs, node.parts(y), strict=True)
                if self.storage[v.name] != part]

    def element(self, scan: Scan, sequence: Value) -> Storage:
        """Where the sequence's element of this step lies."""
        s = self.storage[sequence.name]
        step = Affine(0, ((self.times[scan.name], s.strides[0]),))
        return Storage(s.buffer, step + s.offset, s.strides[1:])

    def buffer(self, prefix: str, v: Value, role: str) -> str:
        """A new buffer that holds v; its name."""
        name = identifier(prefix, v.name)
        while name in self.buffers:
            name += "_"
        self.buffers[name] = Buffer(name, v.size, v.format.min, v.format.max, role)
        return name

    def _place(self, graph: Graph, states: tuple[tuple[Value, Value], ...]) -> None:
        """states: (before, after) of the states that the graph, a body, carries."""
        makers = {v.name: n for n in graph.nodes for v in n.outputs}
        claimable = {v.name for v in graph.inputs} | {
            name for name, n in makers.items()
            if not isinstance(n, Constant) and (not isinstance(n, Moving) or n.fill is not None
                                                or n.parts(_probe(n.output)) and not
                                                n.view(_probe(n.inputs[0])))}
        for node in reversed(graph.nodes):
            if isinstance(node, Moving) and not node.view(_probe(node.inputs[0])):
                y = self._own(node.output)
                if node.fill is not None:
                    self._preset(y, node.output.shape, node.fill)
                for x, part in zip(node.inputs, node.parts(y), strict=True):
                    if x.name in claimable and x.name not in self.storage:
                        self.storage[x.name] = part
        for v in graph.inputs:
            self._own(v)
        for before, after in states:
            if after.name not in self.storage and _replaces(graph, before, after):
                self.storage[after.name] = self.storage[before.name]
        for node in graph.nodes:
            if isinstance(node, Constant):
                y = self._own(node.output)
                self.buffers[y.buffer] = replace(self.buffers[y.buffer], role="const",
                                                 data=node.q.reshape(-1).astype(np.int64))
            elif isinstance(node, Moving) and node.output.name not in self.storage:
                view = node.view(self.storage[node.inputs[0].name])
                self.storage[node.output.name] = view or self._own(node.output)
            elif isinstance(node, Scan):
                self._scan(node)
            else:
                self._own(node.output)

    def _scan(self, scan: Scan) -> None:
        """Places for the values of the body and for what the Scan gives."""
        self.times[scan.name] = f"t{len(self.times)}"
        body, n, m = scan.body, scan.states, scan.states + scan.sequences
        for v in scan.outputs[n:]:
            self._own(v)
        for inside, outside in zip(body.inputs[m:], scan.inputs[m:], strict=True):
            self.storage[inside.name] = self.storage[outside.name]
        for inside, outside in zip(body.inputs[n:m], scan.inputs[n:m], strict=True):
            if self.role(outside) not in BORDER and not _joins(body, inside):
                self.storage[inside.name] = self.element(scan, outside)
        carried = {v.name for v in (*body.inputs[:n], *body.outputs[:n])}
        for inside, outside in zip(body.outputs[n:], scan.outputs[n:], strict=True):
            made = any(inside in node.outputs and not isinstance(node, Moving | Constant | Scan)
                       for node in body.nodes)
            if made and inside.name not in carried | self.storage.keys() and not _joins(
                    body, inside) and self.role(outside) not in BORDER:
                self.storage[inside.name] = self.element(scan, outside)
        self._place(body, tuple(zip(body.inputs[:n], body.outputs[:n], strict=True)))
        for inside, outside in zip(body.inputs[:n], scan.outputs[:n], strict=True):
            self.storage.setdefault(outside.name, self.storage[inside.name])

    def _own(self, v: Value) -> Storage:
        """v's place; a buffer of its own where it has none yet."""
        if v.name not in self.storage:
            name = self.buffer("v", v, "activation")
            self.storage[v.name] = Storage(name, 0, contiguous(v.shape))
        return self.storage[v.name]

    def _preset(self, y: Storage, shape: tuple[int, ...], fill: int) -> None:
        """Write the border of a Pad into the buffer's initial contents."""
        assert isinstance(y.offset, int), "a border does not move with time"
        buffer = self.buffers[y.buffer]
        data = np.zeros(buffer.size, np.int64) if buffer.data is None else buffer.data
        indices = np.array(y.offset)
        for n, stride in zip(shape, y.strides, strict=True):
            indices = np.add.outer(indices, stride * np.arange(n))
        data[indices] = fill
        self.buffers[y.buffer] = replace(buffer, data=data)


def identifier(prefix: str, name: str) -> str:
    """The name in letters, digits and underscores."""
    tail = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    if not prefix and (not tail or tail[0].isdigit()):
        prefix = "net"
    return f"{prefix}_{tail}".strip("_")


def _probe(v: Value) -> Storage:
    return Storage("", 0, contiguous(v.shape))


def _joins(graph: Graph, v: Value) -> bool:
    """Whether v may be stored inside a Pad or a Concat of the graph."""
    return any(isinstance(n, Moving) and not n.view(_probe(n.inputs[0]))
               for n in graph.consumers(v))


def _is_stepwise(graph: Graph, v: Value) -> bool:
    """Whether only loops over time read v, an element a step: it then stays at the border."""
    def stepwise(v: Value) -> bool:
        readers = graph.consumers(v)
        return v not in graph.outputs and bool(readers) and all(
            v in n.inputs[n.states:n.states + n.sequences]
            and v not in (*n.inputs[:n.states], *n.inputs[n.states + n.sequences:])
            if isinstance(n, Scan) else
            isinstance(n, Moving) and n.view(_probe(v)) is not None and stepwise(n.output)
            for n in readers)
    return stepwise(v)


def _is_sequence(graph: Graph, v: Value) -> bool:
    """Whether a loop over time gives v, an element a step, and only the user reads it."""
    return graph.outputs.count(v) == 1 and not graph.consumers(v) and any(
        isinstance(n, Scan) and v in n.outputs[n.states:] for n in graph.nodes)


def _replaces(body: Graph, before: Value, after: Value) -> bool:
    """Whether the new state may be written over the old one: a computing node gives it, and from
    that node on nothing reads the old one or what may be a view of it."""
    if before in body.outputs:
        return False
    makers: dict[str, int] = {v.name: i for i, n in enumerate(body.nodes) for v in n.outputs}
    if after.name not in makers:
        return False
    maker = body.nodes[makers[after.name]]
    if isinstance(maker, Moving | Constant | Scan):
        return False
    old = {before.name}
    for i, node in enumerate(body.nodes):
        if any(v.name in old for v in node.inputs):
            if i >= makers[after.name]:
                return False
            if isinstance(node, Moving):
                old.add(node.output.name)
                if node.output in body.outputs:
                    return False
    return True


