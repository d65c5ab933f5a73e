"""Exact execution in batches: the graph as a float ONNX graph whose tensors carry the integers.

See `quantize.fixed.emitter`. ONNX Runtime does the work, or, where there is much of it, what was
registered as quicker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from dsplet.base.errors import UserError
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


class Quick(Protocol):
    """A graph made ready for whole test sets. seconds: about what making it ready takes."""

    seconds: float

    def kept(self) -> bool:
        """Whether that was done before, and it is ready now."""
        ...

    def prepare(self) -> None:
        """Makes it ready. Raises UserError where that cannot be done."""
        ...

    def __call__(self, *xs: np.ndarray, threads: int) -> list[np.ndarray]:
        """As `Executor`, once it is ready."""
        ...


_quicker: list[Callable[[Graph], Quick]] = []


def quicker(make: Callable[[Graph], Quick]) -> None:
    """From now on `Executor` uses what that makes of a graph, where it pays; it raises UserError
    for what it cannot make."""
    _quicker[:] = [make]


LOOK_SECONDS = 0.3
"""What ONNX Runtime would take for all that is to be done, for anybody to look for a quicker way:
looking takes about a tenth of a second itself."""


class OnnxRuntime:
    """Runs batches in ONNX Runtime: `run(x)` gives the graph's outputs as int64 arrays."""

    def __init__(self, graph: Graph, threads: int = 0) -> None:
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(carrier_model(graph).SerializeToString(), options,
                                             providers=["CPUExecutionProvider"])

    def __call__(self, *xs: np.ndarray) -> list[np.ndarray]:
        """xs: integers (N, *shape). Returns one int64 array (N, *shape) for each output."""
        names = [i.name for i in self._session.get_inputs()]
        feed = {n: np.ascontiguousarray(x, np.float32) for n, x in zip(names, xs, strict=True)}
        return [y.astype(np.int64) for y in self._session.run(None, feed)]


class Executor:
    """Runs whole test sets: `executor(x)` gives the graph's outputs as int64 arrays.

    ONNX Runtime does the work, until it has taken, or would still take, as long as it takes to make
    what is `quicker` ready; the integers are the same. threads: 0 are as many as there are cores.
    """

    def __init__(self, graph: Graph, threads: int = 0) -> None:
        self.graph, self.threads = graph, threads
        self._spent = 0.0
        self._samples = 0
        self._quick: Quick | None = None
        self._is_ready = False
        self._makers = list(_quicker)

    @cached_property
    def _slow(self) -> OnnxRuntime:
        return OnnxRuntime(self.graph, self.threads)

    def __call__(self, *xs: np.ndarray, batch: int = 256) -> list[np.ndarray]:
        """xs: integers (N, *shape). Returns one int64 array (N, *shape) for each output."""
        chunks, start, n = [], 0, len(xs[0])
        while start < n:
            end = n if (quick := self._ready(n - start)) else min(start + batch, n)
            part = [x[start:end] for x in xs]
            chunks.append(quick(*part, threads=self.threads) if quick else self._timed(part))
            start = end
        return [np.concatenate(c) if len(c) > 1 else c[0] for c in zip(*chunks, strict=True)]

    def _timed(self, part: list[np.ndarray]) -> list[np.ndarray]:
        run, began, worked = self._slow, time.perf_counter(), time.process_time()
        ys = run(*part)
        # several threads work longer than it takes, others on the machine make it take longer
        self._spent += min(time.perf_counter() - began, time.process_time() - worked)
        self._samples += len(part[0])
        return ys

    def _ready(self, samples: int) -> Quick | None:
        """The quick way, where it is worth while for so many samples, or was for those before."""
        seconds = max(self._spent, samples * self._spent / max(self._samples, 1))
        try:
            if self._makers and seconds > LOOK_SECONDS:
                self._quick = self._makers.pop()(self.graph)
                self._is_ready = self._quick.kept()
            if self._quick and not self._is_ready and seconds > self._quick.seconds:
                self._quick.prepare()
                self._is_ready = True
        except UserError:
            self._quick = None
        return self._quick if self._is_ready else None
