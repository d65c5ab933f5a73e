"""Program: a graph lowered to kernels over buffers; what C and every instruction set compile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, RealArray
from dsplet.quantize.fixed.buffer_assignment import BufferAssignment, identifier
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.graph import Graph, Node, Value
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.join import join
from dsplet.quantize.fixed.kernel import (
    Buffer,
    Kernel,
    Repeat,
    Set,
    Storage,
    Store,
    contiguous,
)
from dsplet.quantize.fixed.layers import LayerKeys
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.op import Moving
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.proof import Bound, prove


@dataclass(frozen=True)
class Program:
    """Kernels in order of execution. inputs, outputs: graph values and the buffers that carry them,
    row-major, at the border of the program. storage: where each graph value lives inside.
    repeats: loops over time, outer ones before inner ones. bounds: what was proved of its
    graph, which is no part of what it computes.
    reals: what constants hold, of a program in float arithmetic (`quantize.float.kernel`); else
    None. graph: what `lower` made it of, whose values are those of `storage`; no part of what it
    computes, and None of a program that was read from text. layers: the keys of its layers; none of
    such a program.
    """

    name: str
    buffers: dict[str, Buffer]
    kernels: tuple[Kernel, ...]
    inputs: tuple[tuple[Value, str], ...]
    outputs: tuple[tuple[Value, str], ...]
    storage: dict[str, Storage]
    repeats: tuple[Repeat, ...] = ()
    reals: dict[str, RealArray] | None = None
    resume: int | None = None
    """Where the program runs once up to a kernel and then step by step from it: its number."""
    bounds: tuple[Bound, ...] = field(default=(), compare=False)
    graph: Graph | None = field(default=None, compare=False)
    layers: LayerKeys = field(default=LayerKeys(), compare=False)

    @property
    def macs(self) -> int:
        return sum(k.macs * self.turns(i) for i, k in enumerate(self.kernels))

    def turns(self, i: int) -> int:
        """How often kernel number i runs."""
        extents = [r.extent for r in self.around(i)]
        if during := self.kernels[i].during:
            extents[-1] = during[1] - during[0] + 1
        return prod(extents)

    def runs(self, i: int, time: Mapping[str, int]) -> bool:
        """Whether kernel number i runs at that turn of the loops over time around it."""
        during = self.kernels[i].during
        return during is None or during[0] <= time[self.around(i)[-1].var] <= during[1]

    def around(self, i: int) -> list[Repeat]:
        """The loops over time around kernel number i, outermost first."""
        return [r for r in self.repeats if r.first <= i <= r.last]

    @property
    def borders(self) -> frozenset[str]:
        """The kernels before which a loop over time begins or has ended."""
        starts = {i for r in self.repeats for i in (r.first, r.last + 1)}
        return frozenset(k.name for i, k in enumerate(self.kernels) if i in starts)

    def walk(self, first: int = 0, last: int | None = None, depth: int = 0
             ) -> Iterator[int | Repeat]:
        """Kernel numbers and loops, in order; what is inside a loop is not walked."""
        i = first
        while i <= (len(self.kernels) - 1 if last is None else last):
            around = self.around(i)
            yield around[depth] if len(around) > depth else i
            i = around[depth].last + 1 if len(around) > depth else i + 1


def lower(graph: Graph) -> Program:
    """Prove the graph free of overflow, give each value a place, and write every kernel.

    Raises `quantize.fixed.proof.Overflow` where an accumulator cannot be proved to fit.
    """
    bounds = tuple(prove(graph))
    return replace(_Lowering(graph).program(), bounds=bounds, layers=LayerKeys.of(graph))


class _Lowering:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph = join(graph)
        self.assignment = BufferAssignment(graph)
        self.buffers = self.assignment.buffers
        self.kernels: list[Kernel] = []
        self.repeats: list[Repeat] = []

    def program(self) -> Program:
        graph, assigned = self.graph, self.assignment
        inputs = tuple(zip(graph.inputs, assigned.inputs, strict=True))
        outputs = tuple(zip(graph.outputs, assigned.outputs, strict=True))
        for v, name in inputs:
            self._copy("input", v.name, "Input", Storage(name, 0, contiguous(v.shape)),
                       assigned.storage[v.name], v.shape)
        self._nodes(graph, {})
        for v, name in outputs:
            self._copy("output", v.name, "Output", assigned.storage[v.name],
                       Storage(name, 0, contiguous(v.shape)), v.shape)
        used = {*assigned.inputs, *assigned.outputs,
                *(b for k in self.kernels for s in k.body for b in s.buffers())}
        return Program(identifier("", graph.name),
                       {n: b for n, b in self.buffers.items() if n in used}, tuple(self.kernels),
                       inputs, outputs, assigned.storage, tuple(self.repeats), graph=graph)

    def _builder(self, role: str) -> Builder:
        return Builder(f"k{len(self.kernels):02d}_{role}", self.assignment.storage)

    def _finish(self, k: Builder, node: str, op: str, macs: int = 0) -> None:
        self.buffers.update({b.name: b for b in k.buffers})
        self.kernels.append(Kernel(k.name, node, op, k.body(), macs))

    def _copy(self, role: str, node: str, op: str, source: Storage | int, target: Storage,
              shape: tuple[int, ...]) -> None:
        """A kernel that copies, or fills with a number; none where nothing would move."""
        if source != target:
            k = self._builder(role)
            _copy(k, source, target, shape)
            self._finish(k, node, op)

    def _nodes(self, graph: Graph, constants: dict[str, Constant]) -> None:
        constants = constants | {n.output.name: n for n in graph.nodes if isinstance(n, Constant)}
        for node in graph.nodes:
            if isinstance(node, Scan):
                self._scan(node, constants)
            elif not isinstance(node, Constant):
                self._node(node)

    def _node(self, node: Node) -> None:
        k = self._builder(node.op.lower())
        if isinstance(node, Moving):
            copies = self.assignment.copies(node)
            for source, target, shape in copies:
                _copy(k, source, target, shape)
            if not copies:
                return
        else:
            node.kernel(k)
        self._finish(k, node.name, node.op, node.macs)

    def _scan(self, scan: Scan, constants: dict[str, Constant]) -> None:
        """The states' initial values, then one step's kernels inside a `Repeat`."""
        body, n, m = scan.body, scan.states, scan.states + scan.sequences
        at = self.assignment.storage

        def copy(role: str, source: Storage | int, target: Storage, v: Value) -> None:
            self._copy(role, scan.name, "Scan", source, target, v.shape)

        for inside, outside in zip(body.inputs[:n], scan.inputs[:n], strict=True):
            q = constants[outside.name].q if outside.name in constants else np.arange(2)
            copy("begin", int(q.flat[0]) if (q == q.flat[0]).all() else at[outside.name],
                 at[inside.name], inside)
        first, place = len(self.kernels), len(self.repeats)
        for inside, outside in zip(body.inputs[n:m], scan.inputs[n:m], strict=True):
            copy("element", self.assignment.element(scan, outside), at[inside.name], inside)
        self._nodes(body, constants)
        for inside, outside in zip(body.outputs[n:], scan.outputs[n:], strict=True):
            copy("element", at[inside.name], self.assignment.element(scan, outside), inside)
        self._hand_on(scan)
        if len(self.kernels) > first:
            self.repeats.insert(place, Repeat(self.assignment.times[scan.name], scan.steps, first,
                                              len(self.kernels) - 1, scan.name))
        for inside, outside in zip(body.inputs[:n], scan.outputs[:n], strict=True):
            copy("end", at[inside.name], at[outside.name], inside)

    def _hand_on(self, scan: Scan) -> None:
        """New states to where the next step looks for them; those that lie where another state
        will be written go by way of a scratch buffer."""
        at, body, n = self.assignment.storage, scan.body, scan.states
        pairs = [(at[a.name], at[b.name], a) for a, b in zip(body.outputs[:n], body.inputs[:n],
                                                             strict=True)
                 if at[a.name] != at[b.name]]
        states = {at[b.name].buffer for b in body.inputs[:n]}
        moved = []
        for source, target, v in pairs:
            if source.buffer in states:
                k = self._builder("hold")
                held = Storage(k.temp("held", v.size, v.format.min, v.format.max).buffer, 0,
                               contiguous(v.shape))
                _copy(k, source, held, v.shape)
                self._finish(k, scan.name, "Scan")
                source = held
            moved.append((source, target, v))
        for source, target, v in moved:
            self._copy("state", scan.name, "Scan", source, target, v.shape)


def run(program: Program, *xs: IntArray) -> list[IntArray]:
    """Interpret every kernel for one sample: integers of each input's shape in, outputs out."""
    memory = {b.name: np.zeros(b.size, np.int64) if b.data is None else b.data.copy()
              for b in program.buffers.values()}
    for (v, name), x in zip(program.inputs, xs, strict=True):
        memory[name][:] = np.asarray(x).reshape(v.size)
    execute(program, memory)
    return [memory[name].reshape(v.shape) for v, name in program.outputs]


def execute(program: Program, memory: dict[str, IntArray]) -> None:
    """Interpret every kernel on `memory`: buffer name -> int64 array, changed in place."""
    def block(items: Iterator[int | Repeat], time: dict[str, int]) -> None:
        for item in items:
            if isinstance(item, int):
                if program.runs(item, time):
                    interpret(program.kernels[item], memory, time)
                continue
            for t in range(item.extent):
                block(program.walk(item.first, item.last, len(time) + 1), time | {item.var: t})

    block(program.walk(), {})


def _copy(k: Builder, source: Storage | int, target: Storage, shape: tuple[int, ...]) -> None:
    with k.loops(*shape) as at:
        k.emit(Set("d", source if isinstance(source, int) else source[at]), Store(target[at], "d"))
