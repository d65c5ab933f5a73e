"""Values of any size, or of none: the integers do not depend on the unit, and what the samples do
not tell is said."""

import numpy as np
import pytest

from dsplet.quantize.fixed.proof import Overflow
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq.recipe import Recipe, quantize
from tests.quantize.fixed.test_square import EXECUTIONS
from tests.quantize.onnx_nets import model, node, random, run
from tests.quantize.recurrent_nets import cell

NORMAL = np.random.default_rng(0).standard_normal((60, 3, 6, 6)).astype(np.float32)
CONV = random("c", 4, 3, 3, 3)


def fixed(m, x, folder, recipe: Recipe | None = None):
    (folder / "net.onnx").write_bytes(m.SerializeToString())
    return quantize(from_onnx.load(folder / "net.onnx"), x, recipe)


def notes(graph) -> str:
    return dict(graph.metadata).get("dsplet.notes", "")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("octaves", [7, 17, 24])
def test_a_net_without_biases_is_the_same_in_any_unit(octaves, bits, tmp_path):
    """Volts or microvolts: powers of two shift every format, and no integer changes."""
    m = model([node("Conv", "x c", "a"), node("Relu", "a", "r"), node("Flatten", "r", "f"),
               node("MatMul", "f w", "y")], {"x": (3, 6, 6)},
              {"c": CONV, "w": random("w", 64, 5) / 8})
    recipe = Recipe(activation_bits=bits, input_bits=bits, equalization=())
    one = fixed(m, NORMAL, tmp_path, recipe)
    small = fixed(m, NORMAL * np.float32(2.0**-octaves), tmp_path, recipe)
    assert small.inputs[0].format.frac == one.inputs[0].format.frac + octaves
    q = one.inputs[0].format.quantize(NORMAL)
    assert np.array_equal(small.run(q)["y"], one.run(q)["y"])
    wanted, = run(m, {"x": NORMAL})
    error = one.outputs[0].format.dequantize(one.run(q)["y"]) - wanted
    assert 10 * np.log10((wanted**2).sum() / (error**2).sum()) > 38


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-12])
def test_weights_that_round_to_nothing_leave_the_biases(scale, tmp_path):
    bias = random("b", 4)
    m = model([node("Conv", "x w b", "a"), node("Relu", "a", "y")], {"x": (3, 6, 6)},
              {"w": CONV * np.float32(scale), "b": bias})
    graph = fixed(m, NORMAL, tmp_path)
    q = graph.inputs[0].format.quantize(NORMAL[:3])
    wanted = graph.run(q)["y"]
    for name, execution in EXECUTIONS.items():
        assert np.array_equal(np.broadcast_to(execution(graph, q)[0], (3, 4, 4, 4)),
                              np.broadcast_to(wanted, (3, 4, 4, 4))), name
    real = np.maximum(bias, 0).reshape(-1, 1, 1)
    assert np.abs(graph.outputs[0].format.dequantize(wanted) - real).max() < 1e-3


def test_what_is_always_zero_has_a_format_and_is_said(tmp_path):
    dead = model([node("Conv", "x w b", "a"), node("Relu", "a", "r"), node("Conv", "r v", "y")],
                 {"x": (3, 6, 6)}, {"w": CONV, "b": np.full(4, -1e3, np.float32),
                                    "v": random("v", 2, 4, 2, 2)})
    graph = fixed(dead, NORMAL, tmp_path)
    assert str(graph.nodes[0].output.format) == "UQ1.7"  # 0 to 1 in 8 bits
    assert notes(graph).splitlines() == [
        "Conv 'Conv_a' gives 0 for every calibration sample: its format is that of -1 to 1",
        "Conv 'Conv_y' gives 0 for every calibration sample: its format is that of -1 to 1"]
    q = graph.inputs[0].format.quantize(NORMAL[:3])
    for name, execution in EXECUTIONS.items():
        assert not execution(graph, q)[0].any(), name


def test_constant_calibration_samples_are_said(tmp_path):
    m = model([node("Conv", "x w", "y")], {"x": (3, 6, 6)}, {"w": CONV})
    assert "the input 'x' is 0.25 throughout" in notes(
        fixed(m, np.full_like(NORMAL, 0.25), tmp_path))
    zeros = fixed(m, np.zeros_like(NORMAL), tmp_path)
    assert "the input 'x' is 0 for every calibration sample" in notes(zeros)
    assert str(zeros.inputs[0].format) == "UQ0.8"
    tiny = fixed(m, NORMAL * np.float32(1e-20), tmp_path)
    assert "which no step down to 2**-40 resolves" in notes(tiny)
    assert not notes(fixed(m, NORMAL, tmp_path))


