"""The diagnosis: the mixed graph is the fixed-point network, and planted faults are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import numpy_helper

from dsplet.base.errors import UserError
from dsplet.quantize.analysis import report
from dsplet.quantize.analysis.compare import layers, sqnr_db
from dsplet.quantize.analysis.diagnose import Range, _Run, diagnose, on_grids
from dsplet.quantize.fixed.graph import Requantizing
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq.formats import separate_inputs
from dsplet.quantize.ptq.recipe import Recipe, RecipeError, quantize
from dsplet.quantize.search.suggestions import report as suggested
from dsplet.quantize.search.suggestions import suggestions
from dsplet.quantize.search.trial import Trials
from tests.quantize import onnx_nets as nets
from tests.quantize.onnx_nets import model, node, random
from tests.quantize.recurrent_nets import STEPS, UNITS, cell

pytestmark = pytest.mark.slow

NEAREST = {"equalization": (), "weights": "mse", "trial": None, "rounding": "nearest",
           "bias": None}
COARSE = Recipe(4, 4, **NEAREST)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(path, float graph, inputs): 1x8x8 -> Conv (ReLU) -> MaxPool -> Gemm (ReLU) -> Gemm 10."""
    constants = {"w": random("w", 4, 1, 3, 3), "b": random("b", 4), "v": random("v", 20, 36),
                 "u": random("u", 10, 20)}
    path = tmp_path_factory.mktemp("diagnose") / "small.onnx"
    path.write_bytes(model(
        [node("Conv", "x w b", "c"), node("Relu", "c", "r"),
         node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
         node("Flatten", "p", "f"), node("Gemm", "f v", "g", transB=1), node("Relu", "g", "h"),
         node("Gemm", "h u", "y", transB=1)], {"x": (1, 8, 8)}, constants).SerializeToString())
    x = np.random.default_rng(0).normal(size=(300, 1, 8, 8)).astype(np.float32)
    return path, from_onnx.load(path), x


def reference(path, x) -> np.ndarray:
    return FloatNetwork(path)({"x": x})["y"]


def test_names_of_grids_are_nobody_else_s(tmp_path):
    m = model([node("Tanh", "x", "a"), node("Gemm", "a w", "y/grid"),
               node("Softmax", "y/grid", "y")], {"x": (4,)}, {"w": random("w", 4, 5)})
    m.graph.node[1].name = "y/grid"
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    graph, x = from_onnx.load(path), nets.inputs(m, 20)["x"]
    names = [n.name for n in on_grids(graph, quantize(graph, x), graph.outputs).nodes]
    assert len(names) == len(set(names)) == 4


@pytest.mark.parametrize("make", [nets.relu_net, nets.tanh_net])
def test_all_on_their_grids_is_the_fixed_network(make, tmp_path):
    m = make()
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    graph, x = from_onnx.load(path), nets.inputs(m, 40)["x"]
    fixed = quantize(graph, x, Recipe(5, 5, **NEAREST))
    computed = [n.output for n in fixed.nodes if isinstance(n, Requantizing)]
    names = {v.name for v in (*fixed.inputs, *computed)}
    values = [v for v in computed if v.format.bits <= 10]
    found = _Run(separate_inputs(graph), fixed, names, [v.name for v in values])({"x": x})
    wanted = fixed.run(fixed.inputs[0].format.quantize(x))
    for v, real in zip(values, found, strict=True):
        assert np.array_equal(real * 2.0**v.format.frac, wanted[v.name]), v.name


def test_figures_against_the_networks_themselves(small):
    path, graph, x = small
    fixed, y = quantize(graph, x, COARSE), reference(path, x)
    labels = y.argmax(1)
    found = diagnose(graph, fixed, x, labels)
    q = fixed.run(fixed.inputs[0].format.quantize(x))
    scores = fixed.outputs[0].format.dequantize(q["y"])
    assert found.reference_accuracy_percent == 100
    assert found.test_accuracy_percent == 100 * (scores.argmax(1) == labels).mean()
    assert found.sqnr_db == pytest.approx(sqnr_db(y, scores), abs=1e-3)
    assert [f.index for f in found.flips] == np.flatnonzero(scores.argmax(1) != labels).tolist()
    for f in found.flips:
        assert np.allclose(f.reference_scores, y[f.index], atol=1e-5)
        assert f.test_scores == pytest.approx(scores[f.index].tolist(), abs=1e-5)
        assert f.margin == pytest.approx(np.diff(np.sort(y[f.index])[-2:])[0], abs=1e-5)
    assert [n.op for n in found.layers] == ["Input", "Conv", "Gemm", "Gemm"]
    last = found.layers[-1]
    assert last.sqnr_cumulative_db == pytest.approx(found.sqnr_db)
    assert last.sqnr_isolated_db > last.sqnr_cumulative_db
    for n in found.layers:
        assert n.mends == sum(n.name in f.layers for f in found.flips)
        assert n.alone == sum(f.layers == (n.name,) for f in found.flips)


