"""Normalisations, reductions and places in fixed point: the square, the accuracy, the widths."""

import numpy as np
import pytest

from dsplet.quantize.analysis.compare import sqnr_db
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq.recipe import Recipe, quantize
from tests.quantize import onnx_nets as nets
from tests.quantize.fixed.test_square import EXECUTIONS
from tests.quantize.norm_nets import NORMS
from tests.quantize.onnx_nets import ints, model, node, random

pytestmark = pytest.mark.slow

ROUGH = {"layer_norm_and_gemm": 30, "reduce_prod": 5, "reduce_prod_11": 10, "reduce_prod_first": 25,
         "lp_pool_3": 35, "reduce_prod_all": 10}
"""dB of cases with products of many small numbers, or several layers; 40 of the others."""


def load(m, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    return from_onnx.load(path)


def fixed_point(m, tmp_path, recipe=None, samples=40):
    """The quantized network, its inputs for other samples, and what ONNX Runtime makes of these."""
    x = nets.inputs(m, 2 * samples)
    graph = quantize(load(m, tmp_path), {k: v[:samples] for k, v in x.items()}, recipe)
    rest = {k: v[samples:] for k, v in x.items()}
    q = [v.format.quantize(rest[v.name]) for v in graph.inputs]
    return graph, q, nets.run_each(m, rest)


@pytest.mark.parametrize("name, m", NORMS, ids=[name for name, _ in NORMS])
def test_the_square_closes_at_the_accuracy_of_eight_bits(name, m, tmp_path):
    graph, q, real = fixed_point(m, tmp_path)
    wanted = graph.run(*q)[graph.outputs[0].name]
    for execution in EXECUTIONS.values():
        found = execution(graph, *(x[:10] for x in q))[0]
        assert np.array_equal(found, wanted[:10]), execution.__name__
    if not any(word in name for word in ("arg", "place", "hardmax")):
        assert sqnr_db(real, graph.outputs[0].format.dequantize(wanted)) > ROUGH.get(name, 40)


@pytest.mark.parametrize("name", ["argmax_gone", "argmin_first", "argmin_last", "top_place_0",
                                  "top_place_1", "hardmax_13"])
def test_places_are_the_float_ones(name, tmp_path):
    graph, q, real = fixed_point(dict(NORMS)[name], tmp_path,
                                 Recipe(activation_bits=16, input_bits=16))
    assert (graph.outputs[0].format.dequantize(graph.run(*q)["y"]) == real).mean() > 0.999


def channels(ratio: float):
    """A normalisation of channels whose deviations lie up to so much apart."""
    spread = np.diag([1, ratio**-0.33, ratio**-0.66, 1 / ratio]).reshape(4, 4, 1, 1)
    return model([node("Conv", "x w", "c"), node("InstanceNormalization", "c one none", "y")],
                 {"x": (4, 8, 8)}, {"w": spread.astype(np.float32), "one": np.ones(4, np.float32),
                                    "none": np.zeros(4, np.float32)})


@pytest.mark.parametrize("ratio, db", [(1, 33), (10, 33), (30, 25)])
def test_what_is_small_is_normalised_as_well_as_what_is_large(ratio, db, tmp_path):
    graph, q, real = fixed_point(channels(ratio), tmp_path, Recipe(input_bits=16))
    found = graph.outputs[0].format.dequantize(graph.run(*q)["y"])
    for c in range(4):
        assert sqnr_db(real[:, c], found[:, c]) > db, c


def formats(m, tmp_path, recipe=None):
    x = nets.inputs(m, 20)
    return {v.name: v.format for v in quantize(load(m, tmp_path), x, recipe).values()}


def test_statistics_and_what_they_scale_are_wide(tmp_path):
    found = formats(channels(3), tmp_path)
    assert found.pop("x").bits == 8
    assert {v.bits for v in found.values()} == {16}
    m = model([node("Gemm", "x w", "a"), node("LayerNormalization", "a g", "n"),
               node("MatMul", "n v", "h"), node("Relu", "h", "r"), node("MatMul", "r u", "y")],
              {"x": (8,)}, {"w": random("w", 8, 8), "g": np.ones(8, np.float32),
                            "v": random("v", 8, 8), "u": random("u", 8, 8)})
    found = formats(m, tmp_path)
    assert (found["a"].bits, found["n"].bits, found["r"].bits) == (16, 8, 8)
    assert all(f.bits == 16 for v, f in found.items() if v.startswith("n/"))


def test_what_else_reads_it_stays_as_it_was(tmp_path):
    m = model([node("Gemm", "x w", "a"), node("LayerNormalization", "a g", "n"),
               node("Add", "n a", "s"), node("MatMul", "s v", "y")],
              {"x": (8,)}, {"w": random("w", 8, 8), "g": np.ones(8, np.float32),
                            "v": random("v", 8, 4)})
    assert formats(m, tmp_path)["a"].bits == 8


def test_factors_of_single_numbers_are_no_statistics(tmp_path):
    m = model([node("Gemm", "x w", "a"), node("Abs", "a", "b"), node("Add", "b half", "c"),
               node("Reciprocal", "c", "f"), node("Gemm", "x v", "d"), node("Mul", "d f", "e"),
               node("MatMul", "e w", "y")], {"x": (8,)},
              {"w": random("w", 8, 8), "v": random("v", 8, 8), "half": np.float32(0.5)})
    found = formats(m, tmp_path)
    assert (found["f"].bits, found["d"].bits) == (8, 8)


def test_a_gain_and_an_offset_go_into_the_layers_behind(tmp_path):
    m = model([node("LayerNormalization", "x g b", "n"), node("MatMul", "n w", "u"),
               node("MatMul", "n v", "z"), node("Mul", "u z", "y")], {"x": (5, 8)},
              {"g": random("g", 8), "b": random("b", 8), "w": random("w", 8, 3),
               "v": random("v", 8, 3)})
    graph = load(m, tmp_path)
    w, g, b = (nets.random(k, *s) for k, s in (("w", (8, 3)), ("g", (8,)), ("b", (8,))))
    gemm = next(n for n in graph.nodes if n.output == "u")
    assert np.allclose(gemm.weight, (w * g[:, None]).T, atol=1e-6)
    assert np.allclose(gemm.bias, w.T @ b, atol=1e-6)
    assert not {"Linear", "Constant"} & {n.op for n in graph.nodes}


def test_what_is_next_to_nothing_beside_the_other_does_not_overflow(tmp_path):
    """A mean of 0 and an offset of 1e-7 have steps that nothing of the rest could be aligned to."""
    m = model([node("LayerNormalization", "x g b", "y")], {"x": (16,)},
              {"g": 1 + random("g", 16) / 5, "b": random("b", 16) * np.float32(1e-7)})
    x = random("x", 64, 16)
    x -= x.mean(1, keepdims=True)
    graph = quantize(load(m, tmp_path), x[:32])
    found = graph.run(graph.inputs[0].format.quantize(x[32:]))["y"]
    assert sqnr_db(nets.run(m, {"x": x[32:]})[0], graph.outputs[0].format.dequantize(found)) > 38


def test_products_of_wide_values_give_way_to_their_accumulator(tmp_path):
    """16 bits by 16 bits, 20 times, are 36 bits."""
    m = model([node("MatMul", "x w", "q"), node("Transpose", "x", "t", perm=[0, 2, 1]),
               node("Sigmoid", "t", "k"), node("MatMul", "q k", "s"), node("Sigmoid", "s", "p"),
               node("Mul", "s p", "y")], {"x": (8, 20)}, {"w": random("w", 20, 20) / 4})
    graph, q, real = fixed_point(m, tmp_path, Recipe(activation_bits=16, input_bits=16))
    found = graph.outputs[0].format.dequantize(graph.run(*q)["y"])
    assert sqnr_db(real, found) > 38  # of weights of 8 bits
    widths = {v.name: v.format.bits for v in graph.values()}
    assert 13 <= min(widths["q"], widths["k"]) < 16


REFUSED = {
    "at most 16 are supported": [node("ReduceProd", "x axes", "y")],
    "name the axes": [node("ReduceL2", "x", "y")],
    "runtimes read differently": [node("ReduceL1", "x", "y", noop_with_empty_axes=1)],
    "only the first of each": [node("TopK", "x two", "y i")],
    "in training mode": [node("BatchNormalization", "x g g g g", "y", training_mode=1)],
    "do not fit together": [node("GroupNormalization", "x g g", "y", num_groups=3)],
    "has the batch at axis 1": [node("Transpose", "x", "t", perm=[1, 0, 2]),
                            node("InstanceNormalization", "t g g", "y")],
    "works along axis 0": [node("MeanVarianceNormalization", "x", "y", axes=[0, 2])]}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused(words, tmp_path):
    m = model(REFUSED[words], {"x": (4, 20)}, {"axes": ints(2), "two": ints(2),
                                               "g": np.ones(4, np.float32)})
    with pytest.raises(ModelError, match=words):
        load(m, tmp_path)


def test_a_mean_of_very_many_numbers_is_no_rough_one(tmp_path):
    """1 / 1000 beside 16 bits has room for 3 bits in an accumulator: it would be wrong by 2 %."""
    m = model([node("Mul", "x x", "a"), node("ReduceMean", "a last", "v"),
               node("Add", "v small", "t"), node("Sqrt", "t", "s"), node("Div", "x s", "y")],
              {"x": (2, 1000)}, {"last": ints(-1), "small": np.float32(1e-4)})
    graph, q, real = fixed_point(m, tmp_path, Recipe(activation_bits=16, input_bits=16), samples=5)
    found = graph.outputs[0].format.dequantize(graph.run(*q)["y"])
    assert sqnr_db(real, found) > 60
