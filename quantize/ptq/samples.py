"""Calibration samples on their way through the float network and the fixed-point one.

They are put in the order of their bytes and run one at a time through the float network, so that
no result depends on how they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

import numpy as np

from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph, Node, Value
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.loops import membership
from dsplet.quantize.float.model import to_model
from dsplet.quantize.float.node import Layer as FloatLayer
from dsplet.quantize.float.node import ModelError, Shape, Weighted
from dsplet.quantize.ptq.algorithms import Layer

ROWS = 8192
"""A layer is fitted on so many of its outputs' positions, evenly spread over all samples."""
HELD_BYTES = 1 << 29
"""So much of the float network's numbers is kept from one run over the samples."""

Progress = Callable[[int, int], None]


class Samples:
    """inputs: for each graph input an array (N, *shape), float32, in canonical order."""

    def __init__(self, graph: FloatGraph, inputs: dict[str, np.ndarray]) -> None:
        """Raises ModelError where the inputs do not fit the graph's."""
        n = check_samples(graph, inputs)
        arrays = {k: np.ascontiguousarray(inputs[k], np.float32) for k in sorted(inputs)}
        order = sorted(range(n), key=lambda i: [a[i].tobytes() for a in arrays.values()])
        self.inputs = {k: a[order] for k, a in arrays.items()}

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def floats(self, graph: FloatGraph, values: list[str], progress: Progress | None = None
               ) -> Iterator[dict[str, np.ndarray]]:
        """The graph's values for one sample after the other, each (1, *shape), float32.

        Raises ModelError where one is not finite. progress(done, total) is called as it runs.
        """
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        computed = [v for v in values if v not in graph.inputs]
        session = ort.InferenceSession(to_model(graph, computed or None).SerializeToString(),
                                       options, providers=["CPUExecutionProvider"])
        for i in range(len(self)):
            feed = {k: x[i:i + 1] for k, x in self.inputs.items()}
            found = feed | dict(zip(computed, session.run(None, feed), strict=False))
            for v in values:
                if not np.isfinite(found[v]).all():
                    raise ModelError(f"'{v}' is not finite for a calibration sample; the network "
                                     "or the sample is broken")
            yield {v: found[v] for v in values}
            if progress:
                progress(i + 1, len(self))

    def all(self, graph: FloatGraph, values: list[str]) -> dict[str, np.ndarray]:
        """(N, *shape) each: some values for every sample."""
        each = list(self.floats(graph, values))
        return {v: np.concatenate([found[v] for found in each]) for v in values}

    def few(self, graph: FloatGraph, most: int) -> Samples:
        """At most so many of them, evenly spread."""
        at = np.arange(len(self)) if len(self) <= most else np.arange(most) * len(self) // most
        return Samples(graph, {k: x[at] for k, x in self.inputs.items()})

    def picked(self, graph: FloatGraph, axes: dict[str, int]) -> dict[str, np.ndarray]:
        """(C, P) each: of every channel the numbers at P picked positions, evenly spread over all
        samples. axes: by value, the axis of a sample along which channels lie."""
        found: dict[str, list[np.ndarray]] = {v: [] for v in axes}
        for i, each in enumerate(self.floats(graph, list(axes))):
            for v, axis in axes.items():
                y = np.moveaxis(each[v][0], axis, 0)
                y = y.reshape(len(y), -1)
                at = picked(len(self) * y.shape[1]) - i * y.shape[1]
                found[v].append(y[:, at[(at >= 0) & (at < y.shape[1])]])
        return {v: np.concatenate(parts, 1) for v, parts in found.items()}


