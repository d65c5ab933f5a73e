"""The command line: what it refuses, in one line, and that it leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import to_qdq
from tests.dsplet.commands import refusal
from tests.dsplet.small_nets import FACTS, digit_net
from tests.quantize.onnx_nets import model, node, random

pytestmark = pytest.mark.slow

TARGETS = ("dsp32c-40, dsp32c-50, cortex-m4, cortex-m3, cortex-m0plus, cortex-m7, cortex-m33, "
           "hazard3, cv32e40p, ibex")


def test_files_that_are_no_networks(folder, tmp_path):
    (tmp_path / "text.onnx").write_text("hello")
    whole = (folder / "small.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[:len(whole) // 2])
    to = ("-o", "out.q.onnx", "--data", "digits")
    assert refusal("quantize", "text.onnx", *to, folder=tmp_path) == (
        "error: text.onnx: not an ONNX file")
    assert "cut.onnx: the file is cut short or damaged" in refusal(
        "quantize", "cut.onnx", *to, folder=tmp_path)
    assert refusal("quantize", "none.onnx", *to, folder=tmp_path) == (
        "error: none.onnx: no such file")


def test_unsupported_ops_are_all_listed(tmp_path):
    net = model([node("Det", "x", "d"), node("Sin", "d", "s"), node("NonZero", "s", "y")],
                {"x": (1, 8, 8)})
    (tmp_path / "odd.onnx").write_bytes(net.SerializeToString())
    message = refusal("quantize", "odd.onnx", "-o", "o.q.onnx", folder=tmp_path)
    for op, name in (("Det", "Det_d"), ("NonZero", "NonZero_y")):
        assert op in message and name in message


def test_a_dynamic_shape(tmp_path):
    net = model([node("Relu", "x", "y")], {"x": (1, "height", 8)})
    (tmp_path / "free.onnx").write_bytes(net.SerializeToString())
    assert "axis 2 of the input 'x' is not fixed (height)" in refusal(
        "quantize", "free.onnx", "-o", "o.q.onnx", folder=tmp_path)


def test_weights_that_are_no_numbers(tmp_path):
    w = random("w", 4, 1, 3, 3)
    w[1, 0, 2, 2] = np.nan
    (tmp_path / "nan.onnx").write_bytes(digit_net(w=w).SerializeToString())
    message = refusal("quantize", "nan.onnx", "-o", "o.q.onnx", folder=tmp_path)
    assert "'w'" in message and "NaN" in message


def test_inputs_that_are_no_images(tmp_path):
    net = model([node("Gemm", "x w", "y", transB=1)], {"x": (12,)}, {"w": random("w", 4, 12)})
    (tmp_path / "flat.onnx").write_bytes(net.SerializeToString())
    assert "samples of shape (8, 8), the network reads (12,)" in refusal(
        "quantize", "flat.onnx", "-o", "o.q.onnx", "--data", "digits", "--input-scale", "1",
        folder=tmp_path)


def test_data_that_is_missing_empty_or_odd(folder, tmp_path):
    q = folder / "small.q.onnx"
    np.savez(tmp_path / "empty.npz", images=np.zeros((0, 8, 8), np.uint8),
             labels=np.zeros(0, np.uint8))
    np.savez(tmp_path / "odd.npz", images=np.zeros((3, 8), np.uint8), labels=np.zeros(3, np.uint8))
    assert "has no test samples" in refusal("simulate", q, "--data", "empty.npz", folder=tmp_path)
    assert "samples of shape (8,), the network reads (1, 8, 8)" in refusal(
        "simulate", q, "--data", "odd.npz", folder=tmp_path)
    assert "none.npz: no such file" in refusal("simulate", q, "--data", "none.npz",
                                               folder=tmp_path)
    assert "no data set is named 'digit'" in refusal("simulate", q, "--data", "digit",
                                                     folder=tmp_path)
    assert "name it with --data" in refusal("quantize", folder / "small.onnx", "-o", "o.q.onnx",
                                            folder=tmp_path)


def test_targets_boards_and_budgets_that_are_unknown(folder, tmp_path):
    q = folder / "small.q.onnx"
    assert refusal("simulate", q, "--target", "dsp56k", folder=tmp_path) == (
        f"error: unknown target 'dsp56k': expected one of {TARGETS}")
    assert "expected one of 1989, 1991" in refusal("simulate", q, "--board", "2001",
                                                   folder=tmp_path)
    for budget in ("12", "fastms", "-3ms", "ms"):
        message = refusal("simulate", q, f"--budget={budget}", folder=tmp_path)
        assert f"budget '{budget}' is not understood" in message


def test_a_float_network_is_not_simulated(folder, tmp_path):
    net = folder / "small.onnx"
    assert f"`dsplet quantize {net} -o small.q.onnx`" in refusal("simulate", net, folder=tmp_path)


def test_models_and_checkpoints_that_do_not_exist(tmp_path):
    assert "did you mean 'zip1989'?" in refusal("train", "zip1988", folder=tmp_path)
    assert "no such file: `dsplet train` makes one" in refusal(
        "export", "none.safetensors", "-o", "o.onnx", folder=tmp_path)
    assert refusal("emit", "none.q.onnx", "--format", "c", folder=tmp_path) == (
        "error: none.q.onnx: no such file")


def test_a_folder_that_does_not_exist(folder, tmp_path):
    assert "there is no folder" in refusal(
        "quantize", folder / "small.onnx", "-o", "nowhere/o.q.onnx", "--data", "digits",
        "--input-scale", "1/256", folder=tmp_path)


def test_a_stream_refuses_what_it_does_not_report(folder):
    """A budget least of all may go unheeded."""
    for option in (("--budget", "1ms"), ("-O", "memory"), ("--profile",), ("--map",),
                   ("--listing", "l.txt"), ("--arithmetic", "float")):
        message = refusal("simulate", folder / "small.q.onnx", "--stream", *option, folder=folder)
        assert f"leave out {' '.join(option) if option[-1] == 'float' else option[0]}" in message
    assert not (folder / "l.txt").exists()


def test_a_network_that_is_too_large_for_the_board(tmp_path):
    net = model([node("Flatten", "x", "f"), node("Gemm", "f w", "h", transB=1),
                 node("Gemm", "h v", "y", transB=1)], {"x": (1, 16, 16)},
                {"w": random("w", 2000, 256), "v": random("v", 10, 2000)})
    (tmp_path / "big.onnx").write_bytes(net.SerializeToString())
    x = np.random.default_rng(0).uniform(0, 1, (8, 1, 16, 16)).astype(np.float32)
    to_qdq.save(quantize(from_onnx.load(tmp_path / "big.onnx"), x, Recipe(), metadata=FACTS),
                tmp_path / "big.q.onnx")
    message = refusal("simulate", "big.q.onnx", folder=tmp_path)
    assert "B too little" in message and "weight of Gemm_h 512,000 B (packed as bytes)" in message


def test_files_survive_a_failure(folder, tmp_path):
    (tmp_path / "keep.q.onnx").write_bytes(b"precious")
    refusal("quantize", folder / "small.onnx", "-o", "keep.q.onnx", "--weight-bits", 40, "--data",
            "digits", "--input-scale", "1", folder=tmp_path)
    assert (tmp_path / "keep.q.onnx").read_bytes() == b"precious"


def test_one_line_says_it_all(folder, tmp_path):
    """Word for word."""
    q = folder / "small.q.onnx"
    np.savez(tmp_path / "empty.npz", images=np.zeros((0, 8, 8), np.uint8),
             labels=np.zeros(0, np.uint8))
    np.save(tmp_path / "rgb.npy", np.zeros((2, 8, 8, 3), np.uint8))
    (tmp_path / "nets.py").write_text("def three():\n    return 3\ndef fails():\n    1 / 0\n")
    for words, wanted in (
            (("simulate", q, "--images", "rgb.npy"),
             "rgb.npy: 'x' has samples of shape (8, 8, 3), the network reads (1, 8, 8)"),
            (("simulate", q, "--data", "empty.npz"),
             "empty.npz: has no test samples: name data that have some with --data (digits, mnist, "
             "usps or a file of your own)"),
            (("simulate", q, "--samples", 0),
             "--samples is '0'; expected a positive number or all"),
            (("simulate", q, "--target", "dsp32c40"),
             f"unknown target 'dsp32c40': expected one of {TARGETS}; did you mean "
             "'dsp32c-40'?"),
            (("quantize", q, "-o", "o.q.onnx"), f"{q}: is fixed point already"),
            (("quantize", folder / "small.onnx", "-o", "o.q.onnx", "--data", "digits",
              "--input-scale", "1/0"),
             "--input-scale: '1/0' is not a number; expected one such as 0.5 or 1/256"),
            (("emit", q, "--format", "c", "--name", "3x"),
             "'3x' cannot name C functions; expected letters, digits and _, a letter first, at "
             "most 100, and no word of the language: give one with --name"),
            (("export", "nets.py:three", "--input", "1x8x8", "-o", "o.onnx"),
             "nets.py:three: gives a int; expected a torch.nn.Module"),
            (("export", "nets.py:fails", "--input", "1x8x8", "-o", "o.onnx"),
             "nets.py:fails: the function failed: ZeroDivisionError: division by zero"),
            (("export", "nets.py:three", "-o", "o.onnx"),
             "say what the network reads, such as --input 1x28x28"),
            (("simulate",), "Missing argument 'SOURCE'. See dsplet simulate --help.")):
        assert refusal(*words, folder=tmp_path) == f"error: {wanted}"


def test_a_list_of_problems_is_one_line(tmp_path):
    net = model([node("Det", "x", "d"), node("NonZero", "d", "y")], {"x": (1, 8, 8)})
    (tmp_path / "odd.onnx").write_bytes(net.SerializeToString())
    message = refusal("quantize", "odd.onnx", "-o", "o.q.onnx", folder=tmp_path)
    assert message == (
        "error: odd.onnx: 2 node(s) are not supported: Det 'Det_d'; NonZero 'NonZero_y': "
        "`dsplet ops` lists what is, `dsplet ops --check odd.onnx` says it node by node")


def test_pytorch_that_is_not_installed(tmp_path):
    code = ("import sys; sys.modules['torch'] = None; sys.argv = ['dsplet', 'train', 'zip1989']; "
            "from dsplet import cli; cli.main()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        2, "", "error: this needs torch, which is not installed: pip install 'dsplet[train]'\n")


def test_float_arithmetic_wants_a_float_network(folder):
    line = refusal("simulate", "small.q.onnx", "--arithmetic", "float", folder=folder)
    assert line.startswith("error: small.q.onnx: is fixed point") and "\n" not in line
