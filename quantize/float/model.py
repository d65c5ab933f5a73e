"""A float graph as an ONNX model again, so that ONNX Runtime can compute any of its values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from dsplet.base.names import unique
from dsplet.quantize.fixed.execute import IR_VERSION, OPSET
from dsplet.quantize.float.functions import Expr, X, spell
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.loops import Region, arrange, membership
from dsplet.quantize.float.node import FloatNode, Shape
from dsplet.quantize.float.writing import Writing

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto


def to_model(graph: FloatGraph, outputs: Iterable[str] | None = None) -> ModelProto:
    """An onnx.ModelProto in float32 with a free batch axis that gives the values `outputs`
    (default: the graph's own) under their names. A value that a loop computes every step comes as a
    sequence (N, steps, *shape) under the name "value/steps"."""
    from onnx import TensorProto, helper, numpy_helper
    outputs = graph.outputs if outputs is None else tuple(outputs)
    writer = _Writer(graph.shapes, graph.inputs[0])
    inside = {v for v, loops in membership(graph).items() if loops}
    steps = writer.write_all(arrange(graph), [v for v in outputs if v in inside])

    def info(name: str) -> ValueInfoProto:
        shape: list[str | int | None] | None = None if name in inside else [
            "N", *graph.shapes[name]]
        return helper.make_tensor_value_info(steps.get(name, name), TensorProto.FLOAT, shape)

    g = helper.make_graph(writer.nodes, graph.name, [info(v) for v in graph.inputs],
                          [info(v) for v in outputs],
                          [numpy_helper.from_array(a, k) for k, a in writer.constants.items()])
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", OPSET)],
                             ir_version=IR_VERSION)


class _Writer(Writing):
    def write_all(self, items: Iterable[FloatNode | Region], wanted: list[str]) -> dict[str, str]:
        """wanted: values of loops among the items; the result names their sequences."""
        found: dict[str, str] = {}
        for item in items:
            if isinstance(item, Region):
                found |= self._loop(item, wanted)
            else:
                self._write(item)
        return found

    def _loop(self, region: Region, wanted: list[str]) -> dict[str, str]:
        """An ONNX Scan along axis 1."""
        from onnx import TensorProto, helper
        outer, self.nodes = self.nodes, []
        deeper = self.write_all(region.body, wanted)
        given = {n.output for n in region.body if isinstance(n, FloatNode)} | {*region.entries}
        seen = {v: v for v in wanted if v in given} | deeper
        ends = [self.emit("Identity", v) for v in (*region.ends, *seen.values())]
        inside, self.nodes = self.nodes, outer

        def info(name: str, shape: Shape | None = None) -> ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        clock = [] if region.sequences else [self.const(np.zeros(region.steps))]
        tick = unique(f"{region.name}/clock", self._taken)
        graph = helper.make_graph(inside, region.name, [
            *map(info, region.entries), *(info(tick, ()) for _ in clock)],
            [info(v) for v in ends])
        names = {v: unique(f"{v}/steps", self._taken) for v in seen}
        stacked = [1] * (len(ends) - len(region.states))
        axes: dict[str, Any] = {"scan_output_axes": stacked} if stacked else {}
        self.nodes.append(helper.make_node(
            "Scan", [*region.inputs[:len(region.entries)], *clock],
            [*region.outputs, *names.values()], body=graph,
            num_scan_inputs=len(region.sequences) + len(clock),
            scan_input_axes=[1] * len(region.sequences) or [0], **axes))
        return names

    def _write(self, n: FloatNode) -> None:
        y = spell(Expr("Clamp", (X,), n.bounds), n.onnx(self), self.emit, self.const)
        self.emit("Identity", y, to=n.output)