class Passage:
    """The samples' way through a fixed-point graph that is still being built.

    graph: the float graph it is built from; both name their values alike.
    """

    def __init__(self, graph: FloatGraph, samples: Samples) -> None:
        self._graph, self._samples = graph, samples
        self._recurrent = {v for v, loops in membership(graph).items() if loops}
        self._nodes: dict[str, Node] = {}
        self._known: dict[str, np.ndarray] = {}
        self._reals: dict[str, np.ndarray] = {}

    def add(self, node: Node) -> Node:
        """Take the next node; it is executed when a layer behind it asks."""
        self._nodes |= dict.fromkeys((v.name for v in node.outputs), node)
        return node

    def layers(self, n: FloatLayer, x: Value, low: float, high: float) -> list[Layer]:
        """The layer of weights n, behind the value x, one for each of its groups. In a loop every
        step is a sample, and x is the float network's, rounded: what the loop computes in fixed
        point is not known before its weights are.

        low, high: what its output is limited to.
        """
        reals = self._real(x.name).reshape(-1, *x.shape)
        ints = x.format.dequantize(x.format.quantize(reals) if x.name in self._recurrent else
                                   self._fixed(x))
        per = len(n.weight) // n.group_count
        bias = _bias_rows(n, self._graph.shapes[n.output], len(reals))
        found = []
        for g in range(n.group_count):
            mine = slice(g * per, (g + 1) * per)
            w, b = n.weight[mine].reshape(per, -1), bias[:, mine]
            found.append(Layer(w, _rows(n, ints, g), _rows(n, reals, g) @ w.T + b, b, low, high))
        return found

    def part(self, weight: np.ndarray, bias: np.ndarray, x: Value) -> Layer:
        """The part of a GemmSum that multiplies x by weight (M, K)."""
        rows = self._real(x.name).reshape(-1, x.shape[-1]).astype(np.float64)
        rows = rows[picked(len(rows))]
        fed = x.format.dequantize(x.format.quantize(rows))
        return Layer(weight, fed, rows @ weight.T + bias, bias[None])

    def _real(self, value: str) -> np.ndarray:
        """(N, *shape): what the float network computes. One run gives it for the layers to come,
        too, as far as HELD_BYTES go."""
        if value not in self._reals:
            asked = list(dict.fromkeys(i for n in self._graph.nodes if isinstance(n, Weighted)
                                       for i in n.inputs))
            asked = asked[asked.index(value):]
            held = np.cumsum([4 * len(self._samples) * prod(self._graph.shapes[v]) for v in asked])
            count = max(1, int(np.searchsorted(held, HELD_BYTES)))
            self._reals = self._samples.all(self._graph, asked[:count])
        return self._reals[value]

    def _fixed(self, value: Value) -> np.ndarray:
        """(N, *shape) integers of a value."""
        if value.name not in self._known:
            if value.name in self._samples.inputs:
                q = value.format.quantize(self._samples.inputs[value.name])
            else:
                node = self._nodes[value.name]
                if isinstance(node, Constant):
                    return np.broadcast_to(node.q, (len(self._samples), *value.shape))
                one = Graph("", tuple(dict.fromkeys(node.inputs)), (node,), (value,))
                q, = Executor(one, threads=1)(*(self._fixed(v) for v in one.inputs))
            self._known[value.name] = q.astype(value.format.dtype)
        return self._known[value.name]


def picked(total: int) -> np.ndarray:
    """Of `total` positions at most ROWS, evenly spread."""
    return np.arange(total) if total <= ROWS else np.arange(ROWS) * total // ROWS


def _rows(n: FloatLayer, x: np.ndarray, group: int) -> np.ndarray:
    """(rows, K): what meets the layer's weights at the picked positions of x (N, *shape)."""
    v = n.windows(x, group)
    places = v.shape[:x.ndim - 1]
    found = v[np.unravel_index(picked(int(np.prod(places))), places)]
    return found.reshape(len(found), -1).astype(np.float64)


def _bias_rows(n: FloatLayer, shape: Shape, samples: int) -> np.ndarray:
    """(rows or 1, C): the bias at the picked positions."""
    bias = n.spread_bias(shape)
    if bias.size == len(bias):
        return bias.reshape(1, -1)
    places = (samples, *shape[1:])
    _, *at = np.unravel_index(picked(int(np.prod(places))), places)
    return np.moveaxis(bias, 0, -1)[tuple(at)]


def check_samples(graph: FloatGraph, samples: dict[str, np.ndarray]) -> int:
    """How many samples there are. ModelError where they do not fit the graph's inputs."""
    if set(samples) != set(graph.inputs):
        raise ModelError(f"calibration samples are for inputs {sorted(samples)}; the network has "
                         f"{sorted(graph.inputs)}")
    for name, x in samples.items():
        if not len(x):
            raise ModelError("the calibration set is empty; give at least one sample, "
                             "better a few hundred")
        if x.shape[1:] != graph.shapes[name]:
            raise ModelError(f"calibration samples for '{name}' have shape {x.shape[1:]}, expected "
                             f"{graph.shapes[name]}")
    counts = {len(x) for x in samples.values()}
    if len(counts) > 1:
        raise ModelError(f"the inputs have different numbers of samples: {sorted(counts)}")
    return counts.pop()
