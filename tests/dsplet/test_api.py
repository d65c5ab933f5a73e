"""`import dsplet`: networks as objects, arrays in and out, and nothing printed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import onnxruntime
import pytest

import dsplet
from dsplet.quantize.ptq.recipe import Recipe
from tests.dsplet import small_nets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_nets.write(tmp_path_factory.mktemp("api"))


@pytest.fixture(scope="module")
def net(folder):
    return dsplet.load(folder / "small.onnx")


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).uniform(0, 1, (40, 1, 8, 8))


def onnx_runtime(path, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})[0]


def test_the_story(folder, net, x, tmp_path, capfd):
    """From a float network to C, without a word on the terminal."""
    assert isinstance(net, dsplet.FloatNet) and net.input_shape == (1, 8, 8)
    np.testing.assert_array_equal(net(x), onnx_runtime(folder / "small.onnx", x))
    fixed = net.quantize(x, recipe="nearest", weight_bits=6)
    assert isinstance(fixed, dsplet.FixedNet)
    assert {n.weight.bits for n in fixed.graph.nodes if hasattr(n, "weight")} == {6}
    fixed.save(tmp_path / "small.q.onnx")
    np.testing.assert_array_equal(fixed(x), onnx_runtime(tmp_path / "small.q.onnx", x))

    labels = net(x).argmax(1)
    seen = fixed.compare(net, x, labels)
    assert seen.samples == 40 and seen.reference_accuracy_percent == 100
    right = (fixed(x).argmax(1) == labels).sum()
    assert seen.test_accuracy_percent == seen.agree_percent == 100 * right / 40
    noise = ((fixed(x) - net(x)) ** 2).sum()
    assert seen.output_sqnr_db == pytest.approx(10 * np.log10((net(x) ** 2.0).sum() / noise),
                                                rel=1e-4)

    ran = fixed.simulate(x[:3], target="dsp32c-50", labels=labels[:3], budget="1ms")
    assert ran.differing_integers == 0 and ran.passed and ran.samples == 3
    assert ran.clock_mhz == 50 and ran.latency_ms == pytest.approx(ran.cycles * 8e-5)
    assert [s.label for s in ran.first_samples] == labels[:3].tolist()
    assert ran.layers[-1].macs == 4 * 36 * 9 + 360
    with pytest.raises(FrozenInstanceError):
        ran.cycles = 0
    sure = fixed.simulate(x[:3], rounding="conversion")
    assert sure.differing_integers == 0 and sure.cycles != ran.cycles

    sources = fixed.emit_c("digits")
    assert list(sources) == ["digits.h", "digits.c"] and "#include" in sources["digits.c"]
    assert capfd.readouterr() == ("", "")


def test_what_is_saved_is_what_is_loaded(net, x, tmp_path):
    fixed = net.quantize(x, Recipe(4, 4, rounding="nearest", weights="mse"))
    fixed.save(tmp_path / "a.q.onnx")
    again = dsplet.load(tmp_path / "a.q.onnx")
    assert isinstance(again, dsplet.FixedNet) and again.metadata == fixed.metadata
    again.save(tmp_path / "b.q.onnx")
    assert (tmp_path / "a.q.onnx").read_bytes() == (tmp_path / "b.q.onnx").read_bytes()
    np.testing.assert_array_equal(again(x), fixed(x))
    assert repr(again) == f"FixedNet({str(tmp_path / 'a.q.onnx')!r}, input_shape=(1, 8, 8))"


def test_without_labels_nobody_is_right(net, x):
    fixed = net.quantize(x, "nearest", weight_bits=2, activation_bits=3)
    seen = fixed.compare(net, x)
    assert seen.reference_accuracy_percent is None and seen.confusion_test is None
    differ = np.flatnonzero(fixed(x).argmax(1) != net(x).argmax(1))
    assert [f.index for f in seen.flips] == differ.tolist()
    assert [f.test for f in seen.flips] == fixed(x).argmax(1)[differ].tolist()
    assert seen.agree_percent == pytest.approx(100 * (1 - len(differ) / len(x)))


def test_images_are_read_as_the_file_says(folder):
    fixed = dsplet.load(folder / "small.q.onnx")
    images = np.random.default_rng(2).integers(0, 256, (5, 8, 8), np.uint8)
    np.testing.assert_array_equal(fixed(images), fixed(images[:, None] / 256))
    np.testing.assert_array_equal(fixed(images[:, None]), fixed(images))


def test_float_arithmetic_on_the_chip(net, x):
    ran = net.simulate(x[:2])
    assert ran.arithmetic == "float" and ran.differing_numbers == 0 and ran.passed


@pytest.mark.parametrize("samples, said", [
    (np.zeros((3, 8, 9)), "'x' has samples of shape (8, 9), the network reads (1, 8, 8)"),
    (np.zeros((0, 1, 8, 8)), "'x' is empty: its shape is (0, 1, 8, 8)"),
    (np.zeros((3, 1, 8, 8), np.uint8), "the network's file does not say how pixels become"),
    (np.full((3, 1, 8, 8), np.nan), "holds NaN or infinity in 3 of 3 samples"),
    (np.zeros((3, 1, 8, 8), complex), "'x' is complex128; expected numbers"),
    ("digits", "'x' is <U6")])
def test_samples_that_are_none(net, samples, said):
    with pytest.raises(dsplet.UserError) as error:
        net(samples)
    assert said in str(error.value)


def test_what_else_is_refused(net, x, folder, tmp_path):
    fixed = dsplet.load(folder / "small.q.onnx")
    for mistake, said in (
            (lambda: fixed.compare(net, x, np.zeros(3, int)), "labels are int64 (3,); expected 40"),
            (lambda: fixed.simulate(x, target="z80"), "unknown target 'z80'"),
            (lambda: fixed.simulate(x, budget="soon"), "budget 'soon' is not understood"),
            (lambda: net.quantize(x, "best"), "no recipe is called 'best'"),
            (lambda: net.quantize(x, Recipe(), weight_bits=4), "a Recipe says everything itself"),
            (lambda: net.quantize(x, weight_bits=40), "weight_bits"),
            (lambda: fixed.emit_c("3x"), "'3x' cannot name C functions"),
            (lambda: fixed.emit_c(""), "'' cannot name C functions"),
            (lambda: fixed.emit_c(goal="fast"), "goal is 'fast'; expected time, memory, balanced"),
            (lambda: fixed.simulate(goal="fast"), "goal is 'fast'; expected"),
            (lambda: dsplet.load(tmp_path / "none.onnx"), "no such file")):
        with pytest.raises(dsplet.UserError) as error:
            mistake()
        assert said in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_a_module_is_exported(kept, tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    path = tmp_path / "mine.onnx" if kept else None
    net = dsplet.export_module(module, path, (1, 8, 8), input_scale=1 / 256, classes="abcdefghij")
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8), np.uint8)
    with torch.no_grad():
        wanted = module(torch.from_numpy(images / np.float32(256))).numpy()
    np.testing.assert_allclose(net(images), wanted, atol=1e-5)
    assert list(tmp_path.iterdir()) == ([path] if kept else [])
    ran = net.quantize(images).simulate(images)
    assert ran.first_samples[0].read_as in "abcdefghij" and ran.passed


def test_names_shadow_no_package():
    import dsplet.export
    import dsplet.quantize
    for name in ("export", "quantize", "train", "data", "firmware_sim", "base"):
        assert name not in dsplet.__all__
    assert dsplet.export.__path__ and dsplet.quantize.__path__
    assert all(getattr(dsplet, name).__doc__ for name in dsplet.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'compile'"):
        _ = dsplet.compile


def test_importing_it_is_light():
    code = ("import dsplet, sys; print(*{m.split('.')[0] for m in sys.modules} & {'numpy', 'torch',"
            " 'onnx', 'onnxruntime', 'rich', 'click', 'msgspec'}); dsplet.load; "
            "print(*{m.split('.')[0] for m in sys.modules} & {'torch', 'click', 'rich'})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n\n"

