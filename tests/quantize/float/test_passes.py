"""Passes: the network computes the same before and after each, and comes out as short as it can."""

from dataclasses import replace

import numpy as np
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float import model as float_model
from dsplet.quantize.float.bounds import bounds_of
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.passes import PASSES, simplify
from dsplet.quantize.float.passes.clamps import fuse_clamps
from tests.quantize import onnx_nets as nets
from tests.quantize.choosing_nets import CHOOSING, feeds
from tests.quantize.onnx_nets import model, node, random


def read(m, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    return from_onnx.read(path)


def ops(graph) -> list[str]:
    return [n.op for n in graph.nodes]


@pytest.mark.parametrize("net", nets.NETS)
def test_each_pass_keeps_every_value_that_survives(net, tmp_path):
    m = nets.NETS[net]()
    graph, feeds = read(m, tmp_path), nets.inputs(m, 7)
    original = FloatNetwork(tmp_path / "net.onnx", [n.output for n in graph.nodes])(feeds)
    for p in PASSES:
        graph = p(graph)
        names = [n.output for n in graph.nodes]
        values = nets.run(float_model.to_model(graph, names), feeds)
        for name, value in zip(names, values, strict=True):
            if name in original:
                assert np.allclose(value, original[name], rtol=1e-4, atol=1e-5), (p, name)
        assert set(graph.outputs) <= set(names) & set(original)
        assert len({n.name for n in graph.nodes}) == len(graph.nodes)


@pytest.mark.parametrize("net", nets.NETS)
def test_simplify_is_done_at_once(net, tmp_path):
    graph = simplify(read(nets.NETS[net](), tmp_path))
    again = simplify(graph)
    assert [(n.op, n.name, n.inputs, n.output) for n in again.nodes] == [
        (n.op, n.name, n.inputs, n.output) for n in graph.nodes]


def test_relu_net_becomes_its_weighted_ops(tmp_path):
    graph = simplify(read(nets.relu_net(), tmp_path))
    assert ops(graph) == ["Pad", "Conv", "MaxPool", "Pad", "Conv", "Add", "AveragePool", "Reshape",
                          "Gemm", "Gemm"]
    clamps = [n.bounds for n in graph.nodes]
    assert clamps[1] == (0, np.inf) and clamps[5] == (0, 6) and clamps[8] == (0, np.inf)


def test_tanh_net_becomes_tables_and_weights(tmp_path):
    graph = simplify(read(nets.tanh_net(), tmp_path))
    assert ops(graph) == ["Pad", "Conv", "Function", "Slice", "Conv", "Slice", "Conv", "Concat",
                          "Function", "Conv", "Function", "Reshape", "Gemm", "LogSoftmax"]
    first, h1, *_ = (n for n in graph.nodes if n.op in ("Conv", "Function"))
    assert first.bias.shape == (8, 6, 6)
    assert str(h1.expr) == "1.7159*tanh(0.666667*x)"
    assert h1.name == "Tanh_t1" and h1.output == "h1"
    depthwise = graph.nodes[9]
    assert depthwise.groups == 6 and depthwise.weight.shape == (6, 1, 2, 2)


@pytest.mark.parametrize("name, left", [
    ("lstm", {"Gemm": 2, "GemmSum": 0}), ("lstm_both_ways", {"Gemm": 4, "GemmSum": 0}),
    ("beside", {"Gemm": 0, "GemmSum": 1, "Concat": 0}), ("one_hot", {"Gemm": 0})])
def test_products_with_rows_of_a_table_are_looked_up(name, left, tmp_path):
    m = CHOOSING[name]
    graph = simplify(read(m, tmp_path))
    assert {op: ops(graph).count(op) for op in left} == left
    x = feeds(m, 30, 3)
    assert np.allclose(nets.run(float_model.to_model(graph), x)[0], nets.run(m, x)[0], atol=1e-5)


def test_a_table_of_products_that_would_be_large_is_not_made(tmp_path):
    m = model([node("Cast", "x", "i", to=7), node("Gather", "t i", "e"),
               node("Flatten", "e", "f"), node("Gemm", "f w", "y")], {"x": (1,)},
              {"t": random("t", 200, 2), "w": random("w", 2, 50)})
    assert ops(simplify(read(m, tmp_path))) == ["Constant", "Reshape", "Gather", "Gemm"]


@pytest.mark.parametrize("factor", [4.0, -0.5])
def test_a_factor_behind_a_relu_goes_into_the_weights(factor, tmp_path):
    m = model([node("Gemm", "x w", "a"), node("Clip", "a low high", "b"), node("Mul", "b c", "d"),
               node("Gemm", "d w", "y")], {"x": (4,)},
              {"w": random("w", 4, 4), "c": np.float32(factor), "low": np.float32(-0.25),
               "high": np.float32(1.5)})
    graph, feeds = simplify(read(m, tmp_path)), nets.inputs(m, 50)
    assert ops(graph) == ["Gemm", "Gemm"]
    assert np.allclose(nets.run(float_model.to_model(graph), feeds)[0], nets.run(m, feeds)[0],
                       atol=1e-5)


def test_a_factor_before_weights_goes_into_them(tmp_path):
    m = model([node("Softmax", "x", "a"), node("Mul", "a c", "b"), node("Flatten", "b", "d"),
               node("Gemm", "d w", "y")], {"x": (2, 3)},
              {"w": random("w", 6, 4), "c": np.float32(0.25)})
    graph, feeds = simplify(read(m, tmp_path)), nets.inputs(m, 5)
    assert ops(graph) == ["Softmax", "Reshape", "Gemm"]
    assert np.allclose(nets.run(float_model.to_model(graph), feeds)[0], nets.run(m, feeds)[0],
                       atol=1e-5)


def test_a_bias_behind_a_product_of_rows_goes_into_it(tmp_path):
    """torch.nn.Linear on (rows, features) is exported as a product and a sum."""
    m = model([node("MatMul", "x w", "a"), node("Add", "a c", "y")], {"x": (3, 4)},
              {"w": random("w", 4, 5), "c": random("c", 5)})
    graph, feeds = simplify(read(m, tmp_path)), nets.inputs(m, 6)
    assert ops(graph) == ["Gemm"]
    assert np.allclose(nets.run(float_model.to_model(graph), feeds)[0], nets.run(m, feeds)[0],
                       atol=1e-5)


def test_trees_become_one_function_each(tmp_path):
    graph = simplify(read(nets.trees_net(), tmp_path))
    assert ops(graph).count("Function") == 3 and "Mul" not in ops(graph)
    x = np.linspace(-4, 4, 41)
    silu = graph.makers["silu"].expr(x)
    assert np.allclose(silu, x / (1 + np.exp(-x)))


def test_a_multiply_read_twice_is_not_folded(tmp_path):
    m = model([node("Gemm", "x w", "a"), node("Mul", "a c", "b"), node("Add", "a b", "y")],
              {"x": (4,)}, {"w": random("w", 4, 4), "c": random("c", 4)})
    graph = simplify(read(m, tmp_path))
    feeds = nets.inputs(m, 5)
    assert np.allclose(nets.run(float_model.to_model(graph), feeds)[0], nets.run(m, feeds)[0],
                       atol=1e-5)
    assert ops(graph) == ["Gemm", "Mul", "Add"] or "Constant" in ops(graph)


def test_an_output_keeps_its_name_through_identities(tmp_path):
    m = model([node("Gemm", "x w", "a"), node("Identity", "a", "b"), node("Dropout", "b", "y")],
              {"x": (4,)}, {"w": random("w", 4, 4)})
    graph = simplify(read(m, tmp_path))
    assert ops(graph) == ["Gemm"] and graph.nodes[0].output == "y"


def test_two_outputs_of_one_value_stay_two(tmp_path):
    m = model([node("Gemm", "x w", "y"), node("Identity", "y", "z")], {"x": (4,)},
              {"w": random("w", 4, 4)}, outputs=("y", "z"))
    graph = simplify(read(m, tmp_path))
    feeds = nets.inputs(m, 3)
    y, z = nets.run(float_model.to_model(graph), feeds)
    assert np.array_equal(y, z) and graph.outputs == ("y", "z")


def test_clamps_of_a_value_read_twice_stay(tmp_path):
    m = model([node("Gemm", "x w", "a"), node("Relu", "a", "b"), node("Add", "a b", "y")],
              {"x": (4,)}, {"w": random("w", 4, 4)})
    graph = simplify(read(m, tmp_path))
    feeds = nets.inputs(m, 5)
    assert np.allclose(nets.run(float_model.to_model(graph), feeds)[0], nets.run(m, feeds)[0],
                       atol=1e-5)


def test_dead_nodes_go(tmp_path):
    m = model([node("Gemm", "x w", "y"), node("Tanh", "y", "unused")], {"x": (4,)},
              {"w": random("w", 4, 4)})
    graph = read(m, tmp_path)
    assert ops(graph) == ["Gemm"]
    assert ops(replace(graph).rebuilt(graph.nodes)) == ["Gemm"]


@pytest.mark.parametrize("bound, left", [(2.0, 1), (2.5, 1), (1.5, 2)])
def test_a_clamp_of_what_cannot_leave_its_bounds_goes(bound, left, tmp_path):
    m = model([node("Clip", "x zero two", "a"), node("MaxPool", "a", "b", kernel_shape=[2, 2]),
               node("Pad", "b p", "c"), node("Clip", "c zero bound", "y")], {"x": (1, 4, 4)},
              {"zero": np.float32(0), "two": np.float32(2), "bound": np.float32(bound),
               "p": nets.ints(0, 0, 1, 1, 0, 0, 1, 1)})
    graph = simplify(read(m, tmp_path))
    assert ops(graph).count("Clamp") == left
    x = {"x": random("clamps", 3, 1, 4, 4) * 4}
    assert np.array_equal(nets.run(float_model.to_model(graph), x)[0], nets.run(m, x)[0])


@pytest.mark.parametrize("nodes, shape", [
    ([node("AveragePool", "x", "a", kernel_shape=[17, 17], pads=[8] * 4), node("Sigmoid", "a", "y")
      ], (1, 17, 17)),
    ([node("AveragePool", "x", "a", kernel_shape=[17, 17], dilations=[2, 2]),
      node("Sigmoid", "a", "y")], (1, 40, 40)),
    ([node("GlobalAveragePool", "x", "a"), node("Pad", "a p one", "b"), node("Sigmoid", "b", "y")],
     (1, 17, 17)),
    ([node("GlobalAveragePool", "x", "a"), node("Sigmoid", "a", "b"),
      node("Relu", "x", "a/averagepool/sum"),
      node("Mul", "b a/averagepool/sum", "y")], (1, 17, 17))],
    ids=["counts", "dilations", "border", "names"])
def test_a_function_of_a_mean_is_that_of_the_sum(nodes, shape, tmp_path):
    m = model(nodes, {"x": shape}, {"p": nets.ints(0, 0, 1, 1, 0, 0, 1, 1), "one": np.float32(1)})
    graph = simplify(read(m, tmp_path))
    x = {"x": random("means", 2, *shape) + 0.5}
    found, = nets.run(float_model.to_model(graph), x)
    wanted, = nets.run(m, x)
    assert found.shape == wanted.shape and np.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("functions, low, high, bound, left", [
    ([node("Sub", "a shift", "b"), node("Reciprocal", "b", "c")], 0, 1, 25_000, 1),
    ([node("Mul", "a turns", "b"), node("Sin", "b", "c")], 0, 1, 0.5, 1),
    ([node("Sigmoid", "a", "b"), node("Sub", "a shift", "d"), node("Mul", "b d", "c")],
     -1, 1, 1.5, 0),
    ([node("Tanh", "a", "c")], -1, 1, 0.7615, 1), ([node("Tanh", "a", "c")], -1, 1, 0.7616, 0)],
    ids=["a pole", "waves", "a product", "just inside", "just outside"])
def test_a_clamp_goes_where_it_is_proved_to_do_nothing(functions, low, high, bound, left,
                                                       tmp_path):
    """Not where it was looked for at many places: at 0.3 the inverse of x - 0.3 is without end, and
    the sine of so many turns is 0 at each of 4097 places."""
    m = model([node("Clip", "x low high", "a"), *functions, node("Clip", "c least most", "y")],
              {"x": (3,)}, {"low": np.float32(low), "high": np.float32(high),
                            "shift": np.float32(0.3), "turns": np.float32(4096 * np.pi),
                            "most": np.float32(bound), "least": np.float32(-bound)},
              outputs=("a", "c", "y"))
    graph = simplify(read(m, tmp_path))
    assert ops(graph).count("Clamp") == 1 + left
    x = {"x": np.float32([[0.3 + 1e-6, 0.999, 0.3 - 1e-6], [0.1, 0.12345, -0.9]])}
    found, wanted = nets.run(float_model.to_model(graph), x)[2], nets.run(m, x)[2]
    assert np.allclose(found, wanted, rtol=1e-3, atol=2e-3)


def test_a_clamp_outside_of_what_a_value_holds_leaves_one_number(tmp_path):
    m = model([node("Clip", "x zero one", "a"), node("AveragePool", "a", "b", kernel_shape=[2]),
               node("Clip", "b two three", "c"), node("Clip", "c zero one", "y")],
              {"x": (1, 4)}, {"zero": np.float32(0), "one": np.float32(1), "two": np.float32(2),
                              "three": np.float32(3)}, outputs=("c", "y"))
    graph = fuse_clamps(read(m, tmp_path))
    assert bounds_of(graph)["c"] == (2, 2)
    x = {"x": np.float32([[[-1, 0.5, 4, 0]]])}
    for y, wanted in zip(nets.run(float_model.to_model(simplify(graph)), x), nets.run(m, x),
                         strict=True):
        assert np.array_equal(y, wanted)
