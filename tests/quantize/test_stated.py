"""Formats of networks that others have quantized, without samples, against ONNX Runtime."""

import gzip
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import quantization as ortq
from onnxruntime.quantization.shape_inference import quant_pre_process

from dsplet.quantize.analysis.original import beside_original
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.program import lower, run
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.bounds import bounds_of
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.ptq.stated import random_inputs, stated, states_ranges
from tests.quantize import onnx_nets as nets
from tests.quantize.onnx_nets import model, node, random

U8, S8, S16 = ortq.QuantType.QUInt8, ortq.QuantType.QInt8, ortq.QuantType.QInt16
QDQ, QOPERATOR = ortq.QuantFormat.QDQ, ortq.QuantFormat.QOperator
STATIC = {
    "u8s8": {"activation_type": U8, "weight_type": S8},
    "s8s8 per channel": {"activation_type": S8, "weight_type": S8, "per_channel": True},
    "u8u8": {"activation_type": U8, "weight_type": U8},
    "s16s16": {"activation_type": S16, "weight_type": S16},
    "QOperator u8s8": {"activation_type": U8, "weight_type": S8, "quant_format": QOPERATOR},
    "QOperator s8s8": {"activation_type": S8, "weight_type": S8, "quant_format": QOPERATOR}}


class Reader(ortq.CalibrationDataReader):
    def __init__(self, x: np.ndarray) -> None:
        self._feeds = iter([{"x": one[None]} for one in x])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def static(source: Path, x: np.ndarray, name: str) -> Path:
    """The file quantized by ONNX Runtime's tool, calibrated on x."""
    prepared, path = source.with_suffix(".pre.onnx"), source.with_suffix(".their.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    ortq.quantize_static(prepared, path, Reader(x), **({"quant_format": QDQ} | STATIC[name]))
    return path


def sqnr_db(wanted: np.ndarray, y: np.ndarray) -> float:
    return 10 * np.log10((wanted**2).sum() / ((wanted - y)**2).sum())


@pytest.mark.parametrize("name", [
    pytest.param(n, marks=[] if n.endswith(("channel", "s8s8")) else pytest.mark.slow)
    for n in STATIC])
def test_a_residual_network_without_samples(name, tmp_path):
    m = nets.relu_net()
    flat = next(t for t in m.graph.initializer if t.name == "b3")
    del flat.dims[0]  # ONNX Runtime's tool takes no bias of two axes
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    x = nets.inputs(m, 50)["x"]
    path = static(tmp_path / "net.onnx", x, name)
    wanted, = nets.run(onnx.load(path), {"x": x})
    graph = from_onnx.load(path)
    assert states_ranges(graph)
    fixed = quantize(graph, None, Recipe(activation_bits=16, weight_bits=12))
    q = fixed.inputs[0].format.quantize(x)
    y, = Executor(fixed, threads=1)(q)
    assert sqnr_db(wanted, fixed.outputs[0].format.dequantize(y)) > 30
    assert np.array_equal(run(lower(fixed), q[0])[0], y[0])
    row, = beside_original(path, fixed, {"x": x})
    assert row.samples == 50 and row.sqnr_db > 30
    agree = (wanted.argmax(1) == y.argmax(1)).mean()
    assert row.agree_percent == pytest.approx(100 * agree)


def test_formats_hold_the_stated_ranges(tmp_path):
    """One scale by hand: -100 / 32 .. 155 / 32 has three integer bits, 0 .. 3.98 has two."""
    scales = {"a": np.float32(1 / 32), "az": np.uint8(100), "b": np.float32(1 / 64),
              "bz": np.uint8(0), "w": random("w", 4, 3)}
    m = model([node("QuantizeLinear", "x a az", "q"), node("DequantizeLinear", "q a az", "d"),
               node("MatMul", "d w", "h"), node("QuantizeLinear", "h b bz", "p"),
               node("DequantizeLinear", "p b bz", "y")], {"x": (4,)}, scales)
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    graph = from_onnx.load(tmp_path / "net.onnx")
    assert bounds_of(graph)["y"] == (0, 255 / 64)
    assert {v: (h.low, h.high) for v, h in stated(graph).items()} == {
        "x": (-100 / 32, 155 / 32), "d": (-100 / 32, 155 / 32), "y": (0, 255 / 64)}
    fixed = quantize(graph, None, Recipe(output_bits=8))
    assert [str(v.format) for v in (*fixed.inputs, *fixed.outputs)] == ["Q3.4", "UQ2.6"]
    x = random_inputs(graph, 500)["x"]
    assert -100 / 32 <= x.min() < -3 and 4.7 < x.max() <= 155 / 32
    row, = beside_original(tmp_path / "net.onnx", fixed, {"x": x})
    assert row.samples == 500 and row.sqnr_db > 25


def test_an_answer_without_a_scale_has_room_for_every_sum(tmp_path):
    """By hand, for inputs -8 .. 127 / 16: the second sum is 0.5 - x, the first reaches less far."""
    m = model([node("QuantizeLinear", "x a az", "q"), node("DequantizeLinear", "q a az", "d"),
               node("Gemm", "d w b", "y")], {"x": (2,)},
              {"a": np.float32(1 / 16), "az": np.int8(0),
               "w": np.float32([[0.5, -1], [-0.25, 0]]), "b": np.float32([-1, 0.5])})
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    graph = from_onnx.load(tmp_path / "net.onnx")
    ends = stated(graph)["y"]
    assert (ends.low, ends.high) == (0.5 - 127 / 16, 0.5 + 8)
    assert str(quantize(graph, None).outputs[0].format) == "Q5.10"  # a bit to spare


def test_a_log_softmax_reaches_no_further_than_its_scores(tmp_path):
    m = model([node("Clip", "x low high", "a"), node("LogSoftmax", "a", "y")], {"x": (3,)},
              {"low": np.float32(-1), "high": np.float32(3)})
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    low, high = bounds_of(from_onnx.load(tmp_path / "net.onnx"))["y"]
    y, = nets.run(m, {"x": np.float32([[-1, 3, 3], [3, -1, -1]])})
    assert y.min() == pytest.approx(-np.log(2 + np.exp(-4)) - 4) and low < y.min() < low + 0.5
    assert high == 0


def test_an_answer_that_is_an_index_needs_no_range(tmp_path):
    m = model([node("QuantizeLinear", "x a az", "q"), node("DequantizeLinear", "q a az", "d"),
               node("ArgMax", "d", "i", axis=1, keepdims=0), node("Cast", "i", "y", to=1)],
              {"x": (4,)}, {"a": np.float32(1 / 32), "az": np.uint8(100)})
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    graph = from_onnx.load(tmp_path / "net.onnx")
    fixed = quantize(graph, None)
    x = random_inputs(graph, 50)["x"]
    y, = Executor(fixed, threads=1)(fixed.inputs[0].format.quantize(x))
    wanted, = nets.run(m, {"x": x})
    assert (y == wanted).mean() > 0.9  # a tie on the coarser grid is another's


def test_a_network_that_states_no_ranges_needs_samples(tmp_path):
    m = nets.tanh_net()
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    graph = from_onnx.load(tmp_path / "net.onnx")
    assert not states_ranges(graph)
    with pytest.raises(ModelError, match=r"states the ranges of \d+ value.*'x', .*\.\.\.: calib"):
        quantize(graph, None)
    fixed = quantize(graph, nets.inputs(m, 9))
    assert beside_original(tmp_path / "net.onnx", fixed, nets.inputs(m, 9)) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["u8s8", "s8s8 per channel", "QOperator u8s8"])
def test_lenet5_agrees_with_the_quantized_file(name, shared, data_dir, tmp_path):
    """99.9 % of 10,000 test images, without a sample of the training set on our side."""
    def images(stem: str, count: int) -> np.ndarray:
        raw = gzip.decompress((data_dir / f"mnist/{stem}-images-idx3-ubyte.gz").read_bytes())
        pixels = np.frombuffer(raw, np.uint8, offset=16, count=count * 784).reshape(-1, 28, 28)
        return np.pad(pixels, ((0, 0), (2, 2), (2, 2)))[:, None].astype(np.float32) / 256

    source = tmp_path / "lenet5.onnx"
    source.write_bytes((shared / "conformance/models/lenet5-mnist/model.onnx").read_bytes())
    path = static(source, images("train", 300), name)
    fixed = quantize(from_onnx.load(path), None)
    row, = beside_original(path, fixed, {"x": images("t10k", 10_000)})
    assert row.samples == 10_000 and row.agree_percent >= 99.9
