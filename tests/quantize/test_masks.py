"""Numbers that nothing lets through: as paddings, masks and bounds they take no room in a format.

What they mean is known otherwise: a ReLU, a MaxPool with pads of its own, a softmax of the rest.
"""

import numpy as np
import pytest

from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq.masks import LOOKED_AT, without_masks
from dsplet.quantize.ptq.recipe import quantize
from dsplet.quantize.ptq.samples import Samples
from tests.quantize.fixed.test_square import EXECUTIONS
from tests.quantize.onnx_nets import ints, model, node, random, run

pytestmark = pytest.mark.slow

LEAST = float(np.finfo(np.float32).min)
FAR = (-1e4, -1e9, LEAST, -np.inf)
CONV = node("Conv", "x w", "a", pads=[1] * 4)
IMAGE, WEIGHT = {"x": (3, 6, 6)}, {"w": random("w", 4, 3, 3, 3)}
KEPT = np.array([True, False, True, True, False])


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((60, *shape)).astype(np.float32)


def fixed(m, x, folder) -> Graph:
    (folder / "net.onnx").write_bytes(m.SerializeToString())
    return quantize(from_onnx.load(folder / "net.onnx"), x)


def answer(graph: Graph, x: np.ndarray) -> tuple[np.ndarray, str]:
    """Integers and format."""
    found = graph.run(graph.inputs[0].format.quantize(x))[graph.outputs[0].name]
    return found, str(graph.outputs[0].format)


def same(one: Graph, other: Graph, x: np.ndarray) -> None:
    (q, fmt), (wanted, known) = answer(one, x), answer(other, x)
    assert fmt == known and np.array_equal(q, wanted)


@pytest.mark.parametrize("high", [1e12, 3e38, -LEAST, np.inf])
def test_a_bound_beyond_all_integers_is_a_relu(high, tmp_path):
    x = numbers(3, 6, 6)
    clip = fixed(model([CONV, node("Clip", "a low high", "y")], IMAGE, WEIGHT | {
        "low": np.float32(0), "high": np.float32(high)}), x, tmp_path)
    same(clip, fixed(model([CONV, node("Relu", "a", "y")], IMAGE, WEIGHT), x, tmp_path), x)


@pytest.mark.parametrize("op, far", [("Max", -1e9), ("Max", LEAST), ("Max", -np.inf), ("Min", 1e9),
                                     ("Min", -LEAST), ("Min", np.inf)])
def test_a_bound_that_binds_nothing_is_none(op, far, tmp_path):
    x = numbers(3, 6, 6)
    bounded = fixed(model([CONV, node(op, "a far", "y")], IMAGE, WEIGHT | {"far": np.float32(far)}),
                    x, tmp_path)
    alone = model([node("Conv", "x w", "y", pads=[1] * 4)], IMAGE, WEIGHT)
    same(bounded, fixed(alone, x, tmp_path), x)


@pytest.mark.parametrize("far", FAR)
def test_a_padding_before_a_maximum_is_the_pool_s_own(far, tmp_path):
    x, pool = numbers(3, 6, 6), {"kernel_shape": [3, 3], "strides": [2, 2]}
    padded = model([CONV, node("Pad", "a pads far", "b"), node("MaxPool", "b", "y", **pool)],
                   IMAGE, WEIGHT | {"pads": ints(0, 0, 1, 1, 0, 0, 1, 1), "far": np.float32(far)})
    own = model([CONV, node("MaxPool", "a", "y", pads=[1] * 4, **pool)], IMAGE, WEIGHT)
    same(fixed(padded, x, tmp_path), fixed(own, x, tmp_path), x)


@pytest.mark.parametrize("far", FAR)
def test_a_padding_of_the_input_leaves_the_input_its_format(far, tmp_path):
    m = model([node("Pad", "x pads far", "b"), node("MaxPool", "b", "m", kernel_shape=[3, 3]),
               node("Conv", "m w", "y")], IMAGE,
              WEIGHT | {"pads": ints(0, 0, 1, 1, 0, 0, 1, 1), "far": np.float32(far)})
    graph = fixed(m, numbers(3, 6, 6), tmp_path)
    assert str(graph.inputs[0].format) == "Q2.5"  # normal numbers: up to 4


def masked(far: float, *last, x: int = 4) -> tuple:
    """Five sums of x, two of them masked."""
    mask = np.where(KEPT, 0, far).astype(np.float32)
    return model([node("Gemm", "x w", "a"), node("Add", "a mask", "b"), *last], {"x": (x,)},
                 {"w": random("v", x, 5), "mask": mask}), random("v", x, 5)


