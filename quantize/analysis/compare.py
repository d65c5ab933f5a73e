"""Compares a fixed-point graph with the float network it came from. Nothing here prints."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dsplet.data.answers import answers, nrmse_percent, plain, right, same
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.layers import INPUT, LayerKeys
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq.rescaling import factors_of


def sqnr_db(reference: np.ndarray, test: np.ndarray) -> float:
    """10 log10 of the power of the reference over that of the difference; inf where equal."""
    reference = np.asarray(reference, np.float64)
    return decibel(float((reference**2).sum()),
                    float(((reference - np.asarray(test, np.float64)) ** 2).sum()))


def decibel(signal: float, noise: float) -> float:
    """10 log10 of the ratio; inf without noise, -inf without signal."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


@dataclass(frozen=True)
class Layer:
    """One value of the fixed-point graph over a set of samples.

    layer: the key of what gives it. sqnr_db: against the float network's tensor of that name, times
    the factors it was rescaled by; None where it has none.
    at_min, at_max: elements at the ends of the format, of `elements`. The 0 of an unsigned format
    is an ordinary value: at_min is then 0.
    """

    value: str
    layer: str
    op: str
    format: QFormat
    sqnr_db: float | None
    at_min: int
    at_max: int
    elements: int


def layers(path: str | Path, graph: Graph, samples: np.ndarray | dict[str, np.ndarray],
           batch: int = 64, progress: Callable[[int, int], None] | None = None
           ) -> tuple[Layer, ...]:
    """Every value of `graph`, in order, against the float .onnx file at `path`.

    samples: inputs (N, *shape), or a dict of them by input name. progress(done, total) in samples.
    """
    if not isinstance(samples, dict):
        samples = {graph.inputs[0].name: np.asarray(samples)}
    values = {v.name: v for v in graph.values()}
    makers = {v.name: n for n in graph.nodes for v in n.outputs}
    fixed = Executor(replace(graph, outputs=tuple(values.values())))
    n = len(next(iter(samples.values())))
    if not n:
        raise ModelError("there is no sample to compare on")
    network = FloatNetwork(path, [v for v in values if v in makers])
    signal, noise = dict.fromkeys(network.names, 0.0), dict.fromkeys(network.names, 0.0)
    factors = factors_of(graph)
    ends = {v: np.zeros(2, np.int64) for v in values}
    for start in range(0, n, batch):
        part = {k: x[start:start + batch] for k, x in samples.items()}
        floats = network(part)
        ints = fixed(*(v.format.quantize(part[v.name]) for v in graph.inputs))
        for (name, v), q in zip(values.items(), ints, strict=True):
            ends[name] += (((q == v.format.min).sum() if v.format.signed else 0),
                           (q == v.format.max).sum())
            if name in floats:
                reference = floats[name].astype(np.float64).reshape(q.shape) * factors.get(name, 1)
                signal[name] += float((reference**2).sum())
                noise[name] += float(((reference - v.format.dequantize(q)) ** 2).sum())
        if progress:
            progress(min(start + batch, n), n)
    keys = LayerKeys.of(graph).values
    return tuple(
        Layer(name, keys[name], makers[name].op if name in makers else INPUT, v.format,
              decibel(signal[name], noise[name]) if name in signal else None,
              int(ends[name][0]), int(ends[name][1]), n * v.size)
        for name, v in values.items())


