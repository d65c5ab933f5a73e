"""Reading ONNX: every op in every spelling computes what ONNX Runtime computes; clear refusals."""

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from onnx import helper

from dsplet.base.files import FileError
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float import model as float_model
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.float.reading import READERS, op_of
from tests.each import each
from tests.quantize import layout_nets
from tests.quantize import onnx_nets as nets
from tests.quantize.choosing_nets import CHOOSING
from tests.quantize.norm_nets import NORMS
from tests.quantize.onnx_nets import model, node, random
from tests.quantize.pointwise_nets import POINTWISE
from tests.quantize.recurrent_nets import LOOPS, cell
from tests.quantize.spatial_nets import SPATIAL


class Single(NamedTuple):
    """A network of one op, or of a few."""

    name: str
    model: onnx.ModelProto


SINGLE = [Single(*named) for named in (
    *nets.single_ops(), *NORMS, *POINTWISE, *LOOPS, *SPATIAL, *layout_nets.FIRST)]


def saved(m, tmp_path, name="net.onnx"):
    path = tmp_path / name
    path.write_bytes(m if isinstance(m, bytes) else m.SerializeToString())
    return path


@each("single", SINGLE)
def test_an_op_computes_what_onnx_runtime_computes(single, tmp_path):
    m = single.model
    feeds = nets.inputs(m, 1)
    expected = nets.run(m, feeds, 0)[0]
    for graph in (from_onnx.read(saved(m, tmp_path)), from_onnx.load(saved(m, tmp_path))):
        again = nets.session(float_model.to_model(graph), 0)
        assert np.allclose(again.run(None, feeds)[0], expected, rtol=1e-4, atol=1e-5)
        batch = again.run(None, {k: np.concatenate([x, x + 1, x]) for k, x in feeds.items()})[0]
        assert batch.shape == (3, *expected.shape[1:])
        assert np.allclose(batch[2], expected[0], rtol=1e-4, atol=1e-5)
        assert graph.shapes[graph.outputs[0]] == expected.shape[1:]


def test_every_reader_has_a_case():
    models = [*(single.model for single in SINGLE), *CHOOSING.values()]
    used = {op_of(n) for m in models for n in m.graph.node}
    assert not set(READERS) - used


def refusal(m, tmp_path) -> str:
    with pytest.raises(ModelError) as e:
        from_onnx.load(saved(m, tmp_path))
    assert str(tmp_path) in str(e.value)
    return str(e.value)


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


def test_a_branch_that_no_output_needs_harms_nobody(tmp_path):
    """Nor what only the body of a loop reads is taken for one."""
    m = model([node("Relu", "x", "y"), node("Det", "x", "d"), node("NonZero", "d", "z")],
              {"x": (4, 4)})
    assert [n.op for n in from_onnx.load(saved(m, tmp_path)).nodes] == ["Clamp"]
    assert not from_onnx.survey(saved(m, tmp_path))[1].needs["Det"]
    body = helper.make_graph([helper.make_node("Add", ["s", "a"], ["t"]),
                              helper.make_node("Identity", ["t"], ["o"])], "body",
                             [onnx.ValueInfoProto(name=n) for n in ("s", "i")],
                             [onnx.ValueInfoProto(name=n) for n in ("t", "o")])
    scan = helper.make_node("Scan", ["x", "q"], ["y", "z"], body=body, num_scan_inputs=1)
    m = model([node("Abs", "x", "a"), node("Neg", "x", "q"), scan, node("Det", "q", "d")],
              {"x": (4, 4)})
    assert [n.op_type for n in from_onnx.needed(m.graph)] == ["Abs", "Neg", "Scan"]


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


def test_keeps_metadata_and_the_digest(tmp_path):
    import hashlib
    m = model([node("Relu", "x", "y")], {"x": (4,)})
    m.metadata_props.add(key="dsplet.model", value="lenet")
    path = saved(m, tmp_path)
    graph = from_onnx.load(path)
    assert graph.metadata == (("dsplet.model", "lenet"),)
    assert graph.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def renamed(m, names):
    """The model with other names of values, whose order of nodes stays."""
    for n in m.graph.node:
        n.input[:] = [names.get(i, i) for i in n.input]
        n.output[:] = [names.get(o, o) for o in n.output]
    return m