def test_what_is_beyond_every_format_is_refused_by_name(tmp_path):
    m = model([node("Conv", "x w", "a"), node("Relu", "a", "r"), node("Conv", "r v", "y")],
              {"x": (3, 6, 6)}, {"w": CONV * np.float32(1e15), "v": random("v", 2, 4, 2, 2)})
    with pytest.raises(ValueError, match=r"'r': the range \[0, .*e\+16\].*: scale"):
        fixed(m, NORMAL, tmp_path)
    m = model([node("Conv", "x w", "y")], {"x": (3, 6, 6)}, {"w": CONV})
    with pytest.raises(ModelError, match="the input 'x' has the range .*: scale it"):
        fixed(m, NORMAL * np.float32(1e15), tmp_path)


ALONG = [(6,), (1, 6), (6, 1), (1, 1, 6), (1, 6, 1), (4, 1, 6), (4, 6, 1), (1, 6, 6), (4, 1, 1),
         (4, 6, 6)]
QUICK = [(6,), (1, 6, 1), (4, 1, 1), (4, 6, 6)]


@pytest.mark.parametrize("shape", [
    pytest.param(s, id=str(s), marks=() if s in QUICK else pytest.mark.slow) for s in ALONG])
@pytest.mark.parametrize("before", ["Tanh", "Conv", "AveragePool"])
def test_a_constant_may_be_added_along_any_axes(before, shape, tmp_path):
    """Of (C, H, W): the mean of each bin of a spectrogram, say."""
    k = random(f"k{shape}", *shape)
    first = {"Tanh": node("Tanh", "x", "a"), "Conv": node("Conv", "x w", "a", pads=[1] * 4),
             "AveragePool": node("AveragePool", "x", "a", kernel_shape=[2, 2], strides=[1, 1],
                                 pads=[0, 0, 1, 1], count_include_pad=1)}[before]
    m = model([first, node("Sub", "a k", "y")], {"x": (4, 6, 6)},
              {"k": k, "w": random("d", 4, 4, 3, 3)})
    x = np.random.default_rng(1).standard_normal((20, 4, 6, 6)).astype(np.float32)
    graph = fixed(m, x, tmp_path)
    q = graph.inputs[0].format.quantize(x)
    wanted, = run(m, {"x": x})
    error = graph.outputs[0].format.dequantize(graph.run(q)["y"]) - wanted
    assert 10 * np.log10((wanted**2).sum() / (error**2).sum()) > 30
    for name in ("interpreter", "integer_onnx", "qdq"):
        assert np.array_equal(EXECUTIONS[name](graph, q[:1])[0], graph.run(q[:1])["y"]), name


def test_a_bias_behind_the_last_axis(tmp_path):
    """Channels last, as TensorFlow's exporters have them."""
    m = model([node("Transpose", "x", "n", perm=[0, 3, 1, 2]), node("Conv", "n w", "a"),
               node("Transpose", "a", "t", perm=[0, 2, 3, 1]), node("Add", "t k", "y")],
              {"x": (6, 6, 3)}, {"w": CONV, "k": random("k4", 4)})
    x = NORMAL.transpose(0, 2, 3, 1)
    graph = fixed(m, x, tmp_path)
    wanted, = run(m, {"x": x})
    found = graph.run(graph.inputs[0].format.quantize(x))["y"]
    error = graph.outputs[0].format.dequantize(found) - wanted
    assert 10 * np.log10((wanted**2).sum() / (error**2).sum()) > 33


@pytest.mark.parametrize("op", ["RNN", "GRU", "LSTM"])
def test_an_overflow_inside_a_loop_names_layer_bound_and_remedy(op, tmp_path):
    with pytest.raises(Overflow) as caught:
        fixed(cell(op), NORMAL[:, 0, :5, :3], tmp_path,
              Recipe(accumulator_bits=12, activation_bits=16))
    text = str(caught.value)
    assert f"GemmSum '{op}_ys/add" in text and "the target has 12" in text
    assert "under the positive weights of channel" in text and "take " in text


@pytest.mark.parametrize("op", ["RNN", "GRU", "LSTM"])
def test_a_state_that_begins_as_zeros_has_the_format_of_what_it_becomes(op, tmp_path):
    x = {"x": NORMAL[:, 0, :5, :3], "h": np.zeros((60, 4), np.float32)}
    graph = fixed(cell(op, start=True), x, tmp_path)
    assert str(graph.inputs[1].format) == "Q0.7"  # tanh's -1 to 1