def test_several_inputs_and_no_labels(tmp_path):
    """What is lost with all the others is what `compare` finds by executing the integers; there is
    nothing to read, and nothing flips."""
    m = model([node("Gemm", "x w", "a"), node("Gemm", "z v", "b"), node("Add", "a b", "c"),
               node("Tanh", "c", "y")], {"x": (6,), "z": (3,)},
              {"w": random("w", 6, 4), "v": random("v", 3, 4)})
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    graph, x = from_onnx.load(tmp_path / "net.onnx"), nets.inputs(m, 50)
    fixed = quantize(graph, x, Recipe(6, 6))
    found = diagnose(graph, fixed, x, None)
    executed = {v.value: v.sqnr_db for v in layers(tmp_path / "net.onnx", fixed, x)}
    assert [n.name for n in found.layers if n.op == "Input"] == ["x", "z"]
    assert found.layers[-1].sqnr_cumulative_db == pytest.approx(executed["y"], abs=1e-3)
    assert all(n.sqnr_isolated_db >= n.sqnr_cumulative_db for n in found.layers)
    assert found.flips == () and found.test_accuracy_percent is None


def test_a_clamp_that_the_formats_made_idle(tmp_path):
    """The fixed-point network does not have it; what is lost is what `compare` finds."""
    m = model([node("Clip", "x low high", "c"), node("Gemm", "c w", "a"), node("Tanh", "a", "y")],
              {"x": (6,)}, {"w": random("w", 6, 4) / 256, "low": np.float32(0),
                            "high": np.float32(255)})
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    x = np.random.default_rng(0).integers(0, 256, (50, 6)).astype(np.float32)
    graph = from_onnx.load(tmp_path / "net.onnx")
    fixed = quantize(graph, x)
    assert [n.op for n in graph.nodes][0] == "Clamp" and "c" not in fixed.run(x.astype(int))
    executed = {v.value: v.sqnr_db for v in layers(tmp_path / "net.onnx", fixed, {"x": x})}
    assert diagnose(graph, fixed, x, None).sqnr_db == pytest.approx(executed["y"], abs=1e-3)


def test_a_planted_fault_is_found(small):
    """All layers fine but one: that one mends every flip and explains the whole loss."""
    path, graph, x = small
    for culprit in (n.name for n in graph.nodes if n.op in ("Conv", "Gemm")):
        recipe = replace(Recipe(12, 12, 12, **NEAREST),
                         layers={culprit: {"weight_bits": 2}})
        found = diagnose(graph, quantize(graph, x, recipe), x, reference(path, x).argmax(1))
        assert found.flips and all(culprit in f.layers for f in found.flips)
        best = max(found.layers, key=lambda n: n.restored_sqnr_db)
        assert best.name == culprit and best.restored_sqnr_db > found.sqnr_db + 20


def test_ranges_and_boxes(small):
    path, graph, x = small
    found = diagnose(graph, quantize(graph, x, COARSE), x, reference(path, x).argmax(1))
    c = FloatNetwork(path, ["r"])({"x": x})["r"]
    seen = found.ranges[1]
    assert (seen.low, seen.high) == pytest.approx((c.min(), c.max()))
    assert seen.percentiles[2] == pytest.approx(np.percentile(c, 99), abs=0.02)
    top = (seen.format.max + 0.5) * seen.format.step
    assert seen.clipped_percent == pytest.approx(100 * (c >= top).mean(), abs=0.2)
    box = report.range_box(Range("r", QFormat(4, 2, False), 0.0, 5.0, (0.0, 1.0, 2.0), 1.0))
    assert len(box) == 40 and box == "█" * 8 + "┃" + "█" * 8 + "░" * 13 + "!" * 10
    box = report.range_box(Range("r", QFormat(4, 2), -0.5, 0.5, (-0.25, 0.0, 0.25), 0.0))
    assert box.startswith("·") and box.endswith("·") and "!" not in box


