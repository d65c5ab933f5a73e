"""A float graph as an ONNX model again, so that ONNX Runtime can compute any of its values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dsplet.quantize.fixed.execute import IR_VERSION, OPSET
from dsplet.quantize.float.functions import Expr, X, spell
from dsplet.quantize.float.graph import NO_CLAMP, FloatGraph, FloatNode
from dsplet.quantize.float.loops import Region, arrange, membership


def to_model(graph: FloatGraph, outputs: Iterable[str] | None = None):
    """An onnx.ModelProto in float32 with a free batch axis that gives the values `outputs`
    (default: the graph's own) under their names. A value that a loop computes every step comes as a
    sequence (N, steps, *shape) under the name "value/steps"."""
    from onnx import TensorProto, helper, numpy_helper
    outputs = graph.outputs if outputs is None else tuple(outputs)
    writer = _Writer(graph)
    inside = {v for v, loops in membership(graph).items() if loops}
    steps = writer.write_all(arrange(graph), [v for v in outputs if v in inside])

    def info(name: str):
        shape = None if name in inside else ["N", *graph.shapes[name]]
        return helper.make_tensor_value_info(steps.get(name, name), TensorProto.FLOAT, shape)

    g = helper.make_graph(writer.nodes, graph.name, [info(v) for v in graph.inputs],
                          [info(v) for v in outputs],
                          [numpy_helper.from_array(a, k) for k, a in writer.constants.items()])
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", OPSET)],
                             ir_version=IR_VERSION)


class _Writer:
    def __init__(self, graph: FloatGraph) -> None:
        self.graph, self.nodes, self.constants = graph, [], {}
        self._count = 0

    def const(self, value, dtype: type = np.float32) -> str:
        name = f"c{len(self.constants)}/"
        self.constants[name] = np.asarray(value, dtype)
        return name

    def emit(self, op: str, *inputs: str, to: str | None = None, **attrs) -> str:
        from onnx import helper
        self._count += 1
        to = to or f"t{self._count}/"
        attrs = {k: list(v) if isinstance(v, tuple) else v for k, v in attrs.items()}
        self.nodes.append(helper.make_node(op, inputs, [to], **attrs))
        return to

    def write_all(self, items: list[FloatNode | Region], wanted: list[str]) -> dict[str, str]:
        """wanted: values of loops among the items; the result names their sequences."""
        found: dict[str, str] = {}
        for item in items:
            if isinstance(item, Region):
                found |= self._loop(item, wanted)
            else:
                self.write(item)
        return found

    def _loop(self, region: Region, wanted: list[str]) -> dict[str, str]:
        """An ONNX Scan along axis 1."""
        from onnx import TensorProto, helper
        outer, self.nodes = self.nodes, []
        deeper = self.write_all(list(region.body), wanted)
        given = {n.output for n in region.body if isinstance(n, FloatNode)} | {
            n.output for n in (*region.sequences, *(s for s, _ in region.states))}
        seen = {v: v for v in wanted if v in given} | deeper
        ends = [n.inputs[0] for n in (*(c for _, c in region.states), *region.stacks)]
        ends = [self.emit("Identity", v) for v in [*ends, *seen.values()]]
        inside, self.nodes = self.nodes, outer

        def info(name: str, shape=None):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        clock = [] if region.sequences else [self.const(np.zeros(region.steps))]
        entries = [n.output for n in (*(s for s, _ in region.states), *region.sequences)]
        graph = helper.make_graph(inside, region.name, [
            *map(info, entries), *(info(f"{region.name}/clock", ()) for _ in clock)],
            [info(v) for v in ends])
        names = {v: f"{v}/steps" for v in seen}
        states = len(region.states)
        stacked = [1] * (len(ends) - states)
        self.nodes.append(helper.make_node(
            "Scan", [*region.inputs[:len(entries)], *clock],
            [*region.outputs, *names.values()], body=graph,
            num_scan_inputs=len(region.sequences) + len(clock),
            scan_input_axes=[1] * len(region.sequences) or [0],
            **({"scan_output_axes": stacked} if stacked else {})))
        return names

    def write(self, n: FloatNode) -> None:
        y = self._body(n)
        low, high = n.attrs.get("clamp", NO_CLAMP)
        y = spell(Expr("Clamp", (X,), (low, high)), y, self.emit, self.const)
        self.emit("Identity", y, to=n.output)

    def _body(self, n: FloatNode) -> str:
        xs, axes = n.inputs, range(1, len(self.graph.shapes[n.output]) + 1)
        match n.op:
            case "Conv":
                y = self.emit("Conv", *xs, self.const(n["weight"]), strides=n["strides"],
                              dilations=n["dilations"], group=n["groups"])
                return self.emit("Add", y, self.const(n["bias"]))
            case "Gemm":
                y = self.emit("MatMul", *xs, self.const(n["weight"].T))
                return self.emit("Add", y, self.const(n["bias"]))
            case "GemmSum":
                y = self.emit("Concat", *xs, axis=-1)
                y = self.emit("MatMul", y, self.const(n["weight"].T))
                return self.emit("Add", y, self.const(n["bias"]))
            case "Linear":
                y = self.emit("Mul", *xs, self.const(n["scale"]))
                return self.emit("Add", y, self.const(n["offset"]))
            case "Function":
                return spell(n["expr"], xs[0], self.emit, self.const)
            case "Clamp":
                return spell(Expr("Clamp", (X,), (n["low"], n["high"])), xs[0], self.emit,
                             self.const)
            case "MaxPool" | "AveragePool":
                return self.emit(n.op, *xs, kernel_shape=n["window"], strides=n["strides"])
            case "Softmax" | "LogSoftmax":
                return self.emit(n.op, *xs, axis=-1)
            case "LogSumExp":
                return self.emit("ReduceLogSumExp", *xs, self.const([-1], np.int64), keepdims=0)
            case "ArgMax":
                return self._real(self.emit("ArgMax", *xs, axis=-1, keepdims=0))
            case "Gather":
                last = self.graph.shapes[xs[0]][0] - 1
                place = self.emit("Clip", xs[1], self.const(0), self.const(last))
                place = self.emit("Unsqueeze", self._real(place, 7), self.const([-1], np.int64))
                return self.emit("GatherND", xs[0], place, batch_dims=1)
            case "Grid":
                y = self.emit("Mul", *xs, self.const(2.0 ** n["frac"]))
                y = self.emit("Floor", self.emit("Add", y, self.const(0.5)))
                y = self.emit("Clip", y, self.const(n["low"]), self.const(n["high"]))
                return self.emit("Mul", y, self.const(2.0 ** -n["frac"]))
            case "Reshape":
                return self.emit("Reshape", *xs, self.const([-1, *n["shape"]], np.int64))
            case "Transpose":
                return self.emit("Transpose", *xs, perm=(0, *(p + 1 for p in n["perm"])))
            case "Slice":
                ends = [a + m * s for a, m, s in zip(n["starts"], n["sizes"], n["steps"],
                                                     strict=True)]
                ends = [e if e >= 0 else -(1 << 31) for e in ends]
                return self.emit("Slice", *xs, *(self.const(v, np.int64) for v in
                                                 (n["starts"], ends, axes, n["steps"])))
            case "Pad":
                pads = [0, *n["before"], 0, *n["after"]]
                return self.emit("Pad", *xs, self.const(pads, np.int64), self.const(n["value"]))
            case "Concat":
                return self.emit("Concat", *xs, axis=n["axis"] + 1)
            case "Constant":
                return self._repeat(n["value"])
        return self.emit(n.op, *xs)

    def _real(self, x: str, code: int = 1) -> str:
        """A Cast, by default to float32."""
        y = self.emit("Cast", x)
        self.nodes[-1].attribute.add(name="to", type=2, i=code)
        return y

    def _repeat(self, value: np.ndarray) -> str:
        """A constant for every sample of the batch, whose size the first input tells."""
        batch = self.emit("Shape", self.graph.inputs[0], end=1)
        shape = self.emit("Concat", batch, self.const(value.shape, np.int64), axis=0)
        return self.emit("Expand", self.const(value), shape)
