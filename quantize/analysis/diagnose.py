"""Where a fixed-point network loses what its float network knew. Nothing here prints.

Both are put into one float graph in which any set of layers is on its integers' grid and the rest
is real. With all layers on the grid that graph is the fixed-point network; taking one off tells
what that layer costs, putting one alone on it tells what the layer does by itself. Of a layer in a
loop over time that holds for all its steps at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from dsplet.base.names import unique
from dsplet.data.answers import answers, same
from dsplet.quantize.analysis.compare import Flip, decibel, predictions
from dsplet.quantize.analysis.formats import PERCENTILES
from dsplet.quantize.fixed.graph import Graph, Node, Requantizing, Value
from dsplet.quantize.fixed.layers import INPUT, LayerKeys
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.model import to_model
from dsplet.quantize.float.node import (
    Computing,
    FloatNode,
    ModelError,
    NoFixed,
    NoReal,
    Shape,
    Weighted,
)
from dsplet.quantize.float.ops.clamp import Clamp
from dsplet.quantize.float.writing import Writing
from dsplet.quantize.network import Arrays
from dsplet.quantize.ptq.calibrate import Histogram
from dsplet.quantize.ptq.formats import drop_idle_clamps, separate_inputs
from dsplet.quantize.ptq.links import layer, links, scaled
from dsplet.quantize.ptq.rescaling import factors_of

BATCH = 250

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Layer:
    """What one layer does. name: the key of the node, or of the network's input.

    sqnr_cumulative_db: of its output, in a loop of all steps, all layers on their grids.
    sqnr_isolated_db: the same, it alone on its grid. restored_*: of the network with this layer
    alone taken off its grid.
    mends: flips that are gone then; alone: of these, those that no other layer's restoration mends.
    Without labels there is no accuracy, and no flips.
    """

    name: str
    op: str
    format: QFormat
    sqnr_cumulative_db: float
    sqnr_isolated_db: float
    restored_sqnr_db: float
    restored_accuracy_percent: float | None
    mends: int
    alone: int


@dataclass(frozen=True)
class Range:
    """What the float network's value was over the samples, beside what the format represents.

    clipped_percent: of its numbers beyond the format's ends.
    """

    name: str
    format: QFormat
    low: float
    high: float
    percentiles: tuple[float, ...]
    clipped_percent: float


@dataclass(frozen=True)
class Diagnosis:
    """What each layer loses. sqnr_db: of the outputs; accuracies and flips are of all samples."""

    samples: int
    reference_accuracy_percent: float | None
    test_accuracy_percent: float | None
    sqnr_db: float
    layers: tuple[Layer, ...]
    flips: tuple[Flip, ...]
    ranges: tuple[Range, ...]


def diagnose(reference: FloatGraph, test: Graph, x: np.ndarray | Arrays, labels: np.ndarray | None,
             progress: Progress = lambda done, total: None) -> Diagnosis:
    """x: floats (N, *shape), by input where there are several. labels: classes; None where nobody
    knows them or there are none. Raises ModelError where the fixed-point graph was not made from
    the float graph."""
    given = {reference.inputs[0]: x} if isinstance(x, np.ndarray) else x
    if not (count := len(next(iter(given.values())))):
        raise ModelError("there is no sample to diagnose on")
    seen = _Measured(reference, test, given, count, progress)
    right, mended, flips = _answered(seen, labels)
    layers = tuple(Layer(
        seen.names[v.name], seen.ops[v.name], v.format,
        decibel(seen.signal[v.name], seen.cumulative[v.name]),
        decibel(seen.signal[v.name], seen.isolated[v.name]),
        _sqnr(seen.scores[None], seen.scores[v.name]), right.get(v.name), len(mended[v.name]),
        sum(f.layers == (seen.names[v.name],) for f in flips)) for v in seen.values)
    ranges = tuple(_range(seen.names[v.name], v.format, seen.histograms[v.name])
                   for v in seen.values)
    return Diagnosis(count, right.get(None), right.get(""),
                     _sqnr(seen.scores[None], seen.scores[""]), layers, flips, ranges)


def _answered(seen: _Measured, labels: np.ndarray | None
              ) -> tuple[dict[str | None, float], dict[str, set[int]], tuple[Flip, ...]]:
    """Per cent right by what was taken off its grid, the flips that each layer mends, and those
    there are."""
    if labels is None:
        return {}, {v.name: set() for v in seen.values}, ()
    read = {k: answers(y, labels.shape[1:]) for k, y in seen.scores.items()}
    right = {k: 100 * float(same(r, labels).mean()) for k, r in read.items()}
    both = predictions(seen.scores[None], seen.scores[""], labels)
    flipped = np.array([f.index for f in both.flips], np.int64)
    mended = {v.name: set(flipped[same(read[v.name], read[None])[flipped]].tolist())
              for v in seen.values}
    return right, mended, tuple(
        replace(f, layers=tuple(seen.names[v] for v, m in mended.items() if f.index in m))
        for f in both.flips)


class _Measured:
    """Everything that is summed over the samples, in one pass.

    scores: by what was taken off its grid: None is the float network, "" nothing, else a value's
    name. signal, cumulative, isolated: sums of squares, by value.
    """

    def __init__(self, reference: FloatGraph, test: Graph, x: Arrays, count: int,
                 progress: Progress) -> None:
        graph = _as_calibrated(reference, test)
        _check_same(graph, test)
        graph = rescaled_like(graph, test)
        makers = {n.output.name: n for n in test.every_node() if isinstance(n, Requantizing)}
        self.values: list[Value] = [*test.inputs, *(n.output for n in makers.values())]
        names = [v.name for v in self.values]
        keys = LayerKeys.of(test).values
        self.names = {v: keys[v] for v in names}
        self.ops = {v: makers[v].op if v in makers else INPUT for v in names}
        score = test.outputs[0].name
        runs = {None: _Run(graph, test, set(), [*names, score]),
                "": _Run(graph, test, set(names), [*names, score])}
        runs |= {v: _Run(graph, test, set(names) - {v}, [score]) for v in names}
        alone = {v: _Run(graph, test, {v}, [v]) for v in names}
        self.signal, self.cumulative, self.isolated = (dict.fromkeys(names, 0.0) for _ in range(3))
        self.histograms = {v: Histogram() for v in names}
        scores: dict[str | None, list[np.ndarray]] = {k: [] for k in runs}
        for start in range(0, count, BATCH):
            done = min(start + BATCH, count)
            part = {name: a[start:done] for name, a in x.items()}
            found = {k: run(part) for k, run in runs.items()}
            for k, ys in found.items():
                scores[k].append(ys[-1].reshape(done - start, -1))
            for v, real, fixed in zip(names, found[None], found[""], strict=False):
                self.signal[v] += float((real**2).sum())
                self.cumulative[v] += float(((fixed - real) ** 2).sum())
                self.isolated[v] += float(((alone[v](part)[0] - real) ** 2).sum())
                self.histograms[v].add(real)
            progress(done, count)
        self.scores = {k: np.concatenate(ys) for k, ys in scores.items()}


class _Run:
    """A network, some of whose values are on their grids, that gives some of its values: those that
    a loop computes (N, steps, *shape)."""

    def __init__(self, graph: FloatGraph, test: Graph, on_grid: set[str],
                 outputs: list[str]) -> None:
        import onnxruntime as ort
        mixed = on_grids(graph, test, on_grid)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        wanted = [_grid(graph, v) if v in mixed.inputs and v in on_grid else v for v in outputs]
        computed = list(dict.fromkeys(v for v in wanted if v not in mixed.inputs))
        self._session = ort.InferenceSession(
            to_model(mixed, computed or None).SerializeToString(), options,
            providers=["CPUExecutionProvider"])
        self._read = {i.name for i in self._session.get_inputs()}
        self._computed, self._wanted = computed, wanted

    def __call__(self, x: Arrays) -> list[np.ndarray]:
        found = {name: np.ascontiguousarray(a, np.float32) for name, a in x.items()}
        if self._computed:
            read = {name: a for name, a in found.items() if name in self._read}
            found |= zip(self._computed, self._session.run(None, read), strict=True)
        return [found[v].astype(np.float64) for v in self._wanted]


def _grid(graph: FloatGraph, value: str) -> str:
    return unique(f"{value}/grid", set(graph.shapes))


@dataclass(frozen=True, eq=False)
class Grid(NoReal, NoFixed, Computing):
    """Rounds to a format: y = clip(floor(x * 2**frac + 1/2), low, high) * 2**-frac. No op of
    networks: diagnosis puts it into them."""

    frac: int
    low: int
    high: int

    @classmethod
    def of(cls, name: str, x: str, y: str, fmt: QFormat, node: Node | None = None) -> Grid:
        """The grid of what `node` gives in the format, or of an input."""
        low, high = node.limits if isinstance(node, Requantizing) else (fmt.min, fmt.max)
        return cls(name, (x,), y, fmt.frac, low, high)

    def output_shape(self, xs: list[Shape]) -> Shape:
        return xs[0]

    def onnx(self, w: Writing) -> str:
        y = w.emit("Mul", *self.inputs, w.const(2.0**self.frac))
        y = w.emit("Floor", w.emit("Add", y, w.const(0.5)))
        y = w.emit("Clip", y, w.const(self.low), w.const(self.high))
        return w.emit("Mul", y, w.const(2.0**-self.frac))


def on_grids(graph: FloatGraph, test: Graph, names: Iterable[str]) -> FloatGraph:
    """The float graph in which the values `names` are rounded as in `test`, and computed with its
    integer weights; an input that is rounded goes on under the name _grid(input)."""
    names, fixed = set(names), {n.output.name: n for n in test.every_node()}
    formats = {v.name: v.format for v in test.inputs}
    nodes: list[FloatNode] = [Grid.of(_grid(graph, v), v, _grid(graph, v), formats[v])
                              for v in graph.inputs if v in names]
    for n in graph.nodes:
        n = replace(n, inputs=tuple(_grid(graph, i) if i in formats and i in names else i
                                    for i in n.inputs))
        if n.output in names:
            twin, real = fixed[n.output], graph.fresh(f"{n.output}/real")
            nodes += [replace(_with_weights(n, twin), output=real),
                      Grid.of(graph.fresh(f"{n.output}/grid"), real, n.output,
                              twin.output.format, twin)]
        else:
            nodes.append(n)
    return graph.rebuilt(nodes)


def _with_weights(n: FloatNode, twin: Node) -> FloatNode:
    if not isinstance(n, Weighted) or not isinstance(twin, Conv | Gemm | GemmSum):
        return n
    lead = (-1, *(1,) * (twin.bias.ndim - 1))
    weight = (np.concatenate([w.real() for w in twin.weights], 1)
              if isinstance(twin, GemmSum) else twin.weight.real())
    return replace(n, weight=weight,
                   bias=twin.bias * 2.0 ** -twin.acc_frac.reshape(lead).astype(np.float64))


def rescaled_like(graph: FloatGraph, test: Graph) -> FloatGraph:
    """The equal float graph with the channels as `test` has them (see `quantize.ptq.rescaling`)."""
    factors = factors_of(test)
    for link in links(graph):
        if link.value in factors:
            channels = len(layer(graph, link.first).weight)
            factor = np.broadcast_to(factors[link.value].reshape(-1), channels)
            graph = scaled(graph, link, factor)
    return graph


def _as_calibrated(reference: FloatGraph, test: Graph) -> FloatGraph:
    """The float network with its inputs separate, and without the clamps that `test` does not have
    because the ends of its formats do the same."""
    graph = separate_inputs(reference)
    formats = {v.name: v.format for v in test.every_value()}
    for n in graph.nodes:
        if isinstance(n, Clamp) and n.output not in formats and n.inputs[0] in formats:
            formats[n.output] = formats[n.inputs[0]]
    return drop_idle_clamps(graph, formats)


def _check_same(graph: FloatGraph, test: Graph) -> None:
    ours = {n.output for n in graph.nodes}
    theirs = {v.name for v in test.every_value()} - {v.name for v in test.inputs} - {
        v.name for n in test.every_node() if isinstance(n, Scan)
        for v in n.body.inputs[n.states + n.sequences:]}  # names of its own for what is outside
    if ours != theirs or graph.inputs != tuple(v.name for v in test.inputs):
        other = sorted(ours ^ theirs)
        raise ModelError("the fixed-point network was not made from this float network"
                         + (f": only one of them has '{other[0]}'" if other else ""))


def _sqnr(reference: np.ndarray, test: np.ndarray) -> float:
    return decibel(float((reference**2).sum()), float(((reference - test) ** 2).sum()))


def _range(name: str, fmt: QFormat, seen: Histogram) -> Range:
    reals = seen.distribution()
    share = np.cumsum(reals.counts) / reals.counts.sum()
    at = [float(reals.values[np.searchsorted(share, p / 100)]) for p in PERCENTILES]
    beyond = (reals.values < (fmt.min - 0.5) * fmt.step) | (
        reals.values >= (fmt.max + 0.5) * fmt.step)
    return Range(name, fmt, reals.low, reals.high, tuple(at),
                 100 * float(reals.counts[beyond].sum() / reals.counts.sum()))
