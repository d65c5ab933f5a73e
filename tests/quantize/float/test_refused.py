"""Reading ONNX: what is refused, files, nodes and networks, each in words."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from dsplet.base.files import FileError
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float import model as float_model
from dsplet.quantize.float.node import ModelError
from tests.quantize import onnx_nets as nets
from tests.quantize.onnx_nets import model, node, random, refusal, saved
from tests.quantize.recurrent_nets import cell

GEMM = {"w": random("w", 4, 3)}


def test_refuses_what_is_no_file(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        from_onnx.load(tmp_path / "none.onnx")
    with pytest.raises(FileError, match="is a folder"):
        from_onnx.load(tmp_path)


def test_refuses_what_is_not_onnx(tmp_path):
    assert "not an ONNX file" in refusal(b"\x89PNG\r\n\x1a\n" * 9, tmp_path)
    assert "empty" in refusal(b"", tmp_path)


def test_refuses_every_truncation(tmp_path):
    whole = model([node("MatMul", "x w", "y")], {"x": (4,)}, GEMM).SerializeToString()
    for n in range(1, len(whole)):
        try:
            from_onnx.load(saved(whole[:n], tmp_path))
        except ModelError:
            continue
        pytest.fail(f"read a file cut to {n} of {len(whole)} bytes")
    assert "cut short" in refusal(whole[:len(whole) // 2], tmp_path)


@pytest.mark.parametrize("shape, words", [
    (["N", 3, "height"], "axis 2 of the input 'x' is not fixed (height)"),
    (["N", None], "axis 1 of the input 'x' is not fixed"),
])
def test_refuses_shapes(shape, words, tmp_path):
    m = model([node("Relu", "x", "y")], {"x": (1,)})
    m.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", nets.FLOAT, shape))
    assert words in refusal(m, tmp_path)


def test_reads_a_fixed_batch_of_one(tmp_path):
    m = model([node("Reshape", "x s", "y")], {"x": (2, 3)}, {"s": nets.ints(1, 6)})
    m.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", nets.FLOAT, [1, 2, 3]))
    graph = from_onnx.load(saved(m, tmp_path))
    assert nets.run(float_model.to_model(graph),
                    {"x": np.zeros((5, 2, 3), np.float32)})[0].shape == (5, 6)


def test_refuses_weights_that_are_not_finite(tmp_path):
    w = GEMM["w"].copy()
    w[1, 1], w[2, 2] = np.nan, np.inf
    text = refusal(model([node("MatMul", "x w", "y")], {"x": (4,)}, {"w": w}), tmp_path)
    assert "'w' (4, 3) contains 2 NaN or infinite" in text


def test_lists_all_unsupported_nodes(tmp_path):
    m = model([node("BitShift", "x", "a"), node("Relu", "a", "b"), node("Det", "b", "c"),
               helper.make_node("Spike", ["c"], ["y"], name="s", domain="brain")], {"x": (4, 4)})
    m.opset_import.append(helper.make_opsetid("brain", 1))
    text = refusal(m, tmp_path)
    assert text.splitlines()[0].endswith("3 node(s) are not supported:")
    assert [line.strip().split(": ")[0] for line in text.splitlines()[1:]] == [
        "BitShift 'BitShift_a'", "Det 'Det_c'", "brain::Spike 's'"]
    assert "`dsplet ops --check" in text and len(text.splitlines()[-1]) < 200


def test_what_stands_behind_a_refused_node_is_looked_at_too(tmp_path):
    """Where ONNX's shape inference tells its inputs' shapes; where not, that is said."""
    m = model([node("Bernoulli", "x", "a"), node("ReduceMean", "a", "b"), node("Relu", "b", "c"),
               helper.make_node("Spike", ["a"], ["d"], name="s", domain="brain"),
               node("Abs", "d", "e"), node("Det", "e", "f"), node("Add", "a e", "y")],
              {"x": (4, 4)}, outputs=("c", "f", "y"))
    m.opset_import.append(helper.make_opsetid("brain", 1))
    opset, findings = from_onnx.survey(saved(m, tmp_path))
    assert opset == 21 and findings.unseen == ["Relu_c", "Abs_e", "Add_y"]
    assert [(r.op, r.name, r.unknown) for r in findings.refusals] == [
        ("Bernoulli", "Bernoulli_a", True), ("ReduceMean", "ReduceMean_b", False),
        ("brain::Spike", "s", True), ("Det", "Det_f", True)]
    assert "every axis" in findings.refusals[1].why
    assert findings.needs["ReduceMean"] == findings.needs["brain::Spike"] == 1


def test_refuses_missing_external_data(tmp_path):
    path = tmp_path / "net.onnx"
    m = model([node("MatMul", "x w", "y")], {"x": (4,)}, GEMM)
    onnx.save(m, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert from_onnx.load(path).shapes["y"] == (3,)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match="its weights lie in another file"):
        from_onnx.load(path)


@pytest.mark.parametrize("nodes, constants, words", [
    ([node("Transpose", "x", "t", perm=[1, 0, 2]), node("Reshape", "t s", "y")],
     {"s": nets.ints(8, -1)}, "mixes the batch, axis 1, with others"),
    ([node("Transpose", "x", "t", perm=[1, 0, 2]), node("Add", "x t", "y")], {},
     "batch axes at different places"),
    ([node("Concat", "x x", "y", axis=0)], {}, "works along axis 0, which is the batch"),
    ([node("Conv", "x k", "y")], {"k": random("k", 1, 4, 1, 1, 1)}, "1-D, 2-D and 3-D are"),
    ([node("Pad", "x p", "y", mode="reflect")], {"p": nets.ints(0, 4, 0, 0, 1, 0)},
     "mirrors more than axis 0"),
    ([node("Pad", "x p", "y", mode="odd")], {"p": nets.ints(0, 1, 0, 0, 1, 0)}, "mode 'odd'"),
    ([node("Resize", "x - s", "y", mode="cubic")], {"s": np.float32([1, 2, 2])}, "mode 'cubic'"),
    ([node("Resize", "x - s", "y", coordinate_transformation_mode="tf_crop_and_resize")],
     {"s": np.float32([1, 2, 2])}, "'tf_crop_and_resize' is not supported"),
    ([node("Resize", "x - s", "y")], {"s": np.float32([2, 1, 1])}, "axis 0, which is the batch"),
    ([node("Resize", "x - s", "y", mode="linear", antialias=1)],
     {"s": np.float32([1, 0.5, 1])}, "antialias"),
    ([node("Resize", "x - s", "y", mode="linear", coordinate_transformation_mode="align_corners")],
     {"s": np.float32([1, 0.6, 1])}, "different things to different runtimes"),
    ([node("Resize", "x - s", "y")], {"s": np.float32([1, 1.1, 1])}, "no size changes"),
    ([node("Conv", "x k", "y", auto_pad="SAME_LOWER", strides=[4])], {"k": random("k", 1, 4, 1)},
     "different things to different runtimes"),
    ([node("ConvTranspose", "x k", "y", auto_pad="SAME_UPPER", strides=[2])],
     {"k": random("k", 4, 1, 1)}, "different things to different runtimes"),
    *(([node("Slice", "x s e a", "y")],
       {"s": nets.ints(start), "e": nets.ints(end), "a": nets.ints(0)}, "which is the batch")
      for start, end in ((0, 1), (0, -1), (1, 1 << 40), (-1, 1 << 40))),
    ([node("Dropout", "x r t", "y")], {"r": np.float32(0.5), "t": np.array(True)},
     "in training mode"),
    ([node("DepthToSpace", "x", "y", blocksize=2)], {}, "expected (batch, channels, height"),
    ([node("Clip", "x x", "y")], {}, "must be a constant"),
    ([node("Slice", "x s e a", "y")], {"s": nets.ints(2), "e": nets.ints(2), "a": nets.ints(1)},
     "takes nothing"),
    ([node("Tanh", "x", "t"), node("Cast", "t", "y", to=6)], {}, "other than float"),
    ([node("Reshape", "x s", "y")], {"s": nets.ints(1, 17)}, "cannot turn"),
])
def test_refuses_a_node(nodes, constants, words, tmp_path):
    text = refusal(model(nodes, {"x": (4, 4)}, constants), tmp_path)
    assert words in text and nodes[-1].name in text


@pytest.mark.parametrize("nodes, words", [
    ([node("AveragePool", "x", "y", kernel_shape=[7, 3])], "is larger than its input"),
    ([node("MaxPool", "x", "y", kernel_shape=[1, 1], strides=[3, 3], auto_pad="SAME_UPPER")],
     "different things to different runtimes"),
    ([node("DepthToSpace", "x", "y", blocksize=2)], "3 channels are no multiple of 2 * 2"),
    ([node("SpaceToDepth", "x", "y", blocksize=4)], "no whole number of blocks of 4 by 4"),
    ([node("MaxPool", "x", "y i", kernel_shape=[2, 2])], "the indices"),
    ([node("ReduceMean", "x", "y")], "every axis"),
])
def test_refuses_a_pooling(nodes, words, tmp_path):
    assert words in refusal(model(nodes, {"x": (3, 6, 6)}), tmp_path)


def test_names_several_problems_at_once(tmp_path):
    m = model([node("ReduceMean", "x", "a"), node("Concat", "x x", "y", axis=0)],
              {"x": (4,)}, outputs=("a", "y"))
    text = refusal(m, tmp_path)
    assert "ReduceMean_a" in text and "Concat_y" in text


@pytest.mark.parametrize("m, words", [
    (cell("LSTM", clip=1.0), "clip"), (cell("LSTM", input_forget=1), "input_forget"),
    (cell("RNN", activations=["Tanh"], activation_alpha=[0.5]), "activation Tanh"),
    (model([node("RNN", "x w u", "y", hidden_size=2)], {"x": (4, 3)},
           {"w": random("w", 1, 2, 3), "u": random("u", 1, 2, 2)}), "the batch at axis 0")])
def test_refuses_a_cell(m, words, tmp_path):
    assert words in refusal(m, tmp_path)


def test_refuses_an_old_opset(tmp_path):
    m = model([node("Relu", "x", "y")], {"x": (4,)}, opset=5)
    assert "opset 5 is not supported; expected 6 to" in refusal(m, tmp_path)


def test_refuses_an_output_without_input(tmp_path):
    m = model([node("Relu", "c", "y")], {"x": (4,)}, {"c": random("c", 1, 4)})
    assert "'y' does not depend on the input" in refusal(m, tmp_path)


def test_a_circle_is_said_and_no_hang(tmp_path):
    graph = from_onnx.read(saved(model([node("Relu", "x", "a"), node("Neg", "a", "y")],
                                       {"x": (4,)}), tmp_path))
    first, last = graph.nodes
    with pytest.raises(ModelError, match="the value '[ay]' depends on itself"):
        graph.rebuilt([replace(first, inputs=("y",)), last])
