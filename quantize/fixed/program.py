"""Program: a graph lowered to kernels over buffers; what C and every instruction set compile."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from quantize.fixed.graph import Graph, Value
from quantize.fixed.interpret import interpret
from quantize.fixed.kernel import Buffer, Builder, Kernel, Set, Storage, Store, contiguous
from quantize.fixed.ops.constant import Constant
from quantize.fixed.ops.op import Moving
from quantize.fixed.proof import prove


@dataclass(frozen=True)
class Program:
    """Kernels in order of execution. inputs, outputs: graph values and the buffers that carry them,
    row-major, at the border of the program. storage: where each graph value lives inside.
    reals: what constants hold, of a program in float arithmetic (`quantize.fixed.real`); else None.
    """

    name: str
    buffers: dict[str, Buffer]
    kernels: tuple[Kernel, ...]
    inputs: tuple[tuple[Value, str], ...]
    outputs: tuple[tuple[Value, str], ...]
    storage: dict[str, Storage]
    reals: dict[str, np.ndarray] | None = None

    @property
    def macs(self) -> int:
        return sum(k.macs for k in self.kernels)


def lower(graph: Graph) -> Program:
    """Prove the graph free of overflow, give each value a place, and write every kernel.

    Raises `quantize.fixed.proof.Overflow` where an accumulator cannot be proved to fit.
    """
    prove(graph)
    places = _Places(graph)
    buffers, kernels = places.buffers, []

    def finish(k: Builder, node: str, op: str, macs: int = 0) -> None:
        buffers.update({b.name: b for b in k.buffers})
        kernels.append(Kernel(k.name, node, op, k.body(), macs))

    inputs = tuple((v, places.buffer("in", v, "input")) for v in graph.inputs)
    for v, name in inputs:
        k = Builder(f"k{len(kernels):02d}_input", places.storage)
        _copy(k, Storage(name, 0, contiguous(v.shape)), k[v], v.shape)
        finish(k, v.name, "Input")

    for node in graph.nodes:
        k = Builder(f"k{len(kernels):02d}_{node.op.lower()}", places.storage)
        if isinstance(node, Moving):
            copies = places.copies(node)
            for source, target, shape in copies:
                _copy(k, source, target, shape)
            if not copies:
                continue
        elif isinstance(node, Constant):
            continue
        else:
            node.kernel(k)
        finish(k, node.name, node.op, node.macs)

    outputs = tuple((v, places.buffer("out", v, "output")) for v in graph.outputs)
    for v, name in outputs:
        k = Builder(f"k{len(kernels):02d}_output", places.storage)
        _copy(k, k[v], Storage(name, 0, contiguous(v.shape)), v.shape)
        finish(k, v.name, "Output")
    return Program(_identifier("", graph.name), buffers, tuple(kernels), inputs, outputs,
                   places.storage)


def run(program: Program, *xs: np.ndarray) -> list[np.ndarray]:
    """Interpret every kernel for one sample: integers of each input's shape in, outputs out."""
    memory = {b.name: np.zeros(b.size, np.int64) if b.data is None else b.data.copy()
              for b in program.buffers.values()}
    for (v, name), x in zip(program.inputs, xs, strict=True):
        memory[name][:] = np.asarray(x).reshape(v.size)
    for kernel in program.kernels:
        interpret(kernel, memory)
    return [memory[name].reshape(v.shape) for v, name in program.outputs]


class _Places:
    """Gives every value a place, so that movement costs nothing where a view will do.

    Backwards: what ends in a Pad or a Concat is stored right inside it. Forwards: what a Reshape,
    Slice or Transpose gives is a view of its input.
    """

    def __init__(self, graph: Graph) -> None:
        self.storage: dict[str, Storage] = {}
        self.buffers: dict[str, Buffer] = {}
        makers = {n.output.name: n for n in graph.nodes}
        claimable = {v.name for v in graph.inputs} | {
            name for name, n in makers.items()
            if not isinstance(n, Constant) and (not isinstance(n, Moving) or n.fill is not None
                                                or n.parts(_probe(n.output)) and not
                                                n.view(_probe(n.inputs[0])))}
        for node in reversed(graph.nodes):
            if isinstance(node, Moving) and not node.view(_probe(node.inputs[0])):
                y = self._own(node.output)
                if node.fill is not None:
                    self._preset(node, y)
                for x, part in zip(node.inputs, node.parts(y), strict=True):
                    if x.name in claimable and x.name not in self.storage:
                        self.storage[x.name] = part
        for v in graph.inputs:
            self._own(v)
        for node in graph.nodes:
            if isinstance(node, Constant):
                y = self._own(node.output)
                self.buffers[y.buffer] = replace(self.buffers[y.buffer], role="const",
                                                 data=node.q.reshape(-1).astype(np.int64))
            elif isinstance(node, Moving) and node.output.name not in self.storage:
                view = node.view(self.storage[node.inputs[0].name])
                self.storage[node.output.name] = view or self._own(node.output)
            else:
                self._own(node.output)

    def _own(self, v: Value) -> Storage:
        """v's place; a buffer of its own where it has none yet."""
        if v.name not in self.storage:
            name = self.buffer("v", v, "activation")
            self.storage[v.name] = Storage(name, 0, contiguous(v.shape))
        return self.storage[v.name]

    def buffer(self, prefix: str, v: Value, role: str) -> str:
        """A new buffer that holds v; its name."""
        name = _identifier(prefix, v.name)
        while name in self.buffers:
            name += "_"
        self.buffers[name] = Buffer(name, v.size, v.format.min, v.format.max, role)
        return name

    def _preset(self, node: Moving, y: Storage) -> None:
        """Write the border of a Pad into the buffer's initial contents."""
        buffer = self.buffers[y.buffer]
        data = np.zeros(buffer.size, np.int64) if buffer.data is None else buffer.data
        indices = [y.offset]
        for n, stride in zip(node.output.shape, y.strides, strict=True):
            indices = np.add.outer(indices, stride * np.arange(n))
        data[indices] = node.fill
        self.buffers[y.buffer] = replace(buffer, data=data)

    def copies(self, node: Moving) -> list[tuple[Storage, Storage, tuple[int, ...]]]:
        """(from, to, shape) of what a movement op must still copy."""
        x, y = self.storage[node.inputs[0].name], self.storage[node.output.name]
        view = node.view(x)
        if view is not None:
            return [] if view == y else [(view, y, node.output.shape)]
        return [(self.storage[v.name], part, v.shape)
                for v, part in zip(node.inputs, node.parts(y), strict=True)
                if self.storage[v.name] != part]


def _probe(v: Value) -> Storage:
    return Storage("", 0, contiguous(v.shape))


def _copy(k: Builder, source: Storage, target: Storage, shape: tuple[int, ...]) -> None:
    with k.loops(*shape) as at:
        k.emit(Set("d", source[at]), Store(target[at], "d"))


def _identifier(prefix: str, name: str) -> str:
    tail = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    if not prefix and (not tail or tail[0].isdigit()):
        prefix = "net"
    return f"{prefix}_{tail}".strip("_")
