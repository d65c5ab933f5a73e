"""What `import dsplet` shows of networks: layers, maps from the chip's memory, filters, states."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

import dsplet
from dsplet.firmware_sim.compile.streaming import CannotStream
from tests.base.test_display import Reader
from tests.dsplet import small_nets
from tests.quantize import recurrent_nets
from tests.quantize.onnx_nets import run, saved

SIZES = {"c": (4 * 9, 4), "y": (360, 10)}
"""Weights and biases of each layer of small_nets.digit_net; the last has no bias of its own."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_nets.write(tmp_path_factory.mktemp("display"))


@pytest.fixture(scope="module")
def fixed(folder):
    return dsplet.load(folder / "small.q.onnx")


def test_layers(folder, fixed):
    rows = {row.op: row for row in fixed.layers}
    assert rows["Conv"].output_shape == "4x6x6" and rows["Conv"].macs == 4 * 36 * 9
    assert rows["Gemm"].bytes == 360 + 10  # eight bits are enough for weights, and for no bias
    floats = {row.op: row for row in dsplet.load(folder / "small.onnx").layers}
    assert floats["Conv"].bytes == 4 * sum(SIZES["c"]) and floats["Gemm"].bytes == 4 * sum(
        SIZES["y"])
    for net in (fixed, dsplet.load(folder / "small.onnx")):
        read = Reader(net._repr_html_())
        assert "Conv_c" in read.texts and read.names().count("tr") == 1 + len(net.layers)


def test_filters_are_the_weights(folder):
    net = dsplet.load(folder / "small.onnx")
    found = net.quantize(np.random.default_rng(1).uniform(0, 1, (20, 1, 8, 8)),
                         "nearest").filters("Conv_c")
    weights = next(numpy_helper.to_array(w) for w in
                   onnx.load(folder / "small.onnx").graph.initializer if w.name == "w")
    steps = 2.0 ** np.ceil(np.log2(np.abs(weights).max((1, 2, 3), keepdims=True) / 127.5))
    assert found.reals.shape == (4, 1, 3, 3) and (np.abs(found.reals - weights) <= steps / 2).all()
    picture = Image.open(BytesIO(found.png))
    assert picture.size == (4 * 50 + 2, 50 + 2)  # a unit is a column, 3 x 3 in cells of 16


def test_maps_are_what_memory_held(fixed):
    images = np.random.default_rng(5).integers(0, 256, (2, 8, 8), np.uint8)
    maps = fixed.maps("Conv_c", images)
    step = fixed.graph.inputs[0].format.step
    q = np.floor(images[:, None] / 256 / step + 0.5).astype(int).clip(
        fixed.graph.inputs[0].format.min, fixed.graph.inputs[0].format.max)
    value = next(v for v in fixed.graph.values() if v.name == "r")
    np.testing.assert_array_equal(maps.reals, fixed.graph.run(q)["r"] * value.format.step)
    assert maps.steps == 0 and maps.png == fixed.maps("Conv_c", images).png
    assert f"white is {maps.reals.max():.3g}" in Reader(maps._repr_html_()).texts[-1]
    assert repr(maps) == f"Maps('Conv_c, 2 x 4 x 6 x 6: black is 0, white is " \
                         f"{maps.reals.max():.3g}')"


def test_states_over_time(tmp_path):
    """Of the chip's memory, beside ONNX Runtime's."""
    x = np.random.default_rng(3).normal(size=(30, recurrent_nets.STEPS,
                                              recurrent_nets.WIDTH)).astype(np.float32)
    net = dsplet.load(saved(recurrent_nets.cell("RNN", output="state"), tmp_path))
    fixed = net.quantize(x)
    states, = run(recurrent_nets.cell("RNN"), {"x": x[:2]})
    maps = fixed.maps("RNN_ys/function", x[:2])
    assert maps.reals.shape == states.shape and maps.steps == 1
    np.testing.assert_allclose(maps.reals, states, atol=0.06)
    pixels = np.asarray(Image.open(BytesIO(maps.png)))[..., 0]
    low, high = maps.reals.min(), maps.reals.max()
    size = 64 // 20  # 5 steps in 4 pixels each, and the sheet's own scale
    for unit, turn in np.ndindex(4, 5):
        level = np.floor((maps.reals[0, turn, unit] - low) / (high - low) * 255 + 0.5)
        assert pixels[2 + (4 * unit + 2) * size, 2 + (4 * turn + 2) * size] == level

    after = fixed.outputs_by_step(x[:2])
    np.testing.assert_array_equal(after.reals, maps.reals)  # its output is the state
    np.testing.assert_array_equal(after.reals[:, -1], fixed(x[:2]))
    seen = fixed.stream(x[:2])
    assert seen.steps == 5 and seen.samples == 2 and seen.differing_integers == 0
    whole = fixed.simulate(x[:2]).cycles
    assert seen.begin_cycles + 5 * seen.cycles_per_step == pytest.approx(whole, rel=0.3)
    assert seen.latency_ms_per_step == pytest.approx(seen.cycles_per_step * 1e-4)  # 100 ns each


def test_the_ledger(fixed):
    seen = fixed.ledger(np.random.default_rng(0).uniform(0, 1, (5, 1, 8, 8)))
    assert seen.passed and seen.samples == 5 and not seen.overflows
    tight = fixed.ledger(np.zeros((1, 1, 8, 8)), accumulator_bits=6)
    assert not tight.passed and {o.layer for o in tight.overflows} >= {"Gemm_y"}
    assert Reader(tight._repr_html_()).texts[0] == "Ledger: not passed"


def test_what_cannot_be_shown(fixed):
    x = np.zeros((1, 1, 8, 8))
    for mistake, said in ((lambda: fixed.maps("Conv_d", x), "no layer is named 'Conv_d'"),
                          (lambda: fixed.filters("MaxPool_p"), "no layer with filters"),
                          (lambda: fixed.maps("Conv_c", x, "cortex-m4"), "has no such tool")):
        with pytest.raises(dsplet.UserError, match=said):
            mistake()
    with pytest.raises(CannotStream):
        fixed.stream(x)


def test_no_notebook_is_needed(folder):
    code = (f"import dsplet, sys; net = dsplet.load({str(folder / 'small.q.onnx')!r}); "
            "net._repr_html_(); net.simulate()._repr_html_(); net.filters('Conv_c')._repr_html_(); "
            "print(*{'IPython', 'matplotlib', 'torch'} & {m.split('.')[0] for m in sys.modules})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n" and not done.stderr
