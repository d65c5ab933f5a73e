"""Exact execution in batches: the graph as a float ONNX graph whose tensors carry the integers.

See `quantize.fixed.emitter`. ONNX Runtime does the work.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Graph, Value

OPSET = 21
IR_VERSION = 10


def carry(graph: Graph, b: Emitter, names: dict[str, str]) -> None:
    """Emit the carriers of all nodes; names: the tensor of each value, completed in place."""
    for node in graph.nodes:
        ys = node.integer_onnx(b, *(names[v.name] for v in node.inputs))
        for v, y in zip(node.outputs, [ys] if isinstance(ys, str) else ys, strict=True):
            names[v.name] = b.single(y)


def carrier_model(graph: Graph) -> Any:
    """The graph as an ONNX model on float32 tensors that hold its integers; batch axis first."""
    from onnx import TensorProto, helper, numpy_helper
    b = Emitter()
    names = {}
    for i, v in enumerate(graph.inputs):
        names[v.name] = f"x{i}"
        b.types[f"x{i}"] = np.float32
    carry(graph, b, names)
    outputs = [b.node("Identity", names[v.name]) for v in graph.outputs]

    def info(name: str, v: Value) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *v.shape])

    g = helper.make_graph(
        b.nodes, graph.name or "net",
        [info(names[v.name], v) for v in graph.inputs],
        [info(n, v) for n, v in zip(outputs, graph.outputs, strict=True)],
        [numpy_helper.from_array(a, n) for n, a in b.initializers.items()])
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", OPSET)],
                             ir_version=IR_VERSION)


class Executor:
    """Runs whole test sets: `executor(x)` gives the graph's outputs as int64 arrays."""

    def __init__(self, graph: Graph, threads: int = 0) -> None:
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.graph = graph
        self._session = ort.InferenceSession(carrier_model(graph).SerializeToString(), options,
                                             providers=["CPUExecutionProvider"])

    def __call__(self, *xs: np.ndarray, batch: int = 256) -> list[np.ndarray]:
        """xs: integers (N, *shape). Returns one int64 array (N, *shape) for each output."""
        names = [i.name for i in self._session.get_inputs()]
        chunks = []
        for start in range(0, len(xs[0]), batch):
            feed = {n: np.ascontiguousarray(x[start:start + batch], np.float32)
                    for n, x in zip(names, xs, strict=True)}
            chunks.append(self._session.run(None, feed))
        return [np.concatenate(c).astype(np.int64) for c in zip(*chunks, strict=True)]
