"""Calibration: the result is a fact of the sample set, whatever its order or its parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq.calibrate import BINS_LOG2, Histogram, histograms
from dsplet.quantize.ptq.samples import Samples
from tests.quantize import onnx_nets as nets

REALS = st.lists(st.floats(-1e6, 1e6, width=32), max_size=40)


def counted(*parts) -> Histogram:
    h = Histogram()
    for p in parts:
        h.add(np.array(p, np.float64))
    return h


def same(a: Histogram, b: Histogram) -> bool:
    return (a.width_log2, a.zeros, a.low, a.high) == (b.width_log2, b.zeros, b.low, b.high) \
        and np.array_equal(a.counts, b.counts)


@given(REALS, REALS, REALS)
def test_histogram_does_not_depend_on_order_or_parts(a, b, c):
    whole = counted(a + b + c)
    assert same(whole, counted(c, a, b))
    merged, other = counted(b), counted(c)
    merged.merge(other)
    merged.merge(counted(a))
    assert same(whole, merged)


@given(st.lists(st.floats(-1e6, 1e6, width=32).filter(bool), min_size=1, max_size=40))
def test_histogram_counts_what_numpy_counts(reals):
    h = counted(reals)
    width, half = 2.0**h.width_log2, 1 << BINS_LOG2
    expected, _ = np.histogram(reals, 2 * half, (-half * width, half * width))
    assert np.array_equal(h.counts, expected)
    assert (h.low, h.high) == (min(reals), max(reals))


def test_distribution_of_a_histogram():
    d = counted([0, 0, 1.0, -2.5, 1.0]).distribution()
    assert d.counts.tolist() == [1, 2, 2] and d.values[1] == 0
    assert np.all(np.abs(d.values - [-2.5, 0, 1.0]) <= d.width / 2)
    assert (np.diff(d.values) > 0).all()


@pytest.fixture
def graph(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(nets.relu_net().SerializeToString())
    return from_onnx.load(path)


def test_calibration_does_not_depend_on_order(graph):
    x = nets.inputs(nets.relu_net(), 40)["x"]
    values = [n.output for n in graph.nodes]
    a, b, *parts = (histograms(graph, values, Samples(graph, {"x": p})) for p in
                    (x, x[np.random.default_rng(0).permutation(40)], x[:7], x[7:]))
    for v in values:
        parts[0][v].merge(parts[1][v])
        assert same(a[v], b[v]) and same(a[v], parts[0][v])


def test_progress_counts_samples(graph):
    calls = []
    histograms(graph, graph.outputs, Samples(graph, nets.inputs(nets.relu_net(), 3)),
               lambda *c: calls.append(c))
    assert calls == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("samples, words", [
    ({"x": np.zeros((0, 1, 12, 12))}, "empty"),
    ({"x": np.zeros((3, 12, 12))}, r"have shape \(12, 12\), expected \(1, 12, 12\)"),
    ({"image": np.zeros((3, 1, 12, 12))}, r"inputs \['image'\]; the network has \['x'\]"),
    ({"x": np.full((1, 1, 12, 12), np.nan)}, "not finite for a calibration sample"),
])
def test_refuses_samples(graph, samples, words):
    with pytest.raises(ModelError, match=words):
        histograms(graph, ["x", *graph.outputs], Samples(graph, samples))