@pytest.mark.parametrize("name", ["c/pad", "y/pad", "a/relu", "c/Relu_r", "t1/", "c0/", "f/reshape",
                                  "Conv_c", "f/transpose"])
def test_a_name_that_is_made_up_is_no_other_values(name, tmp_path):
    """Values of the file called as dsplet would call its own, before and behind where it does."""
    def net():
        return model([
            node("Conv", "x w", "c", pads=[1, 1]),
            node("MaxPool", "c", "p", kernel_shape=[3], pads=[1, 1]), node("Relu", "p", "r"),
            node("ReduceMean", "r axes", "f"), node("Add", "c f", "a"),
            node("Conv", "a w", "d", pads=[1, 1]), node("Mul", "d rows", "y")],
            {"x": (2, 6)}, {"w": random("w", 2, 2, 3), "axes": nets.ints(1),
                            "rows": random("rows", 6)})

    feeds = nets.inputs(net(), 3)
    expected = nets.run(net(), feeds)[0]
    for value in "cprfad":
        graph = from_onnx.load(saved(renamed(net(), {value: name}), tmp_path))
        assert np.allclose(nets.run(float_model.to_model(graph), feeds)[0], expected, atol=1e-5)
        assert len({n.name for n in graph.nodes}) == len({n.output for n in graph.nodes}) == len(
            graph.nodes)


@pytest.mark.parametrize("name", ["RNN_y/up/last_0", "y/step", "y/gemm", "y/up", "RNN_y/up"])
def test_a_loop_keeps_its_names_to_itself(name, tmp_path):
    def net():
        return model([node("Transpose", "x", "t", perm=[1, 0, 2]),
                      node("RNN", "t w u", "y h", hidden_size=2), node("Neg", "h", "v"),
                      node("Squeeze", "v zero", "z"), node("Tanh", "z", "last")],
                     {"x": (4, 3)}, {"w": random("w", 1, 2, 3), "u": random("u", 1, 2, 2),
                                     "zero": nets.ints(0)}, outputs=("last",))

    feeds = nets.inputs(net(), 2)
    expected = nets.run(net(), feeds)[0]
    for value in "thvz":
        graph = from_onnx.load(saved(renamed(net(), {value: name}), tmp_path))
        assert np.allclose(nets.run(float_model.to_model(graph), feeds)[0], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["d/function", "x/function", "loop/d", "last_0", "d/linear"])
def test_a_body_has_names_like_any_graph(name, tmp_path):
    def info(v):
        return helper.make_tensor_value_info(v, nets.FLOAT, None)

    def net(value=""):
        body = renamed(helper.make_model(helper.make_graph(
            [node("Abs", "s", "a"), node("Add", "a one", "b"), node("Div", "two b", "d"),
             node("Add", "d e", "new"), node("Tanh", "new", "out")], "step",
            [info("s"), info("e")], [info("new"), info("out")])), {value: name}).graph
        return model([node("Scan", "h x", "last ys", body=body, num_scan_inputs=1,
                           scan_input_axes=[1], scan_output_axes=[1]),
                      node("Flatten", "ys", "y")], {"h": (3,), "x": (4, 3)},
                     {"one": np.float32(1), "two": np.float32(2)})

    feeds = nets.inputs(net(), 2)
    expected = nets.run(net(), feeds)[0]
    for value in "abd":
        graph = from_onnx.load(saved(net(value), tmp_path))
        assert np.allclose(nets.run(float_model.to_model(graph), feeds)[0], expected, atol=1e-5)


def test_a_circle_is_said_and_no_hang(tmp_path):
    graph = from_onnx.read(saved(model([node("Relu", "x", "a"), node("Neg", "a", "y")],
                                       {"x": (4,)}), tmp_path))
    first, last = graph.nodes
    with pytest.raises(ModelError, match="the value '[ay]' depends on itself"):
        graph.rebuilt([replace(first, inputs=("y",)), last])