@dataclass(frozen=True)
class Flip:
    """A sample that the two classify differently. margin: the reference's best score minus its
    second best, where they are closest. *_scores: of each class. Of a sequence the three answers
    are tuples, and the scores left out. layers: where that was asked, by their keys, each of which
    mends it if restored."""

    index: int
    label: int | tuple[int, ...]
    reference: int | tuple[int, ...]
    test: int | tuple[int, ...]
    margin: float
    reference_scores: tuple[float, ...] = ()
    test_scores: tuple[float, ...] = ()
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Two classifiers on the same samples. mcnemar_p: exact, two-sided.

    A sequence is correct where all of it is; symbols counts its places, of all samples.
    """

    samples: int
    reference_correct: int
    test_correct: int
    flips: tuple[Flip, ...]
    sqnr_db: float
    mcnemar_p: float
    symbols: int
    reference_symbols_correct: int
    test_symbols_correct: int

    @property
    def reference_accuracy_percent(self) -> float:
        return 100 * self.reference_correct / self.samples

    @property
    def test_accuracy_percent(self) -> float:
        return 100 * self.test_correct / self.samples

    @property
    def agree_percent(self) -> float:
        return 100 * (1 - len(self.flips) / self.samples)


def predictions(reference: np.ndarray, test: np.ndarray, labels: np.ndarray) -> Comparison:
    """Compare scores (N, numbers) of two classifiers; equal scores go to the lowest class.

    labels: (N,), or (N, T) for sequences: the numbers are then T times the classes' scores.
    """
    reference, test = np.asarray(reference, np.float64), np.asarray(test, np.float64)
    labels = np.asarray(labels, np.int64)
    places = labels.shape[1:]
    if (reference.ndim != 2 or reference.shape != test.shape or labels.shape[:1] !=
            reference.shape[:1] or reference.shape[1] % math.prod(places)):
        raise ModelError(f"expected scores (N, classes) twice and labels (N,), or (N, T * classes) "
                         f"and (N, T); got {reference.shape}, {test.shape} and {labels.shape}")
    if not len(labels):
        raise ModelError("there is no sample to compare on")
    a, b = answers(reference, places), answers(test, places)
    margin, right_a, right_b = _margin(reference, places), same(a, labels), same(b, labels)
    flips = tuple(Flip(i, plain(labels[i]), plain(a[i]), plain(b[i]), float(margin[i]),
                       *(() if places else (tuple(reference[i].tolist()), tuple(test[i].tolist()))))
                  for i in np.flatnonzero(~same(a, b)).tolist())
    return Comparison(len(labels), int(right_a.sum()), int(right_b.sum()), flips,
                      sqnr_db(reference, test),
                      mcnemar(int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())),
                      labels.size, int((a == labels).sum()), int((b == labels).sum()))


def _margin(scores: np.ndarray, places: tuple[int, ...]) -> np.ndarray:
    """(N,): the best score minus the second best, the least of all places."""
    best = np.sort(scores.reshape(len(scores), math.prod(places), -1), 2)
    return (best[..., -1] - best[..., -2:][..., 0]).min(1)


@dataclass(frozen=True)
class NumberComparison:
    """Two networks that answer in numbers, on the same samples. right: bool (N,), of each; None
    where no tolerance says what is.

    largest_difference: between the two, in the outputs' unit.
    """

    reference_right: np.ndarray | None
    test_right: np.ndarray | None
    reference_nrmse_percent: float
    test_nrmse_percent: float
    largest_difference: float
    sqnr_db: float


def numbers(reference: np.ndarray, test: np.ndarray, wanted: np.ndarray, tolerance: float | None
            ) -> NumberComparison:
    """Compare answers (N, outputs) of two networks with what is wanted of them, and each other."""
    reference, test = np.asarray(reference, np.float64), np.asarray(test, np.float64)
    if not len(wanted):
        raise ModelError("there is no sample to compare on")
    known = tolerance is not None
    return NumberComparison(
        right(reference, wanted, tolerance) if known else None,
        right(test, wanted, tolerance) if known else None,
        nrmse_percent(reference, wanted), nrmse_percent(test, wanted),
        float(np.abs(reference - test).max()), sqnr_db(reference, test))


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value that two classifiers are equally good, from how many samples only the
    one and only the other has right."""
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << n))


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """int64 (classes, classes): how often samples, or symbols, of the row's class got the column's.
    """
    pairs = np.asarray(labels, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(pairs.ravel(), minlength=classes * classes).reshape(classes, classes)
