"""A network file, float or fixed point, that maps images to scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.qdq import from_qdq

BATCH = 64

Progress = Callable[[int, int], None]
Scores = Callable[[np.ndarray], np.ndarray]


class Network:
    """fixed: the graph of a .q.onnx; float: that of any other .onnx; the other one is None.

    facts: the file's metadata. shape: of the one input, without the batch axis.
    """

    def __init__(self, path: str | Path, graph: Graph | None = None) -> None:
        """graph: a fixed-point one that is in no file; `path` is then only what it is called.

        Raises ModelError, FileError for a file that cannot be read or has several inputs.
        """
        self.path = str(path)
        self.fixed = graph
        self.float: FloatGraph | None = None
        if graph is None:
            model, digest = from_onnx.parse(path)
            if from_qdq.is_quantized(model):
                self.fixed = from_qdq.graph_of(model, path)
            else:
                self.float = from_onnx.simplified(model, digest, path)
        if self.fixed is not None:
            inputs = {v.name: v.shape for v in self.fixed.inputs}
            self.facts = dict(self.fixed.metadata)
        else:
            assert self.float is not None
            inputs = {name: self.float.shapes[name] for name in self.float.inputs}
            self.facts = dict(self.float.metadata)
        if len(inputs) != 1:
            raise ModelError(f"has the inputs {', '.join(inputs)}", where=str(path),
                             expected="one, the image")
        (self.input, self.shape), = inputs.items()

    def scores(self, x: np.ndarray, progress: Progress = lambda done, total: None) -> np.ndarray:
        """The first output (N, classes) as reals, for float inputs (N, *shape)."""
        run = self._fixed_scores() if self.fixed else self._float_scores()
        return np.concatenate([run(part).reshape(len(part), -1)
                               for part in _batches(x, progress)])

    def _fixed_scores(self) -> Scores:
        assert self.fixed is not None
        execute, x, y = Executor(self.fixed), self.fixed.inputs[0], self.fixed.outputs[0]
        return lambda part: y.format.dequantize(execute(x.format.quantize(part))[0])

    def _float_scores(self) -> Scores:
        assert self.float is not None
        network, name = FloatNetwork(self.path), self.float.outputs[0]
        return lambda part: network({self.input: part})[name]


def fixed_graph(path: str | Path) -> Graph:
    """The graph of a .q.onnx. ModelError for a float network, with the command that mends it."""
    network = Network(path)
    if network.fixed is None:
        raise ModelError("is a float network", where=str(path), remedy="make it fixed point first, "
                         f"with `dsplet quantize {path} -o {Path(path).stem}.q.onnx`")
    return network.fixed


def float_network(path: str | Path) -> Network:
    """A float network. ModelError for a .q.onnx."""
    network = Network(path)
    if network.float is None:
        raise ModelError("is fixed point", where=str(path), remedy="float arithmetic needs the "
                         "float network that it was made from")
    return network


def reference(graph: Graph, x: np.ndarray, progress: Progress = lambda done, total: None
              ) -> list[np.ndarray]:
    """Every output of the NumPy reference for integers x (N, *shape)."""
    parts = [graph.run(part) for part in _batches(x, progress)]
    return [np.concatenate([part[v.name] for part in parts]) for v in graph.outputs]


def _batches(x: np.ndarray, progress: Progress) -> Iterator[np.ndarray]:
    for start in range(0, len(x), BATCH):
        yield x[start:start + BATCH]
        progress(min(start + BATCH, len(x)), len(x))
