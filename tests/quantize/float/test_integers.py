"""Integers among the values of a float network: what is cast, divided and folded is what ONNX
Runtime makes of it, or refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.model import to_model
from dsplet.quantize.float.node import ModelError
from tests.each import each
from tests.quantize import onnx_nets as nets
from tests.quantize.onnx_nets import ints, model, node, random

FLOAT, INT8, UINT8, INT32, INT64 = (TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8,
                                    TensorProto.INT32, TensorProto.INT64)
X = np.float32([[1.7, -1.7, 2.0, -0.3, 7.0], [0.0, 5.9, -6.0, 250.2, -3.5]])
N = np.array([[1, 2, 3, -3, 7], [0, 5, -6, 100, -7]])


def typed(nodes: list, constants: dict, kind: int = FLOAT, outputs=("y",)) -> onnx.ModelProto:
    """x: (N, 5) of a type."""
    m = model(nodes, {"x": (5,)}, constants, outputs)
    m.graph.input[0].type.tensor_type.elem_type = kind
    return m


def to_float(*nodes) -> list:
    """From x to i by the nodes, and that as floats, with a network of its own beside it."""
    return [*nodes, node("Cast", "i", "f", to=FLOAT), node("Mul", "f half", "y")]


HALF = {"half": np.float32(0.5), "two": np.array(2), "three": np.array([3]), "minus": ints(-2)}
CASES = {
    "cast": (FLOAT, [node("Cast", "x", "i", to=INT64)]),
    "cast of what is moved": (FLOAT, [node("Reshape", "x shape", "m"),
                                      node("Cast", "m", "i", to=INT32)]),
    "cast like": (FLOAT, [node("CastLike", "x two", "i")]),
    "cast like one of the values": (FLOAT, [node("Cast", "x", "j", to=INT64),
                                            node("Abs", "j", "k"), node("CastLike", "x k", "i")]),
    "wider": (INT8, [node("Cast", "x", "i", to=TensorProto.INT16)]),
    "places": (FLOAT, [node("ArgMax", "x", "j", axis=1), node("Cast", "j", "i", to=UINT8)]),
    "a truth": (FLOAT, [node("Cast", "x", "j", to=TensorProto.BOOL),
                        node("Cast", "j", "i", to=INT8)]),
    "division": (INT64, [node("Div", "x two", "i")]),
    "division by a negative": (INT64, [node("Div", "x minus", "i")]),
    "division of an integer that was cast": (FLOAT, [node("Cast", "x", "j", to=INT64),
                                                     node("Div", "j three", "i")]),
    "division of places": (FLOAT, [node("ArgMax", "x", "j", axis=1), node("Div", "j two", "i")]),
    "division of places that were moved": (FLOAT, [
        node("ArgMax", "x", "j", axis=1), node("Squeeze", "j one", "k"), node("Neg", "k", "l"),
        node("Unsqueeze", "l one", "m"), node("Div", "m two", "i")]),
    "a power": (INT64, [node("Pow", "x two", "i")]),
    "a power of 2": (FLOAT, [node("ArgMax", "x", "j", axis=1), node("Pow", "two j", "i")]),
}


@each("name", [*CASES])
def test_integers(name):
    kind, nodes = CASES[name]
    m = typed(to_float(*nodes), HALF | {"shape": ints(-1, 5), "one": ints(1)}, kind)
    x = X if kind == FLOAT else N.astype(np.int8 if kind == INT8 else np.int64)
    wanted, = nets.run(m, {"x": x})
    graph, findings = from_onnx.examine(m, "", "net")
    assert graph is not None, findings.refusals
    for g in (graph, from_onnx.simplify(graph)):
        y, = nets.run(to_model(g), {"x": x.astype(np.float32)})
        assert np.allclose(y, wanted), (y, wanted)


def test_what_is_but_an_index_keeps_no_rounding():
    """Who picks by it rounds; so its steps can be whole numbers."""
    m = model([node("Cast", "x", "i", to=INT64), node("Squeeze", "i one", "j"),
               node("Gather", "t j", "y")], {"x": (1,)}, {"t": random("t", 9, 2), "one": ints(1)})
    graph = from_onnx.simplify(from_onnx.examine(m, "", "net")[0])
    assert not {n.op for n in graph.nodes} - {"Constant", "Gather", "Reshape"}
    x = np.float32([[1.7], [0.2], [8.0]])
    assert np.array_equal(nets.run(to_model(graph), {"x": x})[0], nets.run(m, {"x": x})[0])


def test_a_constant_that_is_cast_like_a_value_has_its_type():
    m = typed([node("CastLike", "c x", "d"), node("Cast", "d", "e", to=FLOAT),
               node("Cast", "x", "f", to=FLOAT), node("Add", "e f", "y")],
              {"c": np.float32([1.5, 2.5, -1.5, 0, 1])}, INT64)
    graph, _ = from_onnx.examine(m, "", "net")
    assert np.allclose(nets.run(to_model(graph), {"x": N.astype(np.float32)})[0],
                       nets.run(m, {"x": N})[0])


def test_states_of_a_loop_are_of_the_type_they_begin_with():
    """Halves of an integer, step by step: 13, 6, 3."""
    body = helper.make_graph(
        [node("Div", "s two", "next"), node("Identity", "next", "out")], "step",
        [helper.make_tensor_value_info("s", INT64, None),
         helper.make_tensor_value_info("clock", FLOAT, None)],
        [helper.make_tensor_value_info(v, INT64, None) for v in ("next", "out")])
    m = typed([node("Cast", "x", "i", to=INT64),
               node("Scan", "i clock", "last ys", body=body, num_scan_inputs=1),
               node("Cast", "last", "f", to=FLOAT), node("Div", "last two", "h"),
               node("Cast", "h", "g", to=FLOAT), node("Add", "f g", "y")],
              {"clock": np.zeros(3, np.float32), "two": np.array(2)})
    graph, findings = from_onnx.examine(m, "", "net")
    assert graph is not None, findings.refusals
    x = np.float32([[13.6, -13.6, 99, 7, -8]])
    assert np.allclose(nets.run(to_model(graph), {"x": x})[0], nets.run(m, {"x": x})[0])


@pytest.mark.parametrize("nodes, kind, words", [
    ([node("Div", "x x", "i")], INT64, "Div 'Div_i': divides integers by something other"),
    ([node("Div", "two x", "i")], INT64, "Div 'Div_i': divides integers by something other"),
    ([node("Div", "x many", "i")], INT64, "Div 'Div_i': divides integers by something other"),
    ([node("Div", "x zero", "i")], INT64, "Div 'Div_i': divides integers by something other"),
    ([node("ReduceMean", "x one", "i")], INT64, "of which runtimes keep the whole part"),
    ([node("Pow", "x half", "i")], INT64, "that is a fraction"),
    ([node("Pow", "two x", "i")], INT64, "that may be negative"),
    ([node("Pow", "two x", "i")], FLOAT, "that may be negative"),
    ([node("Cast", "x", "i", to=UINT8)], INT64, "casts integers to uint8, which may not hold them"),
    ([node("Cast", "x", "i", to=INT8)], UINT8, "casts integers to int8, which may not hold them"),
    ([node("Cast", "x", "i", to=INT8)], FLOAT, "casts an input of the network to int8"),
    ([node("Sub", "x short", "i")], UINT8, "computes with uint8, which may not hold what it gives"),
    ([node("ArgMax", "x", "j", axis=1), node("Sub", "j two", "k"), node("Gather", "rows k", "i")],
     FLOAT, "picks by 'k', which may be negative"),
    ([node("ArgMax", "x", "j", axis=1), node("Neg", "j", "k"), node("OneHot", "k two ends", "i")],
     FLOAT, "picks by 'k', which may be negative"),
    ([node("Tanh", "x", "t"), node("CastLike", "t two", "i")], FLOAT, "other than float"),
])
def test_refuses(nodes, kind, words, tmp_path):
    m = typed(to_float(*nodes), HALF | {
        "many": np.arange(1, 6), "zero": ints(0), "one": ints(1), "short": np.uint8(1),
        "rows": random("t", 9, 2), "ends": np.float32([0, 1])}, kind)
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    with pytest.raises(ModelError) as e:
        from_onnx.load(tmp_path / "net.onnx")
    assert words in str(e.value)
