"""Ops that work element by element, quantized: the square closes, and little of the net is lost."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.ops.patched_table import fitted
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from tests.quantize import onnx_nets as nets
from tests.quantize.fixed.test_square import integer_onnx, interpreter, qdq
from tests.quantize.fixed.words import value
from tests.quantize.onnx_nets import model, node
from tests.quantize.pointwise_nets import CONSTANTS, IMAGE, POINTWISE

SHARED = Path(os.environ.get("DSPLET_SHARED", "none")) / "conformance/architectures"
WIDE = Recipe(weight_bits=16, activation_bits=16, input_bits=16)
NETS = dict(POINTWISE)


def quantized(m: onnx.ModelProto, feeds: dict[str, np.ndarray], tmp_path: Path,
              recipe: Recipe | None = None) -> Graph:
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    return quantize(from_onnx.load(path), feeds, recipe)


def integers(graph: Graph, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [v.format.quantize(feeds[v.name]) for v in graph.inputs]


def sqnr_db(m: onnx.ModelProto, graph: Graph, feeds: dict[str, np.ndarray],
            rounded: bool = False) -> float:
    """Against ONNX Runtime. rounded: of the inputs that the graph sees."""
    xs, y = integers(graph, feeds), graph.outputs[0]
    if rounded:
        feeds = {v.name: v.format.dequantize(x).astype(np.float32) for v, x in
                 zip(graph.inputs, xs, strict=True)}
    wanted = nets.run_each(m, feeds)
    found = y.format.dequantize(graph.run(*xs)[y.name])
    return float(10 * np.log10((wanted**2).sum() / ((found - wanted) ** 2).sum().clip(1e-30)))


LEAST_DB = {"prelu_row": 34, "div_grows": 38, "min_row": 36, "where_row": 31, "equal": 15,
            "threshold_channels": 25}
"""Where constants of 8 bits, an equality or a threshold cost more."""


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_a_net_of_one_op_loses_little_but_what_its_inputs_lose(name, tmp_path):
    feeds = nets.inputs(NETS[name], 60)
    graph = quantized(NETS[name], feeds, tmp_path)
    assert sqnr_db(NETS[name], graph, feeds, rounded=True) >= LEAST_DB.get(name, 40)
    xs = [x[:2] for x in integers(graph, feeds)]
    wanted = graph.run(*xs)[graph.outputs[0].name]
    for execution in (interpreter, integer_onnx, qdq):
        assert np.array_equal(execution(graph, *xs)[0], wanted), execution.__name__


@pytest.mark.parametrize("name, least_db, wide_db", [
    ("act_hardshrink", 22, 75), ("act_celu", 36, 75), ("act_gelu_tanh", 36, 72),
    ("mlp_bn1d_prelu_elu", 60, 85), ("act_tanhshrink", 33, 72), ("act_logsigmoid", 40, 78),
    ("standardise_in_graph", 39, 78)])
@pytest.mark.skipif(not SHARED.exists(), reason="DSPLET_SHARED has no architectures")
def test_published_activations_are_one_table_each(name, least_db, wide_db, tmp_path):
    m = onnx.load(SHARED / f"{name}.onnx")
    with np.load(SHARED / f"{name}.npz") as samples:
        feeds = {v.name: samples[v.name] for v in m.graph.input if v.name in samples}
    graph = quantized(m, feeds, tmp_path)
    assert {n.op for n in graph.nodes} <= {"Gemm", "Table", "Softmax", "Conv", "Div", "Sub",
                                           "AveragePool", "Reshape", "Mul", "PatchedTable"}
    assert sqnr_db(m, graph, feeds) >= least_db
    assert sqnr_db(m, quantized(m, feeds, tmp_path, WIDE), feeds) >= wide_db


@pytest.mark.parametrize("name", [k for k in NETS if k.endswith("_spelt")])
def test_a_function_that_is_spelt_with_comparisons_is_one_table(name, tmp_path):
    graph = quantized(NETS[name], nets.inputs(NETS[name], 20), tmp_path)
    assert [n.op for n in graph.nodes] == ["Table"]


def test_a_divisor_is_as_wide_as_an_output(tmp_path):
    """Quotients by numbers from 0.01 to 4: eight bits of them would be worth 20 dB."""
    rng = np.random.default_rng(0)
    feeds = {"x": rng.normal(size=(200, 9)).astype(np.float32),
             "z": rng.uniform(0.1, 2, size=(200, 9)).astype(np.float32)}
    m = model([node("Mul", "z z", "a"), node("Div", "x a", "y")], {"x": (9,), "z": (9,)})
    graph = quantized(m, feeds, tmp_path)
    assert [n.op for n in graph.nodes] == ["Table", "Div"]
    assert graph.nodes[-1].inputs[1].format.bits == 16
    assert sqnr_db(m, graph, feeds, rounded=True) > 45


@pytest.mark.parametrize("activation_bits", [4, 8, 12, 16])
def test_every_width_divides(activation_bits, tmp_path):
    m, feeds = NETS["div_row"], nets.inputs(NETS["div_row"], 20)
    graph = quantized(m, feeds, tmp_path, Recipe(activation_bits=activation_bits, input_bits=16))
    xs = [x[:3] for x in integers(graph, feeds)]
    assert np.array_equal(interpreter(graph, *xs)[0], graph.run(*xs)["y"])


def test_truths_beside_numbers_leave_these_their_format(tmp_path):
    """A Concat has one format; that of a truth would hold 0 and 1 alone."""
    m = model([node("Greater", "x z", "a"), node("Cast", "a", "b", to=1), node("Tanh", "z", "c"),
               node("Concat", "b c x", "y", axis=1)], {"x": (9,), "z": (9,)})
    feeds = nets.inputs(m, 50)
    graph = quantized(m, feeds, tmp_path, Recipe(input_bits=16))
    assert sqnr_db(m, graph, feeds, rounded=True) > 45


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_zero_beside_numbers_of_any_size_costs_nothing(scale, tmp_path):
    m = model([node("Greater", "x z", "a"), node("Where", "a x zero", "y")],
              {"x": (9,), "z": (9,)}, CONSTANTS)
    feeds = {k: x * np.float32(scale) for k, x in nets.inputs(m, 50).items()}
    for recipe in (None, WIDE):
        graph = quantized(m, feeds, tmp_path, recipe)
        assert graph.nodes[-1].alignment == (0, 0)
        assert sqnr_db(m, graph, feeds, rounded=True) > 45


# --- wide inputs at jumps and poles ---------------------------------------------------------------

@pytest.mark.parametrize("op", ["ThresholdedRelu", "Sign", "Round", "Shrink"])
def test_a_wide_table_knows_every_jump(op, tmp_path):
    m = model([node(op, "x", "y")], {"x": IMAGE})
    feeds = {"x": nets.inputs(m, 40)["x"] * 4}
    graph = quantized(m, feeds, tmp_path, WIDE)
    assert [n.op for n in graph.nodes] == ["PatchedTable"]
    assert sqnr_db(m, graph, feeds, rounded=True) > 80
    assert "dsplet.notes" not in dict(graph.metadata)


def test_a_wide_logarithm_holds_near_its_pole(tmp_path):
    m = model([node("Abs", "x", "a"), node("Add", "a c", "b"), node("Log", "b", "y")], {"x": (50,)},
              {"c": np.float32(0.002)})
    feeds = {"x": np.float32(np.geomspace(0.001, 8, 5000).reshape(100, 50))}
    graph = quantized(m, feeds, tmp_path, WIDE)
    assert sqnr_db(m, graph, feeds, rounded=True) > 60


def test_what_no_patch_can_mend_is_said(tmp_path):
    """A sine of 300 turns over one input: no table of 513 nodes has it."""
    m = model([node("Mul", "x c", "a"), node("Sin", "a", "y")], {"x": (50,)},
              {"c": np.float32(2000)})
    feeds = {"x": np.linspace(-1, 1, 1000, dtype=np.float32).reshape(20, 50)}
    graph = quantized(m, feeds, tmp_path, WIDE)
    notes = dict(graph.metadata)["dsplet.notes"]
    assert "Function 'Sin_y': sin(2000*x) bends too much for a table of 513 nodes" in notes
    narrow = quantized(m, feeds, tmp_path, Recipe(input_bits=10))
    assert [type(n) for n in narrow.nodes] == [Table]
    note, = dict(narrow.metadata)["dsplet.notes"].splitlines()
    assert "sin(2000*x) is steep at" in note and "step 0.00195312 of what it reads" in note


def test_what_the_step_before_a_root_loses_is_said(tmp_path):
    """A fourth root of 0.0001 at a step of 1/256: 0, not 0.1. Far
    from 0 there is nothing to say."""
    def notes(least: float) -> list[str]:
        x = np.linspace(least, 1, 1000, dtype=np.float32).reshape(20, 50)
        graph = quantized(model([node("Pow", "x p", "y")], {"x": (50,)}, {"p": np.float32(0.25)}),
                          {"x": x}, tmp_path)
        return dict(graph.metadata).get("dsplet.notes", "").splitlines()

    note, = notes(1e-4)
    assert "x^0.25 is steep at 0.0001, where the step 0.00390625" in note
    assert not notes(0.5)


@pytest.mark.parametrize("least", [1e-7, 1e-11])
def test_what_is_next_to_nothing_is_compared_and_chosen(least, tmp_path):
    """At the step of a number so small the other would leave the accumulator."""
    w = np.random.default_rng(2).standard_normal((4, 4)).astype(np.float32)
    x = np.random.default_rng(3).standard_normal((60, 4)).astype(np.float32)
    m = model([node("Mul", "x k", "a"), node("MatMul", "x w", "b"), node("Greater", "b a", "g"),
               node("Where", "g b a", "y")], {"x": (4,)}, {"w": w, "k": np.float32(least)})
    graph = quantized(m, {"x": x}, tmp_path, WIDE)
    found = graph.outputs[0].format.dequantize(
        graph.run(graph.inputs[0].format.quantize(x))["y"])
    assert np.abs(found - np.maximum(x.astype(np.float64) @ w, 0)).max() < 0.05


def test_a_smooth_wide_table_has_no_patch():
    x, y = value("x", 1, fmt=QFormat(16, 12)), value("y", 1, fmt=QFormat(16, 15))
    assert type(fitted(np.tanh, "t", x, y)[0]) is Table
    constant = fitted(lambda v: np.full(v.shape, 0.25), "t", x, y)
    assert type(constant[0]) is Table and constant[1] is None


# --- refusals -------------------------------------------------------------------------------------

@pytest.mark.parametrize("nodes, words", [
    ([node("Pow", "less x", "y")], "takes a power of -0.25"),
    ([node("Pow", "x x", "y")], "must be a constant"),
    ([node("Div", "x zero", "y")], "which contains 0"),
    ([node("PRelu", "x x", "y")], "must be a constant"),
    ([node("Mod", "x x", "y", fmod=1)], "must be a constant"),
    ([node("Greater", "x zero", "a"), node("Where", "a far x", "y")],
     "chooses a constant of 1e.09, which no sample")])
def test_refuses(nodes, words, tmp_path):
    m = model(nodes, {"x": (4,)}, CONSTANTS | {"far": np.float32(-1e9)})
    with pytest.raises(from_onnx.ModelError, match=words):
        quantized(m, {"x": np.ones((2, 4), np.float32)}, tmp_path)