@pytest.mark.parametrize("far", FAR)
def test_a_mask_before_a_softmax(far, tmp_path):
    x = numbers(4)
    m, weight = masked(far, node("Softmax", "b", "y", axis=-1))
    graph = fixed(m, x, tmp_path)
    q = graph.inputs[0].format.quantize(x)
    for name, execution in EXECUTIONS.items():
        assert np.array_equal(execution(graph, q[:4])[0], graph.run(q[:4])["y"]), name
    e = np.exp(x.astype(np.float64) @ weight) * KEPT
    wanted = e / e.sum(1, keepdims=True)
    found = graph.outputs[0].format.dequantize(graph.run(q)["y"])
    assert not found[:, ~KEPT].any()
    assert 10 * np.log10((wanted**2).sum() / ((found - wanted) ** 2).sum()) > 40


@pytest.mark.parametrize("far", FAR)
def test_a_mask_by_position_before_a_softmax(far, tmp_path):
    """Attention that looks back only: (T, T) on (heads, T, T)."""
    x = numbers(2, 5, 4)
    causal = np.where(np.tri(5), 0, far).astype(np.float32)
    m = model([node("MatMul", "x w", "a"), node("Add", "a mask", "b"),
               node("Softmax", "b", "y", axis=-1)], {"x": (2, 5, 4)},
              {"w": random("q", 4, 5), "mask": causal})
    q, _ = answer(graph := fixed(m, x, tmp_path), x)
    found = graph.outputs[0].format.dequantize(q)
    e = np.exp(x.astype(np.float64) @ random("q", 4, 5)) * np.tri(5)
    wanted = e / e.sum(-1, keepdims=True)
    assert not found[..., np.tri(5) == 0].any()
    assert 10 * np.log10((wanted**2).sum() / ((found - wanted) ** 2).sum()) > 33


@pytest.mark.parametrize("far", [f for f in FAR if np.isfinite(f)])
def test_a_mask_that_is_an_input(far, tmp_path):
    """Attention as BERT's exporters write it: scores + (1 - mask) * far, the mask given as 0 and 1.
    """
    given = (np.random.default_rng(1).random((60, 1, 1, 5)) > 0.3).astype(np.float32)
    given[..., 0] = 1
    x = {"x": numbers(2, 5, 4), "m": given}
    m = model([node("Sub", "one m", "n"), node("Mul", "n far", "k"), node("MatMul", "x w", "a"),
               node("Add", "a k", "b"), node("Softmax", "b", "y", axis=-1)],
              {"x": (2, 5, 4), "m": (1, 1, 5)},
              {"w": random("q", 4, 5), "one": np.float32(1), "far": np.float32(far)})
    graph = fixed(m, x, tmp_path)
    q = graph.run(*(v.format.quantize(x[v.name]) for v in graph.inputs))["y"]
    found = graph.outputs[0].format.dequantize(q)
    e = np.exp(x["x"].astype(np.float64) @ random("q", 4, 5)) * given
    wanted = e / e.sum(-1, keepdims=True)
    assert not found[np.broadcast_to(given == 0, found.shape)].any()
    assert 10 * np.log10((wanted**2).sum() / ((found - wanted) ** 2).sum()) > 33


@pytest.mark.parametrize("far", FAR)
def test_a_mask_that_is_chosen(far, tmp_path):
    """Attention as PyTorch's masked_fill: the scores where an input says so, else far."""
    x = {"x": numbers(2, 5, 4), "m": numbers(1, 1, 5)}
    x["m"][..., 0] = 1
    m = model([node("MatMul", "x w", "a"), node("Greater", "m zero", "g"),
               node("Where", "g a far", "b"), node("Softmax", "b", "y", axis=-1)],
              {"x": (2, 5, 4), "m": (1, 1, 5)},
              {"w": random("q", 4, 5), "zero": np.float32(0), "far": np.float32(far)})
    graph = fixed(m, x, tmp_path)
    qs = [v.format.quantize(x[v.name]) for v in graph.inputs]
    found = graph.outputs[0].format.dequantize(graph.run(*qs)["y"])
    kept = dict(zip((v.name for v in graph.inputs), qs, strict=True))["m"] > 0
    e = np.exp(x["x"].astype(np.float64) @ random("q", 4, 5)) * kept
    wanted = e / e.sum(-1, keepdims=True)
    assert not found[np.broadcast_to(~kept, found.shape)].any()
    assert 10 * np.log10((wanted**2).sum() / ((found - wanted) ** 2).sum()) > 33


def test_a_chosen_mask_that_an_output_shows_is_refused(tmp_path):
    m = model([node("Greater", "x zero", "g"), node("Where", "g x far", "y")], {"x": (5,)},
              {"zero": np.float32(0), "far": np.float32(-1e9)})
    with pytest.raises(ModelError, match="chooses a constant of 1e.09"):
        fixed(m, numbers(5), tmp_path)