def test_equal_node_names_are_told_apart(tmp_path):
    twins = [node("Sigmoid", "x", "a"), node("Gemm", "a w", "b"), node("Sigmoid", "b", "y")]
    for n in twins:
        n.name = "same"
    graph = from_onnx.load(saved(model(twins, {"x": (4,)}, {"w": random("w", 4, 4)}), tmp_path))
    assert len({n.name for n in graph.nodes}) == 3


def branches(nodes: list, output: str, other: str) -> dict[str, onnx.GraphProto]:
    """The two branches of an If: what is computed, and another value as it is."""
    given = helper.make_tensor_value_info
    return {"then_branch": helper.make_graph(nodes, "then", [], [given(output, nets.FLOAT, None)]),
            "else_branch": helper.make_graph([node("Identity", other, "o")], "else", [],
                                             [given("o", nets.FLOAT, None)])}


def test_what_a_branch_computes_is_not_taken_for_a_value_of_that_name(tmp_path):
    """b of the If called `if`, and the value if/b beside it."""
    taken = helper.make_node("If", ["yes"], ["c"], "if", **branches(
        [node("Add", "x x", "b"), node("Mul", "b b", "d")], "d", "x"))
    for nodes in ([node("Neg", "x", "if/b"), taken], [taken, node("Neg", "x", "if/b")]):
        m = model([*nodes, node("Sub", "c if/b", "y")], {"x": (3,)}, {"yes": np.array(True)})
        x = {"x": random("x", 2, 3)}
        assert np.allclose(nets.run(float_model.to_model(from_onnx.load(saved(m, tmp_path))), x)[0],
                           nets.run(m, x)[0], atol=1e-6)


@pytest.mark.parametrize("inner", ["b", "o"])
def test_a_branch_within_a_branch_reads_its_values(inner, tmp_path):
    """Where the network has other values of those names behind it."""
    within = helper.make_node("If", ["yes"], ["c"], "inner", **branches(
        [node("Mul", f"{inner} x", "o")] if inner == "b" else [node("Mul", "b x", "b2"),
                                                                node("Add", "b2 b", "o")],
        "o", "x"))
    taken = helper.make_node("If", ["yes"], ["d"], "outer", **branches(
        [node("Add", "x x", "b"), within, node("Add", "c b", "e")], "e", "x"))
    m = model([taken, node("Neg", "d", "f"), node("Tanh", "f", "y")], {"x": (3,)},
              {"yes": np.array(True)})
    x = {"x": random("x", 2, 3)}
    assert np.allclose(nets.run(float_model.to_model(from_onnx.load(saved(m, tmp_path))), x)[0],
                       nets.run(m, x)[0], atol=1e-6)


@pytest.mark.parametrize("nodes", [
    [node("Mul", "m c", "y")], [node("Mul", "c m", "n"), node("Max", "n c", "y")],
    [node("Sigmoid", "m", "n"), node("Add", "n m", "o"), node("Div", "o c", "y")],
    [node("PRelu", "m c", "y")], [node("Greater", "m c", "n"), node("Cast", "n", "y", to=1)],
    [node("Pow", "m two", "y")], [node("Clip", "m - c", "y")]])
def test_a_sample_may_be_one_number(nodes, tmp_path):
    m = model([node("ReduceMean", "x axes", "m", keepdims=0), *nodes], {"x": (4,)},
              {"axes": nets.ints(1), "c": np.float32(0.3), "two": np.float32(2)})
    x = {"x": random("x", 5, 4)}
    wanted, = nets.run(m, x)
    for graph in (from_onnx.read(saved(m, tmp_path)), from_onnx.load(saved(m, tmp_path))):
        y, = nets.run(float_model.to_model(graph), x)
        assert y.shape == wanted.shape == (5,) and np.allclose(y, wanted, atol=1e-6)


@pytest.mark.parametrize("op, words", [("Identity", "the input 'x' is a tensor(bfloat16)"),
                                       ("Neg", "ONNX Runtime does not run it")])
