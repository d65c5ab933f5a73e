"""The layers of a network, as rows for who looks at it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from dsplet.quantize.analysis.formats import format_rows
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float.graph import FloatGraph

FLOAT_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class NetRow:
    """A layer: what it gives, of one sample, and its constants. format, weights: of fixed point.
    bytes: of weights, biases and tables, each number as its smallest C type; float32 of a float
    network."""

    layer: str
    op: str
    output_shape: str
    format: str | None = None
    weights: str | None = None
    macs: int | None = None
    bytes: int


def fixed_rows(graph: Graph) -> list[NetRow]:
    """Of a fixed-point network; what only moves numbers is left out. macs: of all its steps."""
    program = lower(graph)
    constants = {name: b for name, b in program.buffers.items() if b.role == "const"}
    own: dict[str, set[str]] = {}
    macs: dict[str, int] = {}
    for i, kernel in enumerate(program.kernels):
        used = {b for s in kernel.body for b in s.buffers() if b in constants}
        own.setdefault(kernel.node, set()).update(used)
        macs[kernel.node] = macs.get(kernel.node, 0) + kernel.macs * program.turns(i)
    shapes = {n.name: n.output.shape for n in graph.every_node()}
    return [NetRow(layer=row.layer, op=row.op, output_shape=spelled(shapes[row.layer]),
                   format=row.output, weights=row.weights, macs=macs.get(row.layer, 0),
                   bytes=sum(constants[b].size * constants[b].dtype.itemsize
                             for b in own.get(row.layer, ())))
            for row in format_rows(graph)]


def float_rows(graph: FloatGraph) -> list[NetRow]:
    """Of a float network."""
    return [NetRow(layer=n.name, op=n.op, output_shape=spelled(graph.shapes[n.output]),
                   bytes=FLOAT_BYTES * sum(a.size for f in fields(n)
                                           if isinstance(a := getattr(n, f.name), np.ndarray)))
            for n in graph.nodes]


def spelled(shape: tuple[int, ...]) -> str:
    """Such as 6x28x28."""
    return "x".join(map(str, shape)) or "1"