@pytest.mark.parametrize("far", FAR)
def test_a_mask_before_a_maximum_a_relu_and_an_arg_max(far, tmp_path):
    x = numbers(4)
    sums = (x.astype(np.float64) @ random("v", 4, 5))
    wanted = {"ReduceMax": sums[:, KEPT].max(1, keepdims=True), "Relu": np.maximum(sums, 0) * KEPT,
              "ArgMax": np.where(KEPT, sums, -1e3).argmax(1, keepdims=True)}
    for op, real in wanted.items():
        last = {"ReduceMax": [node("ReduceMax", "b last", "y")], "Relu": [node("Relu", "b", "y")],
                "ArgMax": [node("ArgMax", "b", "i", axis=1), node("Cast", "i", "y", to=1)]}[op]
        m, _ = masked(far, *last)
        if op == "ReduceMax":
            m.graph.initializer.extend(model([], {}, {"last": ints(1)}).graph.initializer)
        graph = fixed(m, x, tmp_path)
        found = graph.outputs[0].format.dequantize(answer(graph, x)[0])
        error = np.abs(found - real)
        assert (error > 0).mean() < 0.05 if op == "ArgMax" else error.max() < 0.1, op


def positions(*others, far: float = -1e9) -> FloatGraph:
    """A mask by position, and other nodes behind its softmax s."""
    causal = np.where(np.tri(5), 0, far).astype(np.float32)
    m = model([node("MatMul", "x w", "a"), node("Add", "a mask", "b"),
               node("Softmax", "b", "s" if others else "y", axis=-1), *others], {"x": (2, 5, 4)},
              {"w": random("q", 4, 5), "mask": causal})
    return from_onnx.simplified(m, "", "net.onnx")


def unmasked(graph: FloatGraph, x: np.ndarray) -> FloatGraph:
    """What the outputs of all samples are equal in."""
    samples = Samples(graph, {"x": x})
    found = without_masks(graph, samples)
    assert found is not graph
    real, wanted = (samples.all(g, ["y"])["y"] for g in (found, graph))
    assert np.abs(real - wanted).max() <= 1e-5 * np.abs(wanted).max()
    return found


def test_a_mask_is_far_enough_for_every_sample():
    """One that is not among those whose outputs are compared reaches 1000 times as far."""
    m, _ = masked(-1e9, node("Softmax", "b", "y", axis=-1))
    for graph in (from_onnx.simplified(m, "", "net.onnx"), positions()):
        some = np.random.default_rng(0).standard_normal((2 * LOOKED_AT, *graph.shapes["x"]))
        x = Samples(graph, {"x": some}).inputs["x"].copy()
        x[1] *= 1024
        assert not any(x[1].tobytes() == few.tobytes() for few in
                       Samples(graph, {"x": x}).few(graph, LOOKED_AT).inputs["x"])
        unmasked(graph, x)


def test_a_mask_takes_no_name_that_another_value_has():
    """A row that becomes a square, as in an attention with one query."""
    causal = np.where(np.tri(5), 0, -1e9).astype(np.float32)
    m = model([node("Tanh", "x", "a"), node("Add", "a mask", "b"),
               node("Softmax", "b", "s", axis=-1), node("Sin", "x", "b/mask"),
               node("Mul", "s b/mask", "y")], {"x": (1, 5)}, {"mask": causal})
    unmasked(from_onnx.simplified(m, "", "net.onnx"), numbers(1, 5))


def test_a_sample_that_is_broken_is_named_before_what_a_mask_would_have_to_be(tmp_path):
    m = model([node("Greater", "x zero", "g"), node("Where", "g x far", "y"),
               node("MatMul", "x w", "z")], {"x": (5,)},
              {"zero": np.float32(0), "far": np.float32(-1e9), "w": random("w", 5, 5)}, ("y", "z"))
    x = numbers(5)
    x[3, 2] = np.nan
    with pytest.raises(ModelError, match="is not finite for a calibration sample"):
        fixed(m, x, tmp_path)


def test_what_lets_a_mask_through_keeps_it(tmp_path):
    m, _ = masked(-1e4, node("LogSoftmax", "b", "y", axis=-1))
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    graph = from_onnx.load(tmp_path / "net.onnx")
    samples = Samples(graph, {"x": numbers(4)})
    assert without_masks(graph, samples) is graph


def test_infinite_weights_are_no_masks(tmp_path):
    weight = random("v", 4, 5)
    weight[1, 2] = -np.inf
    m = model([node("Gemm", "x w", "y")], {"x": (4,)}, {"w": weight})
    with pytest.raises(ModelError, match=r"'w' \(4, 5\) contains 1 NaN or infinite"):
        fixed(m, numbers(4), tmp_path)
    assert np.isinf(run(m, {"x": numbers(4)})[0]).any()
