"""The recipe: which formats come out, and that the network still works."""

import gzip
import json

import numpy as np
import pytest

from dsplet.base.errors import UserError
from dsplet.quantize.analysis.compare import predictions, sqnr_db
from dsplet.quantize.analysis.stability import spread
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.proof import Overflow
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.network import Network
from dsplet.quantize.ptq.algorithms import UnknownAlgorithm, named
from dsplet.quantize.ptq.recipe import Recipe, RecipeError, quantize
from dsplet.quantize.ptq.recipe import load as load_recipe
from dsplet.quantize.ptq.recipe import names as recipe_names
from dsplet.quantize.qdq import to_qdq
from tests.quantize import onnx_nets as nets
from tests.quantize.onnx_nets import model, node, random


def load(m, tmp_path, metadata=()):
    for key, value in dict(metadata).items():
        m.metadata_props.add(key=key, value=value)
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    return from_onnx.load(path)


def dense(tmp_path, metadata=(), scale=1.0):
    m = model([node("Gemm", "x w b", "y")], {"x": (8,)},
              {"w": random("w", 8, 4) * np.float32(scale), "b": random("b", 4)})
    return load(m, tmp_path, metadata)


def formats(graph) -> dict[str, QFormat]:
    return {v.name: v.format for v in graph.values()}


@pytest.mark.parametrize("low, high, metadata, expected", [
    (0, 255 / 256, {}, "UQ0.8"),
    (0, 1, {}, "UQ0.8"),
    (0, 255, {}, "UQ8.0"),
    (-1, 1, {}, "Q0.7"),
    (-1, 0.2, {}, "Q0.7"),
    (-1.01, 1, {}, "Q1.6"),
    (-0.42, 2.82, {}, "Q2.5"),
    (0, 0.1, {"dsplet.input_scale": "0.00390625"}, "UQ0.8"),
    (-0.1, 0.1, {"dsplet.input_scale": str(2 / 255), "dsplet.input_offset": "-1.0"}, "Q0.7"),
    (0, 0.1, {"dsplet.input_scale": "1/255"}, "UQ0.8"),
    (0, 0.1, {"dsplet.input_scale": "1/255,2/255", "dsplet.input_offset": "0"}, "UQ1.7"),
    (0, 0.1, {"dsplet.input_scale": "1/0"}, "UQ-3.11"),  # no number: what was seen
    (0, 0.1, {"dsplet.input_scale": "nan"}, "UQ-3.11"),
])
def test_input_formats(low, high, metadata, expected, tmp_path):
    x = np.linspace(low, high, 80, dtype=np.float32).reshape(10, 8)
    fixed = quantize(dense(tmp_path, metadata), x)
    assert str(fixed.inputs[0].format) == expected


def test_what_is_said_beside_the_file_goes_before_what_it_says(tmp_path):
    x = np.linspace(0, 0.1, 80, dtype=np.float32).reshape(10, 8)
    said = {"dsplet.input_scale": "1/128"}
    for own in ({}, {"dsplet.input_scale": "1/256"}):
        fixed = quantize(dense(tmp_path, own), x, None, said)
        assert str(fixed.inputs[0].format) == "UQ1.7"
        assert dict(fixed.metadata)["dsplet.input_scale"] == "1/128"


def test_what_is_drawn_again_heeds_it_too(tmp_path):
    x, graph = np.linspace(0, 0.1, 80, dtype=np.float32).reshape(10, 8), dense(tmp_path)
    fixed = quantize(graph, x, Recipe(), {"dsplet.input_scale": "1/256"})
    drawn = spread(Network(tmp_path / "net.onnx"), fixed, Recipe(), {"x": x}, {"x": x},
                   np.zeros(10, int), 2, 0, lambda done, total: None)
    assert {row.of: row.formats for row in drawn.formats_drawn}["x"] == "UQ0.8 3x"


def test_pixels_are_exact(tmp_path):
    x = (np.arange(256, dtype=np.float32) / 256).reshape(32, 8)
    fmt = quantize(dense(tmp_path), x).inputs[0].format
    assert np.array_equal(fmt.dequantize(fmt.quantize(x)), x)


