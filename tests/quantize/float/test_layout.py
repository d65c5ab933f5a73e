"""Shapes and batches: wherever a file has its batch, one sample gives what ONNX Runtime gives."""

import numpy as np
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float import model as float_model
from dsplet.quantize.float.batch import Batch, place
from dsplet.quantize.float.execute import FloatNetwork
from tests.quantize import layout_nets, onnx_nets
from tests.quantize.layout_nets import shaped
from tests.quantize.onnx_nets import ints, model, node, random, refusal, saved

MOVED, HOLLOW = layout_nets.moved(), layout_nets.hollow()


@pytest.mark.parametrize("name", MOVED)
def test_samples_are_told_apart_wherever_the_batch_lies(name, tmp_path):
    m, inputs, outputs = MOVED[name]
    path = saved(m, tmp_path)
    graph = from_onnx.load(path)
    for v, axis in (inputs | outputs).items():
        assert graph.batches[v] == (None if axis is None else Batch(axis))
    x = {v: random(f"{name}{v}", 4, *graph.shapes[v]) for v in graph.inputs}
    if any(axis is None for axis in inputs.values()):
        x = {v: a[:1] for v, a in x.items()}
    got = dict(zip(graph.outputs, onnx_nets.run(float_model.to_model(graph), x), strict=True))
    one_by_one = name in ("one_sample", "time_first_fixed", "same_for_all")
    runs = [{v: a[i:i + 1] for v, a in x.items()} for i in range(len(x[graph.inputs[0]]))
            ] if one_by_one else [x]
    wanted = [onnx_nets.run(m, {v: a[0] if inputs[v] is None else np.moveaxis(a, 0, inputs[v])
                                for v, a in run.items()}) for run in runs]
    for i, (v, axis) in enumerate(outputs.items()):
        y = np.concatenate([w[i][None] if axis is None else np.moveaxis(w[i], axis, 0)
                            for w in wanted])
        assert got[v].shape == y.shape
        assert np.allclose(got[v], y, rtol=1e-4, atol=1e-5)
    again = FloatNetwork(path)({v: np.concatenate([a, a, a[:1]]) for v, a in x.items()})
    for v in outputs:
        assert np.allclose(again[v][:len(got[v])], got[v], rtol=1e-4, atol=1e-5)
        assert np.allclose(again[v][-1], got[v][0], rtol=1e-4, atol=1e-5)


def test_says_what_is_unusual_about_the_samples(tmp_path):
    graph = from_onnx.load(saved(MOVED["batch_of_four"][0], tmp_path))
    assert graph.notes == ("the file is made for batches of 4 samples; it is read as a network for "
                           "one",)
    graph = from_onnx.load(saved(MOVED["gru_states"][0], tmp_path))
    assert graph.notes == ("the input 'h' has its batch at axis 1",
                           "the output 'h_out' (1, 4) has the batch at axis 1")


def test_an_output_of_one_sample_loses_the_axis_in_front(tmp_path):
    """(1, 2, 3) by way of (2, 3), where no axis is the batch, to (1, 3, 2)."""
    m = shaped([node("Reshape", "x a", "r"), node("Transpose", "r", "t", perm=[1, 0]),
                node("Relu", "t", "u"), node("Unsqueeze", "u zero", "y"), node("Neg", "y", "z")],
               {"x": [1, 2, 3]}, {"a": ints(2, 3), "zero": ints(0)}, ("y", "z"))
    graph = from_onnx.load(saved(m, tmp_path))
    assert [graph.shapes[v] for v in graph.outputs] == [(3, 2), (3, 2)]
    x = random("x", 4, 2, 3)
    for y, sign in zip(onnx_nets.run(float_model.to_model(graph), {"x": x}), (1, -1), strict=True):
        assert np.array_equal(y, sign * np.maximum(x.transpose(0, 2, 1), 0))


def test_an_output_without_batch_that_begins_with_one(tmp_path):
    m = shaped([node("Reshape", "x a", "r"), node("Transpose", "r", "y", perm=[1, 0, 2])],
               {"x": [1, 2, 3]}, {"a": ints(3, 1, 2)})
    graph = from_onnx.load(saved(m, tmp_path))
    assert graph.shapes["y"] == (3, 2)
    x = random("x", 2, 2, 3)
    y = FloatNetwork(tmp_path / "net.onnx")({"x": x})["y"]
    assert np.array_equal(y, x.reshape(2, 3, 2))


