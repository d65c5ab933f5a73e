"""Reading ONNX: names that are made up, and those of bodies inside bodies, are no other value's."""

import numpy as np
import onnx
import pytest
from onnx import helper

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float import model as float_model
from tests.quantize import onnx_nets as nets
from tests.quantize.onnx_nets import model, node, random, saved


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