def test_what_onnx_runtime_has_no_numbers_for(op, words, tmp_path):
    m = model([node(op, "x", "a"), node("Cast", "a", "y", to=nets.FLOAT)], {"x": (3,)})
    m.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.BFLOAT16
    with pytest.raises(ModelError, match=re.escape(words)):
        FloatNetwork(saved(m, tmp_path))


@pytest.mark.parametrize("op, inputs", [("SkipLayerNormalization", "x z g b"),
                                        ("SkipSimplifiedLayerNormalization", "x z g")])
def test_what_a_sum_is_normalised_by_is_an_output(op, inputs, tmp_path):
    """The third of both, though the second of one holds nothing."""
    normalised = node(op, inputs, "u m f s", epsilon=1e-5)
    normalised.domain = "com.microsoft"
    m = model([normalised, node("Mul", "s f", "t"), node("Sub", "t u", "y")],
              {"x": (5, 8), "z": (5, 8)}, {"g": random("g", 8), "b": random("b", 8)})
    m.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    x = {v: random(v, 2, 5, 8) for v in "xz"}
    assert np.allclose(nets.run(float_model.to_model(from_onnx.load(saved(m, tmp_path))), x)[0],
                       nets.run(m, x)[0], atol=1e-5)


@pytest.mark.parametrize("op", ["Max", "Min"])
def test_a_number_with_more_axes_than_a_value_gives_it_those(op, tmp_path):
    m = model([node(op, "x c", "y")], {"x": (4,)}, {"c": np.full((1, 1, 1), 0.2, np.float32)})
    graph, x = from_onnx.load(saved(m, tmp_path)), {"x": random("x", 3, 4)}
    wanted, = nets.run(m, x)
    assert wanted.shape == (1, 3, 4)
    assert np.array_equal(nets.run(float_model.to_model(graph), x)[0],
                          graph.batches["y"].samples(wanted))


@pytest.mark.parametrize("op, inputs", [("Pow", "x c"), ("Pow", "c x"), ("Mod", "x c")])
def test_a_number_beside_a_function_has_no_more_axes(op, inputs, tmp_path):
    attributes = {"fmod": 1} if op == "Mod" else {}
    m = model([node(op, inputs, "y", **attributes)], {"x": (4,)},
              {"c": np.full((1, 1, 1), 2, np.float32)})
    with pytest.raises(ModelError, match="has 3 axes, more than the value it meets"):
        from_onnx.load(saved(m, tmp_path))


@pytest.mark.parametrize("nodes, shape", [
    ([node("Pad", "x none", "y")], ()), ([node("Pad", "x none", "y", mode="edge")], ()),
    ([node("Where", "no c x", "y")], (4,)), ([node("Trilu", "x below", "y", upper=1)], (1, 4))])
def test_what_changes_nothing_between_input_and_output(nodes, shape, tmp_path):
    m = model(nodes, {"x": shape}, {"none": nets.ints(0, 0), "no": np.array(False),
                                    "c": random("c", 4), "below": np.array(-1)})
    x = {"x": random("x", 3, *shape)}
    graph = from_onnx.load(saved(m, tmp_path))
    assert np.array_equal(nets.run(float_model.to_model(graph), x)[0], nets.run(m, x)[0])


def test_a_one_hot_code_has_none_beyond_its_depth(tmp_path):
    """Of places that are known, and of what the network is given."""
    nodes = [node("ArgMax", "x", "i", axis=1, keepdims=0, select_last_index=1),
             node("OneHot", "i three ends", "a"), node("Cast", "x", "j", to=onnx.TensorProto.INT64),
             node("OneHot", "j three ends", "b")]
    x = np.float32([[0, 4, 2, 1, 5], [3, 0, 1, 2, 2], [1, 6, 2, 3, 0]])
    m = model(nodes, {"x": (5,)}, {"three": np.array(3), "ends": np.float32([-1, 1])},
              outputs=("a", "b"))
    graph = from_onnx.load(saved(m, tmp_path))
    for y, wanted in zip(nets.run(float_model.to_model(graph), {"x": x}), nets.run(m, {"x": x}),
                         strict=True):
        assert np.array_equal(y, wanted)