def test_what_meets_a_softmax_is_fitted_to_the_step_that_it_has(tmp_path):
    """Of 300 shares of about 2^-8, 16 bits would have a step of 2^-23; 2^-15 is what there is."""
    m = model([node("Softmax", "x", "s", axis=-1), node("Add", "s c", "y")], {"x": (300,)},
              {"c": np.float32(1e-9) * random("c", 300)})
    x = np.random.default_rng(0).normal(size=(20, 300)).astype(np.float32)
    add = quantize(load(m, tmp_path), x, Recipe(16, 16)).nodes[-1]
    assert [v.format.frac for v in add.inputs] == [15, 29]  # 16 bits, 14 to the left: below 2^31


def test_formats_of_relu_net(tmp_path):
    m = nets.relu_net()
    fixed = quantize(load(m, tmp_path), nets.inputs(m, 50)["x"])
    found = formats(fixed)
    clamped = next(n for n in fixed.nodes if n.op == "Conv").output.name
    assert not found[clamped].signed and found[clamped].bits == 8
    assert found["x"].signed
    assert found["r1"] == found[clamped]
    assert not found["r3"].signed
    assert found["y"].bits == 16 and found["y"].signed


def test_formats_of_tanh_net(tmp_path):
    m = nets.tanh_net()
    fixed = quantize(load(m, tmp_path), nets.inputs(m, 50)["x"])
    found = formats(fixed)
    assert (found["s1" if "s1" in found else "a1"].bits, found["h1"].bits) == (10, 8)
    assert found["u"] == found["h1"]
    assert not found["h3"].signed
    assert found["l"].bits == found["y"].bits == 16
    tables = [n for n in fixed.nodes if n.op == "Table"]
    assert all(n.step_log2 == 0 and len(n.table) == 1024 for n in tables)
    wide = quantize(load(nets.tanh_net(), tmp_path), nets.inputs(m, 50)["x"],
                    Recipe(activation_bits=16, preactivation_bits=12))
    assert all(n.step_log2 > 0 for n in wide.nodes if n.op == "Table")


def test_an_input_in_a_concat_keeps_its_format(tmp_path):
    m = model([node("Gemm", "x w", "a"), node("Concat", "x a", "c", axis=1),
               node("Gemm", "c v", "y")], {"x": (8,)},
              {"w": random("w", 8, 4) * 40, "v": random("v", 12, 3)})
    x = np.linspace(0, 255 / 256, 80, dtype=np.float32).reshape(10, 8)
    fixed = quantize(load(m, tmp_path), x)
    assert str(fixed.inputs[0].format) == "UQ0.8"
    assert [type(n) for n in fixed.nodes].count(Requantize) == 1


def test_pieces_of_one_input_are_joined_without_a_requantize(tmp_path):
    m = model([node("Slice", "x one three axes", "a"), node("Concat", "x a", "c", axis=1),
               node("Gemm", "c v", "y")], {"x": (4,)},
              {"one": np.array([1]), "three": np.array([3]), "axes": np.array([1]),
               "v": random("v", 6, 3)})
    fixed = quantize(load(m, tmp_path), np.linspace(0, 1, 20, dtype=np.float32).reshape(5, 4))
    assert [type(n) for n in fixed.nodes].count(Requantize) == 0
    assert len({n.output.format for n in fixed.nodes[:-1]} | {fixed.inputs[0].format}) == 1


def test_a_bound_between_steps_is_rounded_and_noted(tmp_path):
    m = model([node("Gemm", "x w", "a"), node("Clip", "a low high", "y")], {"x": (8,)},
              {"w": random("w", 8, 4) * 8, "low": np.float32(-0.3), "high": np.float32(5.3)})
    x = nets.inputs(m, 30)["x"]
    fixed = quantize(load(m, tmp_path), x, Recipe(output_bits=8))
    gemm, = fixed.nodes
    step = gemm.output.format.step
    assert gemm.clamp == (round(-0.3 / step), round(5.3 / step))
    assert "the bound 5.3 became" in dict(fixed.metadata)["dsplet.notes"]