@pytest.mark.parametrize("name", HOLLOW)
def test_odd_files_are_read(name, tmp_path):
    m = HOLLOW[name]
    graph = from_onnx.load(saved(m, tmp_path))
    x = random("x", 5, 3)
    w, b = random("w", 3, 4), random("b", 4)
    y, = onnx_nets.run(float_model.to_model(graph), {graph.inputs[0]: x})
    assert np.allclose(y, np.maximum(x @ w + b, 0), atol=1e-5)


@pytest.mark.parametrize("full, stride, count, found", [
    ([5, 2, 3], 5, 2, Batch(1)), ([2, 15], 1, 2, Batch(0)), ([10, 3], 5, 2, Batch(0, 5, 1)),
    ([5, 6], 5, 2, Batch(1, 1, 3)), ([30], 5, 2, Batch(0, 5, 3)), ([6, 5], 5, 2, None),
    ([5, 1, 3], 5, 1, Batch(1)), ([5, 3], 5, 1, None)])
def test_place(full, stride, count, found):
    """By hand: where 2 samples, 5 elements before them and 3 behind, have gone."""
    assert place(full, stride, count) == found


@pytest.mark.parametrize("batch", [Batch(), Batch(2), Batch(0, 1, 4), Batch(0, 4, 1),
                                   Batch(1, 3, 1)])
def test_tensors_and_samples(batch):
    """One sample at a time is what a tensor of many holds."""
    x = random("x", 6, 4, 3)
    whole = batch.tensor(x)
    assert list(whole.shape) == batch.full((4, 3), 6)
    assert np.array_equal(batch.samples(whole), x)


@pytest.mark.parametrize("nodes, constants, words", [
    ([node("Reshape", "x s", "y")], {"s": ints(2, -1)}, "samples must stay independent"),
    ([node("Shape", "x", "s"), node("Gather", "s i", "n"), node("Cast", "n", "f", to=1),
      node("Mul", "x f", "y")], {"i": np.array(0)}, "depends on the size of the batch"),
    ([node("Slice", "x s e a", "y")], {"s": ints(0), "e": ints(1), "a": ints(0)},
     "works along axis 0, which is the batch"),
    ([node("Slice", "x s e a", "y")], {"s": ints(0), "e": ints(-1), "a": ints(0)},
     "works along axis 0, which is the batch"),
    ([node("Tile", "x r", "y")], {"r": ints(2, 1, 1)}, "repeats samples of the batch"),
    ([node("Einsum", "x x", "y", equation="bij,bij->ij")], {}, "sums over the batch"),
    ([node("Transpose", "x", "t", perm=[1, 2, 0]), node("MatMul", "t w", "y")],
     {"w": random("w", 4, 2)}, "which is the batch"),
    ([node("If", "c", "y", then_branch=layout_nets._branch("Add"),
           else_branch=layout_nets._branch("Sub"))], {}, "its condition 'c'"),
    ([node("Dropout", "x r t", "y")], {"r": np.float32(0.5), "t": np.array(True)},
     "in training mode"),
    ([node("Reshape", "x s", "y")], {"s": ints(-1)}, "together with 16 elements of each sample"),
    ([node("Attention", "x x x", "y", q_num_heads=2, kv_num_heads=2, softcap=2.0)], {}, "softcap"),
])
def test_refuses(nodes, constants, words, tmp_path):
    m = model(nodes, {"x": (4, 4), "c": ()}, constants, opset=23)
    text = refusal(m, tmp_path)
    assert words in text and nodes[-1].name in text or "together" in words and words in text


def test_a_cycle_and_two_makers_are_refused(tmp_path):
    m = model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")],
              {"x": (3,)})
    assert "needs its own output" in refusal(m, tmp_path)
    m = model([node("Relu", "x", "y"), node("Tanh", "x", "y")], {"x": (3,)})
    assert "two nodes give the value 'y'" in refusal(m, tmp_path)


def test_a_free_axis_that_is_no_batch_is_refused(tmp_path):
    m = shaped([node("Relu", "x", "y")], {"x": [1, 3, "width"]})
    assert "axis 2 of the input 'x' is not fixed (width)" in refusal(m, tmp_path)
