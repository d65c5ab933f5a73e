"""Reading ONNX: every op in every spelling computes what ONNX Runtime computes."""

import re
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from onnx import helper

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
from tests.quantize.onnx_nets import model, node, random, saved
from tests.quantize.pointwise_nets import POINTWISE
from tests.quantize.recurrent_nets import LOOPS
from tests.quantize.spatial_nets import SPATIAL


class Single(NamedTuple):
    """A network of one op, or of a few."""

    name: str
    model: onnx.ModelProto


SINGLE = [Single(*named) for named in (
    *nets.single_ops(), *NORMS, *POINTWISE, *LOOPS, *SPATIAL, *layout_nets.FIRST)]


@pytest.mark.parametrize("door", [
    from_onnx.load, pytest.param(from_onnx.read, marks=pytest.mark.slow)])
@each("single", SINGLE)
def test_an_op_computes_what_onnx_runtime_computes(single, door, tmp_path):
    m = single.model
    feeds = nets.inputs(m, 1)
    expected = nets.run(m, feeds, 0)[0]
    graph = door(saved(m, tmp_path))
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


def test_keeps_metadata_and_the_digest(tmp_path):
    import hashlib
    m = model([node("Relu", "x", "y")], {"x": (4,)})
    m.metadata_props.add(key="dsplet.model", value="lenet")
    path = saved(m, tmp_path)
    graph = from_onnx.load(path)
    assert graph.metadata == (("dsplet.model", "lenet"),)
    assert graph.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


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
