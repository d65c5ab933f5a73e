"""A network file, float or fixed point, of any inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.float.onnx_file import parse
from dsplet.quantize.qdq import from_qdq

BATCH = 64

Progress = Callable[[int, int], None]
Shape = tuple[int, ...]
Arrays = Mapping[str, np.ndarray]


class Network:
    """fixed: the graph of a .q.onnx; float: that of any other .onnx; the other one is None.

    facts: the file's metadata. sha256: of the file, "" of what is in none. inputs, outputs: their
    shapes without the batch axis, by name.
    """

    def __init__(self, path: str | Path, graph: Graph | None = None) -> None:
        """graph: a fixed-point one that is in no file; `path` is then only what it is called.

        Raises ModelError, FileError for a file that cannot be read.
        """
        self.path, self.sha256 = str(path), ""
        self.fixed = graph
        self.float: FloatGraph | None = None
        if graph is None:
            model, self.sha256 = parse(path)
            if from_qdq.is_quantized(model):
                self.fixed = from_qdq.graph_of(model, path)
            else:  # what reads its ops is imported where it is needed: fixed point does without
                from dsplet.quantize.float import from_onnx
                self.float = from_onnx.simplified(model, self.sha256, path)
        if self.fixed is not None:
            self.inputs: dict[str, Shape] = {v.name: v.shape for v in self.fixed.inputs}
            self.outputs: dict[str, Shape] = {v.name: v.shape for v in self.fixed.outputs}
            self.facts = dict(self.fixed.metadata)
        else:
            assert self.float is not None
            self.inputs, self.outputs = ({name: self.float.shapes[name] for name in names}
                                         for names in (self.float.inputs, self.float.outputs))
            self.facts = dict(self.float.metadata)

    def run(self, x: Arrays, progress: Progress = lambda done, total: None
            ) -> dict[str, np.ndarray]:
        """Every output (N, *shape) as reals. x: by input, floats (N, *shape)."""
        run = self._run_fixed() if self.fixed else self._run_float()
        parts = [run(part) for part in _batches(x, progress)]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def scores(self, x: Arrays, progress: Progress = lambda done, total: None) -> np.ndarray:
        """The first output, (N, all its numbers)."""
        first = next(iter(self.outputs))
        y = self.run(x, progress)[first]
        return y.reshape(len(y), -1)

    def _run_fixed(self) -> Callable[[Arrays], Arrays]:
        assert self.fixed is not None
        execute, inputs, outputs = Executor(self.fixed), self.fixed.inputs, self.fixed.outputs
        return lambda x: {v.name: v.format.dequantize(q) for v, q in zip(
            outputs, execute(*(v.format.quantize(x[v.name]) for v in inputs)), strict=True)}

    def _run_float(self) -> Callable[[Arrays], Arrays]:
        from dsplet.quantize.float.execute import FloatNetwork
        network = FloatNetwork(self.path)
        return lambda x: {name: y.reshape(-1, *self.outputs[name])
                          for name, y in network(dict(x)).items()}


def fixed_network(path: str | Path) -> Network:
    """A fixed-point network. ModelError for a float one, with the command that mends it."""
    network = Network(path)
    if network.fixed is None:
        raise ModelError("is a float network", where=str(path), remedy="make it fixed point first, "
                         f"with `dsplet quantize {path} -o {Path(path).stem}.q.onnx`")
    return network


def fixed_graph(path: str | Path) -> Graph:
    """The graph of a .q.onnx. Raises ModelError."""
    graph = fixed_network(path).fixed
    assert graph
    return graph


def float_network(path: str | Path) -> Network:
    """A float network. ModelError for a .q.onnx."""
    network = Network(path)
    if network.float is None:
        raise ModelError("is fixed point", where=str(path), remedy="float arithmetic needs the "
                         "float network that it was made from")
    return network


def quantized(graph: Graph, x: Arrays) -> list[np.ndarray]:
    """The graph's inputs as integers. x: by input, floats (N, *shape)."""
    return [v.format.quantize(x[v.name]) for v in graph.inputs]


def reference(graph: Graph, xs: Sequence[np.ndarray],
              progress: Progress = lambda done, total: None) -> list[np.ndarray]:
    """Every output of the NumPy reference. xs: for each input integers (N, *shape)."""
    names = [v.name for v in graph.inputs]
    parts = [graph.run(*(part[name] for name in names))
             for part in _batches(dict(zip(names, xs, strict=True)), progress)]
    return [np.concatenate([part[v.name] for part in parts]) for v in graph.outputs]


def _batches(x: Arrays, progress: Progress) -> Iterator[dict[str, np.ndarray]]:
    total = len(next(iter(x.values())))
    for start in range(0, total, BATCH):
        yield {name: a[start:start + BATCH] for name, a in x.items()}
        progress(min(start + BATCH, total), total)