@pytest.mark.parametrize("bits, per_channel", [(8, True), (8, False), (4, True), (2, False)])
def test_weights_and_biases_are_the_nearest_integers(bits, per_channel, tmp_path):
    graph = dense(tmp_path)
    x = nets.inputs(model([], {"x": (8,)}), 20)["x"]
    fixed = quantize(graph, x, load_recipe("nearest", weight_bits=bits, per_channel=per_channel))
    gemm, real = fixed.nodes[0], graph.nodes[0]
    limit = 2 ** (bits - 1) - 1
    assert gemm.weight.frac.shape == ((4,) if per_channel else (1,))
    steps = 2.0**-gemm.weight.frac
    inside = np.abs(real.weight) <= limit * steps[:, None]
    assert np.abs(gemm.weight.real() - real.weight)[inside].max() <= steps.max() / 2
    assert np.abs(gemm.weight.q).max() <= limit
    acc = 2.0**-gemm.acc_frac
    assert (np.abs(gemm.bias * acc - real.bias) <= acc / 2).all()


def test_a_bias_that_varies_along_one_axis_is_one_of_every_place(tmp_path):
    row = random("row", 6)
    m = model([node("Conv", "x w", "a"), node("Add", "a row", "y")], {"x": (2, 4, 6)},
              {"w": random("w", 3, 2, 1, 1), "row": row})
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    conv, = quantize(from_onnx.load(tmp_path / "net.onnx"), nets.inputs(m, 20)["x"],
                     load_recipe("nearest")).nodes
    assert conv.bias.shape == (3, 4, 6)
    assert np.allclose(conv.bias * 2.0 ** -conv.acc_frac.reshape(-1, 1, 1), row, atol=1e-3)


def test_silent_and_tiny_channels(tmp_path):
    w = random("w", 8, 4)
    w[:, 1], w[:, 2] = 0, w[:, 2] * 1e-9
    m = model([node("Gemm", "x w b", "y")], {"x": (8,)}, {"w": w, "b": random("b", 4)})
    x = nets.inputs(m, 20)["x"]
    fixed = quantize(load(m, tmp_path), x)
    y = fixed.run(fixed.inputs[0].format.quantize(x))["y"]
    assert sqnr_db(nets.run(m, {"x": x})[0], fixed.outputs[0].format.dequantize(y)) > 35


@pytest.mark.slow
@pytest.mark.parametrize("net", nets.NETS)
@pytest.mark.parametrize("recipe, at_least_db", [
    (Recipe(), 26),
    (Recipe(per_channel=False), 24),
    (load_recipe("nearest"), 26),
    (load_recipe("gptq"), 26),
    (load_recipe("nearest", weights="minmax",
                 activations=named("range", "percentile", percent=99.99)), 24),
    (Recipe(weight_bits=12, activation_bits=14, input_bits=14, preactivation_bits=14), 45),
])
def test_networks_keep_their_outputs(net, recipe, at_least_db, tmp_path):
    m = nets.NETS[net]()
    graph = load(m, tmp_path)
    fixed = quantize(graph, nets.inputs(m, 100), recipe)
    test = nets.inputs(m, 200, "other")
    ys = Executor(fixed)(*(v.format.quantize(test[v.name]) for v in fixed.inputs))
    reference = FloatNetwork(tmp_path / "net.onnx")(test)
    for v, y in zip(fixed.outputs, ys, strict=True):
        assert sqnr_db(reference[v.name], v.format.dequantize(y)) > at_least_db, v.name


@pytest.mark.slow
@pytest.mark.parametrize("net", nets.NETS)
@pytest.mark.parametrize("name", recipe_names())
def test_samples_in_any_order_and_batch_give_the_same_bytes(net, name, tmp_path, monkeypatch):
    m = nets.NETS[net]()
    graph, x, recipe = load(m, tmp_path), nets.inputs(m, 40), load_recipe(name, weight_bits=4)
    shuffled = np.random.default_rng(1).permutation(40)
    to_qdq.save(quantize(graph, x, recipe), tmp_path / "a.q.onnx")
    run = Executor.__call__
    monkeypatch.setattr(Executor, "__call__", lambda self, *xs: run(self, *xs, batch=7))
    to_qdq.save(quantize(graph, {k: v[shuffled] for k, v in x.items()}, recipe),
                tmp_path / "b.q.onnx")
    assert (tmp_path / "a.q.onnx").read_bytes() == (tmp_path / "b.q.onnx").read_bytes()