RED = "stroke: #d62728"


@pytest.mark.parametrize("low, high, red", [(0.0, 3.75, 0), (0.0, 3.76, 1), (-0.01, 3.75, 1),
                                            (-1.0, 5.0, 2)])
def test_a_picture_of_ranges(low, high, red, tmp_path):
    pytest.importorskip("matplotlib")
    from dsplet.quantize.analysis.range_plot import draw
    ranges = (Range("some layer", QFormat(4, 2, False), low, high, (0.0, 1.0, 2.0), 1.25),)
    for name in ("a.svg", "b.svg", "a.png"):
        draw(ranges, tmp_path / name, "net")
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text() and text.count(RED) == red
    assert "some layer  UQ2.2  1.2 % clipped" in text


def test_refusals(small, tmp_path):
    _, graph, x = small
    m = nets.relu_net()
    (tmp_path / "other.onnx").write_bytes(m.SerializeToString())
    other = quantize(from_onnx.load(tmp_path / "other.onnx"), nets.inputs(m, 5)["x"], COARSE)
    with pytest.raises(ModelError, match="was not made from this float network"):
        diagnose(graph, other, x, np.zeros(len(x)))
    with pytest.raises(ModelError, match="no sample"):
        diagnose(graph, quantize(graph, x, COARSE), x[:0], np.zeros(0))


@pytest.fixture(scope="module")
def lstm(tmp_path_factory):
    """(model, float graph, inputs, what ONNX Runtime gives) of a small LSTM's last state."""
    m = cell("LSTM", output="last")
    path = tmp_path_factory.mktemp("diagnose") / "lstm.onnx"
    path.write_bytes(m.SerializeToString())
    x = nets.inputs(m, 200)["x"]
    return m, from_onnx.load(path), x, FloatNetwork(path)({"x": x})["y"]


