"""Rescaling: the network stays what it was, and each algorithm does what it says."""

import numpy as np
import onnxruntime as ort
import pytest

from dsplet.quantize.analysis.compare import sqnr_db
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.model import to_model
from dsplet.quantize.ptq.algorithms import named, run
from dsplet.quantize.ptq.algorithms.balance import Balance, _Noise
from dsplet.quantize.ptq.formats import separate_inputs
from dsplet.quantize.ptq.links import links, ranges, scaled
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.ptq.rescaling import Rescaling
from dsplet.quantize.ptq.samples import Samples
from tests.quantize import onnx_nets as nets
from tests.quantize.onnx_nets import model, node, random


def load(m, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    return from_onnx.load(path)


def chain(pool: str = "MaxPool", **attributes):
    """Conv, ReLU, pooling, padded Conv in groups, ReLU, flattened into Gemm, ReLU, Gemm."""
    return model([
        node("Conv", "x w0 b0", "c0"), node("Relu", "c0", "r0"),
        node(pool, "r0", "p0", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p0 w1 b1", "c1", group=2, pads=[1, 1, 1, 1]), node("Relu", "c1", "r1"),
        node("Flatten", "r1", "f"), node("Gemm", "f w2 b2", "g"), node("Relu", "g", "r2"),
        node("Gemm", "r2 w3", "y")], {"x": (1, 10, 10)}, {
            "w0": random("w0", 4, 1, 3, 3) * 2, "b0": random("b0", 4),
            "w1": random("w1", 6, 2, 3, 3), "b1": random("b1", 6),
            "w2": random("w2", 96, 8) / 4, "b2": random("b2", 8), "w3": random("w3", 8, 3)})


def outputs(graph, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(to_model(graph).SerializeToString(),
                                   providers=["CPUExecutionProvider"])
    return session.run(None, {graph.inputs[0]: x})[0]


@pytest.mark.parametrize("pool", ["MaxPool", "AveragePool"])
def test_any_factor_between_two_layers_changes_no_output(pool, tmp_path):
    m = chain(pool)
    graph, x = load(m, tmp_path), nets.inputs(m, 20)["x"]
    found = links(graph)
    assert [len(next(iter(link.values.values()))) for link in found] == [4, 6, 8]
    before = outputs(graph, x)
    for i, link in enumerate(found):
        channels = len(ranges(graph, link)[0])
        graph = scaled(graph, link, np.exp(random(f"s{i}", channels).astype(np.float64)))
    assert np.abs(outputs(graph, x) - before).max() < 1e-4 * np.abs(before).max()


@pytest.mark.parametrize("between", [
    [node("Tanh", "c", "r"), node("Gemm", "r v", "y")],
    [node("Clip", "c zero six", "r"), node("Gemm", "r v", "y")],
    [node("Relu", "c", "r"), node("Gemm", "r v", "d"), node("Gemm", "r v", "e"),
     node("Add", "d e", "y")]])
def test_no_link_where_a_factor_would_be_seen(between, tmp_path):
    graph = load(model([node("Gemm", "x w", "c"), *between], {"x": (6,)}, {
        "w": random("w", 6, 5), "v": random("v", 5, 3), "zero": np.float32(0),
        "six": np.float32(6)}), tmp_path)
    assert links(graph) == []


def rescaling(tmp_path, **widths) -> Rescaling:
    m = chain()
    graph = separate_inputs(load(m, tmp_path))
    return Rescaling(graph, Samples(graph, nets.inputs(m, 60)), Recipe(**widths))


@pytest.mark.parametrize("per_channel", [True, False])
def test_a_rescaled_network_in_groups_keeps_its_outputs(per_channel, tmp_path):
    m = chain()
    graph, x = load(m, tmp_path), nets.inputs(m, 80)["x"]
    fixed = quantize(graph, x[:60], Recipe(per_channel=per_channel))
    y, = Executor(fixed)(fixed.inputs[0].format.quantize(x[60:]))
    assert sqnr_db(outputs(graph, x[60:]), fixed.outputs[0].format.dequantize(y)) > 30


def test_cross_layer_equalization_makes_ranges_equal(tmp_path):
    now = rescaling(tmp_path)
    run(named("equalization", "crosslayer", sweeps=60), now)
    for link in now.links:
        first, second = ranges(now.graph, link)
        assert np.ptp(np.log(first / second)) < 0.02  # equal but for one factor of them all


def test_align_makes_the_best_free_step_a_power_of_two(tmp_path):
    now = rescaling(tmp_path, activation_bits=5)
    run(named("equalization", "align"), now)
    for link in now.links:
        y = now.samples.all(now.graph, [link.value])[link.value].astype(np.float64).reshape(-1)

        def loss(frac: float, y: np.ndarray = y) -> float:
            return float(((np.clip(np.floor(y * 2**frac + 0.5), 0, 31) * 2**-frac - y) ** 2).sum())

        free = min(np.arange(-4, 10, 1 / 32), key=loss)
        assert loss(round(free)) <= 1.1 * loss(free)  # tried by eighths of an octave


def test_balance_finds_the_least_noise(tmp_path):
    """The noise is convex in the logarithms: where no single channel gains, none do."""
    rng = np.random.default_rng(0)
    largest, power = rng.exponential(size=7) + 0.1, rng.exponential(size=7)
    weights = rng.normal(size=(5, 7, 3)) * rng.exponential(size=7)[:, None]

    def noise(s: np.ndarray) -> float:
        """The formula of the module, written out."""
        step_a = ((s * largest) ** 8).sum() ** (1 / 8) / 255
        step_w = ((np.abs(weights).max(2) / s) ** 8).sum(1) ** (1 / 8) / 7
        return (step_a**2 * ((weights**2).sum((0, 2)) / s**2).sum()
                + 0.1 * (step_w**2).sum() * (3 * power * s**2).sum())

    s = _Noise(Balance(), Recipe(weight_bits=4), largest, power, weights).least()
    assert noise(s) < 0.9 * noise(np.ones(7))
    for c in range(7):
        for t in (2**0.25, 2**-0.25):
            assert noise(np.where(np.arange(7) == c, s * t, s)) > noise(s) * (1 - 1e-5)


def test_a_channel_that_never_fires_keeps_its_scale(tmp_path):
    m = chain()
    for t in m.graph.initializer:
        if t.name == "b0":
            t.raw_data = (random("b0", 4) - [0, 99, 0, 0]).astype(np.float32).tobytes()
    graph = separate_inputs(load(m, tmp_path))
    now = Rescaling(graph, Samples(graph, nets.inputs(m, 60)), Recipe())
    run(named("equalization", "balance"), now)
    factors = now.factors[now.links[0].value].reshape(-1)
    assert factors[1] == 1 and (factors[[0, 2, 3]] != 1).any()