def test_the_default_recipe_is_the_one_in_its_file():
    assert load_recipe("default") == Recipe()
    assert recipe_names() == ["anna", "default", "gptq", "nearest"]


def test_a_recipe_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('weight_bits = 5\nequalization = ["crosslayer", {algorithm = "align", '
                    'octaves = 2}]\nbias = "none"\n[weights]\nalgorithm = "percentile"\n'
                    'percent = 99\n')
    recipe = load_recipe(path, activation_bits=6)
    assert (recipe.weight_bits, recipe.activation_bits, recipe.bias) == (5, 6, None)
    assert recipe.equalization == (named("equalization", "crosslayer"),
                                   named("equalization", "align", octaves=2))
    assert recipe.weights == named("range", "percentile", percent=99)


@pytest.mark.parametrize("text, words", [
    ("weight_bits = ", "mine.toml: not a TOML file"),
    ("weigth_bits = 4",
     "mine.toml: unknown key 'weigth_bits'; expected weight_bits, .*: did you mean 'weight_b"),
    ("weight_bits = 99", "mine.toml: weight_bits is 99; expected a whole number from 2 to 16"),
    ("weight_bits = 4.5", "weight_bits is 4.5; expected a whole number from 2 to 16"),
    ("accumulator_bits = 40", "accumulator_bits is 40; expected a whole number from 8 to 32"),
    ('rounding = "mse"', "no rounding algorithm is called 'mse'.*adaround, gptq, nearest"),
    ('rounding = "none"', "no rounding algorithm is called 'none'"),
    ('equalization = "align"', "equalization is 'align'; expected a list"),
    ('per_channel = "yes"', "per_channel is 'yes'; expected true or false"),
    ('[rounding]\nalgorithm = "gptq"\ndamping = 9',
     "mine.toml: 'gptq': damping is 9; expected a number above 0 and at most 1"),
    ('[trial]\nalgorithm = "trial"\naround = 0',
     "'trial': around is 0; expected a whole number from 1 to 40"),
    ('[rounding]\nalgorithm = "adaround"\nridge = "x"',
     "'adaround': ridge is 'x'; expected a number from 0 to 1000000.0"),
    ('[rounding]\nalgorithm = "gptq"\ndampin = 1',
     "'gptq': unknown key 'dampin'; expected damping: did you mean 'damping'"),
    ('[rounding]\nalgorithm = "adaround"\nridge = nan', "ridge is nan; expected a number from 0"),
    ('[rounding]\nalgorithm = "adaround"\ndamping = 0', "damping is 0; expected a number above 0"),
    ("weight_bits = true", "weight_bits is True; expected a whole number from 2 to 16"),
    ("weight_bits = 1" + "0" * 30, "weight_bits is 10+; expected a whole number from 2 to 16"),
    ("layers = 3", "layers is 3; expected a table"),
    ("[layers]\nfirst = 3", "layers.first is 3; expected a table"),
    ("[layers.first]\nweight_bits = 99", "layer 'first': weight_bits is 99; expected a whole numb"),
    ("[layers.first]\nweigth_bits = 9", "layer 'first': has no 'weigth_bits'; expected weight_bits "
                                        "or activation_bits: did you mean 'weight_bits'"),
    ("equalization = [3]", "3 is not an algorithm of the kind equalization; expected align, bal"),
])
def test_recipe_files_that_are_refused(text, words, tmp_path):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UserError, match=words):
        load_recipe(tmp_path / "mine.toml")


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(RecipeError, match="no recipe is called 'a/b'"):
        load_recipe("a/b")
    with pytest.raises(RecipeError, match="default, gptq, nearest or .*did you mean 'default'"):
        load_recipe("defualt")