def hidden_states(m, x, rounded) -> np.ndarray:
    """Those of the LSTM, (N, STEPS, UNITS), each rounded before the next step reads it."""
    w, u, b = (numpy_helper.to_array(i)[0] for name in "wub" for i in m.graph.initializer
               if i.name == name)
    h, c, seen = np.zeros((len(x), UNITS)), np.zeros((len(x), UNITS)), []
    for t in range(STEPS):
        i, o, f, g = np.split(x[:, t] @ w.T + h @ u.T + b.reshape(2, -1).sum(0), 4, 1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = rounded(np.tanh(c) / (1 + np.exp(-o)))
        seen.append(h)
    return np.stack(seen, 1)


def test_a_loop_s_figures_against_the_networks_themselves(lstm):
    """Tables of 16 bits are functions here, and no stairs: to a tenth of a dB. Of a layer alone
    that is rounded at every step, the steps after it read that."""
    m, graph, x, y = lstm
    fixed = quantize(graph, x, COARSE)
    found = diagnose(graph, fixed, x, None)
    q = fixed.run(fixed.inputs[0].format.quantize(x))
    scores = fixed.outputs[0].format.dequantize(q[fixed.outputs[0].name])
    assert found.sqnr_db == pytest.approx(sqnr_db(y, scores.reshape(y.shape)), abs=0.1)
    (scan,) = (n for n in fixed.nodes if n.op == "Scan")
    assert [n.op for n in found.layers] == [
        "Input", *(n.op for n in scan.body.nodes if isinstance(n, Requantizing))]
    hidden = found.layers[-1]
    real, alone = (hidden_states(m, x, f) for f in (
        lambda h: h, lambda h: hidden.format.dequantize(hidden.format.quantize(h))))
    assert hidden.sqnr_isolated_db == pytest.approx(sqnr_db(real, alone), abs=1e-2)


def test_a_fault_planted_in_a_loop_is_found_and_mended(lstm):
    """All layers fine but the weights of the sigmoids."""
    _, graph, x, y = lstm
    culprit = next(n.name for n in graph.nodes if n.op == "GemmSum")
    recipe = replace(Recipe(12, 12, 12, **NEAREST), layers={culprit: {"weight_bits": 2}})
    found = diagnose(graph, quantize(graph, x, recipe), x, y.argmax(1))
    assert found.flips and all(culprit in f.layers for f in found.flips)
    best = max(found.layers, key=lambda n: n.restored_sqnr_db)
    assert best.name == culprit and best.restored_sqnr_db > found.sqnr_db + 10
    tried = suggestions(Trials(graph, x, y.argmax(1), recipe), 100.0)
    assert f"weight bits for {culprit}" in tried[-1].what
    assert found.test_accuracy_percent < 100 == tried[-1].point.accuracy_percent


# --- suggestions ----------------------------------------------------------------------------------

def trials(small, recipe: Recipe) -> Trials:
    path, graph, x = small
    return Trials(graph, x, reference(path, x).argmax(1), recipe)


def test_the_layer_that_is_at_fault_gets_the_bits(small):
    culprit = small[1].nodes[0].name
    recipe = replace(Recipe(12, 12, 12, **NEAREST),
                     layers={culprit: {"weight_bits": 2}})
    tried = suggestions(trials(small, recipe), 99.0)
    assert f"weight bits for {culprit}" in tried[-1].what
    assert tried[-1].point.accuracy_percent >= 99
    assert all(c.point.accuracy_percent < 99 for c in tried[:-1])
    assert [c.extra_bytes for c in tried] == sorted(c.extra_bytes for c in tried)


def test_what_is_free_comes_first(small):
    """Per tensor, one channel's weights are 40 times those of the others."""
    path, graph, x = small
    conv = graph.nodes[0]
    weight = conv.weight * np.array([40, 1, 1, 1]).reshape(4, 1, 1, 1)
    uneven = graph.rebuilt([replace(conv, weight=weight), *graph.nodes[1:]])
    recipe = Recipe(4, 8, per_channel=False, **NEAREST)
    tried = suggestions(Trials(uneven, x, np.zeros(len(x), np.uint8), recipe), 101.0)
    assert tried[0].what == "a weight step for each channel" and tried[0].extra_bytes == 0
    together = tried[-1]
    assert "; " in together.what and together.point.noise < tried[0].point.noise


def test_nothing_has_to_change(small):
    fine = trials(small, Recipe(10, 10, **NEAREST))
    assert suggestions(fine, 90.0) == []
    assert set(fine.own.values()) == {10}
    assert suggested([], 90.0).smallest_change == "nothing has to change"


# --- recipes --------------------------------------------------------------------------------------

def test_a_recipe_reads_back():
    recipe = Recipe(3, 5, per_channel=False, weights="minmax", bias=None,
                    layers={"last": {"weight_bits": 16}})
    again = Recipe.from_json(recipe.to_json())
    assert again.to_json() == recipe.to_json() and again.layers == recipe.layers
    for text in ("", "[1]", '{"weights": {"algorithm": "mess"}}', '{"wights": "mse"}'):
        with pytest.raises(UserError, match="the network's recipe: "):
            Recipe.from_json(text)


def test_layers_by_name_first_and_last(small):
    _, graph, x = small
    conv, middle, last = (n for n in graph.nodes if n.op in ("Conv", "Gemm"))
    recipe = Recipe(4, 4, **NEAREST, layers={
        "first": {"weight_bits": 7, "activation_bits": 5}, middle.name: {"activation_bits": 9},
        "last": {"weight_bits": 16}})
    fixed = quantize(graph, x, recipe)
    found = {n.name: (n.weight.bits, n.output.format.bits) for n in fixed.nodes
             if hasattr(n, "weight")}
    assert found == {conv.name: (7, 5), middle.name: (4, 9), last.name: (16, 16)}
    with pytest.raises(RecipeError, match=f"no layer 'fist'.*{conv.name}"):
        quantize(graph, x, Recipe(layers={"fist": {"weight_bits": 4}}))
    with pytest.raises(RecipeError, match="layer 'last': weight_bits is 1; expected a w"):
        Recipe(layers={"last": {"weight_bits": 1}})
    with pytest.raises(RecipeError, match="layer 'last': has no 'bits'; expected weight_bits or"):
        Recipe(layers={"last": {"bits": 4}})
