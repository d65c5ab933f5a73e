"""Comparison: every figure against another way to get it."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsplet.quantize.analysis import compare
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq.recipe import load, quantize
from tests.quantize import onnx_nets as nets


@given(st.integers(0, 10), st.integers(0, 10))
def test_mcnemar_counts_coin_tosses(a, b):
    """Of all 2**n outcomes of n fair tosses: the share at least as lopsided as (a, b)."""
    n = a + b
    outcomes = np.array([bin(i).count("1") for i in range(1 << n)])
    share = float((np.abs(2 * outcomes - n) >= abs(a - b)).mean())
    assert math.isclose(compare.mcnemar(a, b), share)


@pytest.mark.slow
def test_mcnemar_of_many():
    assert compare.mcnemar(4000, 4000) == 1.0
    assert 0 < compare.mcnemar(700, 1000) < 1e-12


def test_sqnr_is_the_ratio_of_standard_deviations():
    rng = np.random.default_rng(0)
    reference = rng.normal(0, 10, 200_000)
    noisy = reference + rng.normal(0, 0.1, 200_000)
    assert compare.sqnr_db(reference, noisy) == pytest.approx(20 * math.log10(100), abs=0.05)
    assert compare.sqnr_db(reference, reference) == math.inf
    assert compare.sqnr_db(np.zeros(3), np.ones(3)) == -math.inf


def test_sqnr_of_rounding_is_six_decibels_a_bit():
    x = np.random.default_rng(1).uniform(-1, 1, 200_000)
    for bits in (6, 8, 12):
        fmt = QFormat(bits, bits - 1)
        assert compare.sqnr_db(x, fmt.dequantize(fmt.quantize(x))) == pytest.approx(
            20 * bits * math.log10(2), abs=0.3)


def test_predictions_by_hand():
    reference = np.array([[3, 1, 0], [0, 2, 1.5], [5, 5, 1], [0, 1, 9]])
    test = np.array([[3, 1, 0], [0, 1, 2.0], [5, 5, 1], [9, 1, 0]])
    c = compare.predictions(reference, test, np.array([0, 2, 1, 2]))
    assert (c.samples, c.reference_correct, c.test_correct) == (4, 2, 2)
    assert c.flips == (compare.Flip(1, 2, 1, 2, 0.5, (0, 2, 1.5), (0, 1, 2)),
                       compare.Flip(3, 2, 2, 0, 8.0, (0, 1, 9), (9, 1, 0)))
    assert (c.agree_percent, c.reference_accuracy_percent) == (50, 50)
    assert c.mcnemar_p == 1.0
    with pytest.raises(ModelError, match="expected scores"):
        compare.predictions(reference, test[:2], np.zeros(4))


def test_confusion_counts_pairs():
    rng = np.random.default_rng(2)
    labels, predicted = rng.integers(0, 4, (2, 300))
    table = compare.confusion(labels, predicted, 4)
    for i, j in itertools.product(range(4), repeat=2):
        assert table[i, j] == sum((a, b) == (i, j) for a, b in zip(labels, predicted, strict=True))


@pytest.fixture
def relu(tmp_path):
    m = nets.relu_net()
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    x = nets.inputs(m, 150)["x"]
    return path, quantize(from_onnx.load(path), x[:100], load("nearest")), x


def test_layers_of_a_rescaled_network_are_compared_at_the_scale_of_the_float_one(relu):
    path, _, x = relu
    fixed = quantize(from_onnx.load(path), x[:100])
    assert {n.name for n in fixed.nodes if n.macs} and "dsplet.factors" in dict(fixed.metadata)
    floats = FloatNetwork(path, [v.name for v in fixed.values()])
    env = fixed.run(fixed.inputs[0].format.quantize(x))
    moved = [v.name for v in fixed.values() if v.name in floats.names and
             compare.sqnr_db(floats({"x": x})[v.name], v.format.dequantize(env[v.name])) < 20]
    assert moved
    for layer in compare.layers(path, fixed, x):
        assert layer.sqnr_db is None or layer.sqnr_db > 25


def test_layers_against_the_reference_run(relu):
    path, fixed, x = relu
    found = {layer.value: layer for layer in compare.layers(path, fixed, x, batch=32)}
    assert list(found) == [v.name for v in fixed.values()]
    env = fixed.run(fixed.inputs[0].format.quantize(x))
    floats = FloatNetwork(path, list(found))({"x": x})
    for v in fixed.values():
        layer, q = found[v.name], env[v.name]
        assert layer.elements == q.size
        assert layer.at_max == np.count_nonzero(q == v.format.max)
        assert layer.at_min == (np.count_nonzero(q == v.format.min) if v.format.signed else 0)
        if v.name in floats:
            assert layer.sqnr_db == pytest.approx(
                compare.sqnr_db(floats[v.name], v.format.dequantize(q)), abs=1e-6)
    assert found["x"].op == "Input" and found["x"].sqnr_db is None
    assert found["r1"].sqnr_db > 25 and found["y"].sqnr_db > 25


def test_layers_report_progress_and_refuse_an_empty_set(relu):
    path, fixed, x = relu
    calls = []
    compare.layers(path, fixed, x[:5], batch=2, progress=lambda *c: calls.append(c))
    assert calls == [(2, 5), (4, 5), (5, 5)]
    with pytest.raises(ModelError, match="no sample"):
        compare.layers(path, fixed, x[:0])


def test_float_network_with_a_fixed_batch(tmp_path):
    m = nets.model([nets.node("Reshape", "x s", "y")], {"x": (2, 3)}, {"s": nets.ints(1, 6)})
    m.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    x = nets.random("x", 5, 2, 3)
    assert np.array_equal(FloatNetwork(path)({"x": x})["y"], x.reshape(5, 6))


def test_sequences_by_hand():
    """Two samples of two places and three classes; one place of the second differs."""
    reference = np.array([[3, 1, 0, 0, 2, 1.5], [5, 4, 1, 0, 1, 9]])
    test = np.array([[3, 1, 0, 0, 2, 1.5], [5, 4, 1, 9, 1, 0]])
    c = compare.predictions(reference, test, np.array([[0, 1], [0, 2]]))
    assert (c.samples, c.reference_correct, c.test_correct) == (2, 2, 1)
    assert (c.symbols, c.reference_symbols_correct, c.test_symbols_correct) == (4, 4, 3)
    assert c.flips == (compare.Flip(1, (0, 2), (0, 2), (0, 0), 1.0),)
    with pytest.raises(ModelError, match=r"\(N, T\)"):
        compare.predictions(reference, test, np.zeros((2, 4)))