def test_metadata_says_where_it_came_from(tmp_path):
    graph = dense(tmp_path, {"dsplet.model": "dense"})
    x = nets.inputs(model([], {"x": (8,)}), 20)["x"]
    fixed = quantize(graph, x, Recipe(weight_bits=5), {"dsplet.data": "noise"})
    facts = dict(fixed.metadata)
    assert facts["dsplet.model"] == "dense" and facts["dsplet.data"] == "noise"
    assert facts["dsplet.float_sha256"] == graph.sha256
    recipe = json.loads(facts["dsplet.recipe"])
    assert recipe["weight_bits"] == 5 and recipe["weights"] == {"algorithm": "hessian", "finer": 6}


def test_refusals(tmp_path):
    with pytest.raises(RecipeError, match="weight_bits is 1; expected a whole number from 2 to 16"):
        Recipe(weight_bits=1)
    with pytest.raises(UnknownAlgorithm, match="no range algorithm is called 'best'"):
        Recipe(weights="best")
    with pytest.raises(RecipeError, match="is not an algorithm"):
        Recipe(activations=3)
    with pytest.raises(ModelError, match="empty"):
        quantize(dense(tmp_path), np.zeros((0, 8)))


@pytest.mark.slow
@pytest.mark.parametrize("bits, widths", [(32, 16), (20, 8), (13, 4)])
def test_weights_shrink_until_the_sums_fit(bits, widths, tmp_path):
    m = model([node("MatMul", "x w", "y")], {"x": (600,)}, {"w": random("w", 600, 3) * 9})
    x = nets.inputs(m, 5)["x"]
    fixed = quantize(load(m, tmp_path), x, Recipe(weight_bits=widths, input_bits=widths,
                                                  accumulator_bits=bits))
    gemm, = fixed.nodes
    fmt = fixed.inputs[0].format
    worst = np.where(gemm.weight.q > 0, fmt.max, fmt.min)  # adversarial, one row for each channel
    reached = (gemm.weight.q * worst).sum(1) + gemm.bias
    assert (reached < 2 ** (bits - 1)).all() and reached.max() > 2 ** (bits - 3)
    assert f"so that no sum leaves {bits} bits" in dict(fixed.metadata)["dsplet.notes"]


def test_overflow_of_two_activations_names_the_layer(tmp_path):
    m = model([node("MatMul", "a b", "y")], {"a": (4, 600), "b": (600, 4)})
    with pytest.raises(Overflow, match="MatMul 'MatMul_y'"):
        quantize(load(m, tmp_path), nets.inputs(m, 5), Recipe(input_bits=16))


# --- the two networks of the reference material on all of MNIST -----------------------------------

def mnist(folder, name: str, offset: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress((folder / "mnist" / name).read_bytes()), np.uint8,
                         offset=offset)


@pytest.mark.slow
@pytest.mark.parametrize("name, pad, scale", [("mnist-8", 0, 1), ("lenet5-mnist", 2, 256)])
def test_eight_bits_keep_the_accuracy_on_mnist(name, pad, scale, shared, data_dir):
    def prepare(images):
        images = images.reshape(-1, 1, 28, 28)
        return np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad))).astype(np.float32) / scale

    path = shared / "conformance" / "models" / name / "model.onnx"
    test = prepare(mnist(data_dir, "t10k-images-idx3-ubyte.gz", 16))
    labels = mnist(data_dir, "t10k-labels-idx1-ubyte.gz", 8)
    samples = prepare(mnist(data_dir, "train-images-idx3-ubyte.gz", 16)[:512 * 784])
    graph = from_onnx.load(path)
    fixed = quantize(graph, samples)
    y, = Executor(fixed)(fixed.inputs[0].format.quantize(test))
    floats = FloatNetwork(path)({graph.inputs[0]: test})[graph.outputs[0]]
    result = predictions(floats, fixed.outputs[0].format.dequantize(y), labels)
    assert result.samples == 10_000
    assert abs(result.test_correct - result.reference_correct) <= 10
    assert result.agree_percent >= 99.9 and result.sqnr_db > 34
