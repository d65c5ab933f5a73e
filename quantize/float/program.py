"""A float network as a program in float arithmetic: its fixed-point twin's kernels, over reals.

Each node lowers through a fixed-point op (`FloatNode.real`), with formats and weights that stand
for nothing; then the constants become real and each requantize what it stands for between reals
(`FloatNode.meaning`): a clamp, a scale, or a function of one variable by interpolation. All
constants are float32.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dsplet.quantize.fixed.graph import Graph, Node, Value, Weight
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Mul, Requantize
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.loops import Region, arrange
from dsplet.quantize.float.node import FloatNode, Layer, ModelError, Weighted
from dsplet.quantize.float.ops.clamp import Clamp
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.loop import State

ANY = QFormat(8, 0)
LOWEST = -(2.0**100)


def lower_real(graph: FloatGraph) -> Program:
    """The program; `reals` holds every constant. ModelError names all that has no such form."""
    if refused := [f"{n.op} '{n.name}': {n.refusal}" for n in graph.nodes if n.refusal]:
        raise ModelError("no form in float arithmetic: " + "; ".join(refused))
    graph = _begun(graph)
    values = {v: Value(v, shape, ANY) for v, shape in graph.shapes.items()}
    blank = _Blank()

    def node(item: FloatNode | Region) -> Node:
        if isinstance(item, Region):
            return item.fixed(values, tuple(node(i) for i in item.body))
        return item.real(blank, tuple(values[i] for i in item.inputs), values[item.output])

    program = lower(Graph(graph.name, tuple(values[i] for i in graph.inputs),
                          tuple(node(item) for item in arrange(graph)),
                          tuple(values[o] for o in graph.outputs)))
    return _Reals(graph, program, blank.fills).result()


def _begun(graph: FloatGraph) -> FloatGraph:
    """The graph whose loops begin with zeros or with what a node computes: a constant is copied,
    since a loop would begin with its integers."""
    nodes: list[FloatNode] = []
    for n in graph.nodes:
        begin = graph.makers.get(n.inputs[0]) if isinstance(n, State) else None
        if isinstance(begin, Constant) and begin.value.any():
            name = graph.fresh(f"{n.output}/begin")
            nodes.append(Clamp(name, n.inputs, name, -np.inf, np.inf))
            n = replace(n, inputs=(name,))
        nodes.append(n)
    return graph.rebuilt(nodes)


class _Blank:
    """A `Maker` of numbers that stand for nothing. fills: the reals that borders hold; a border's
    integer is their index."""

    def __init__(self) -> None:
        self.fills = [0.0]

    def clamp(self, n: FloatNode, y: Value) -> None:
        return None

    def weights(self, n: Layer, x: Value, y: Value, clamp: tuple[int, int] | None
                ) -> tuple[Weight, np.ndarray]:
        return _zeros(n.weight.shape), np.zeros(n.spread_bias(y.shape).shape, np.int64)

    def sums(self, n: Weighted, x: tuple[Value, ...], y: Value
             ) -> tuple[tuple[Weight, ...], np.ndarray]:
        return (tuple(_zeros((len(n.weight), v.shape[-1])) for v in x),
                np.zeros(n.bias.shape, np.int64))

    def fill(self, value: float, y: Value) -> int:
        self.fills.append(max(float(value), LOWEST))
        return len(self.fills) - 1

    def integers(self, value: np.ndarray, y: Value) -> np.ndarray:
        return np.zeros(y.shape, np.int64)

    def note(self, n: FloatNode, words: str) -> None:
        n.refuse(words)


def _zeros(shape: tuple[int, ...]) -> Weight:
    return Weight(np.zeros(shape, np.int64), 8, np.zeros(1, np.int64))


class _Reals:
    """Gives the borrowed kernels their real meaning."""

    def __init__(self, graph: FloatGraph, program: Program, fills: list[float]) -> None:
        self.program, self.nodes = program, {n.name: n for n in graph.nodes}
        self.shapes = graph.shapes
        self.buffers = dict(program.buffers)
        self.reals = {b.name: np.array(fills)[b.data] for b in program.buffers.values()
                      if b.data is not None and b.role == "activation"}
        for n in graph.nodes:
            if isinstance(n, Constant):
                self.reals[program.storage[n.output].buffer] = n.value.reshape(-1)

    def result(self) -> Program:
        kernels = tuple(self._kernel(k) for k in self.program.kernels)
        reals: dict[str, np.ndarray] = {name: v.astype(np.float32).astype(np.float64)
                                        for name, v in self.reals.items()}
        return replace(self.program, kernels=kernels, buffers=self.buffers, reals=reals)

    def _kernel(self, kernel: Kernel) -> Kernel:
        n = self.nodes.get(kernel.node)
        if n is None:
            return kernel
        for role, array in n.constants([self.shapes[i] for i in n.inputs],
                                       self.shapes[n.output]).items():
            if (name := f"{kernel.name}_{role}") in self.buffers:
                self.reals[name] = array.reshape(-1)
        return replace(kernel, op=n.op, body=self._body(kernel.body, kernel, n))

    def _body(self, body: tuple[Any, ...], kernel: Kernel, n: FloatNode) -> tuple[Any, ...]:
        def table(array: np.ndarray) -> str:
            name = f"{kernel.name}_curve"
            self.reals[name] = array
            self.buffers[name] = Buffer(name, len(array), 0, 0, "const",
                                        np.zeros(len(array), np.int64))
            return name

        result: list[Any] = []
        for s in body:
            if isinstance(s, Loop):
                result.append(replace(s, body=self._body(s.body, kernel, n)))
            elif isinstance(s, Requantize):
                result += n.meaning(s.d, table)
            elif not (isinstance(s, Mul) and isinstance(s.source, int)):
                result.append(s)
        return tuple(result)
