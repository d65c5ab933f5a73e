"""dsplet advise: budgets that are missed are met, and the printed commands measure what it says."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from dsplet import data
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, load, quantize
from dsplet.quantize.qdq import from_qdq, to_qdq
from tests.dsplet.commands import dsplet, refusal
from tests.dsplet.small_nets import FACTS
from tests.quantize.onnx_nets import model, node, random

pytestmark = pytest.mark.slow

FOUND = ("cycles", "latency_ms", "ram_bytes", "read_only_bytes", "lost_points")
TEST = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """net.onnx, which reads digits as a least-squares fit on four random filters does, and its
    eight.q.onnx and rough.q.onnx, of activations of two bits."""
    path = tmp_path_factory.mktemp("advise")
    digits, filters = data.load("digits"), random("w", 4, 1, 3, 3)
    x = (digits.train.images[:, None] / 256).astype(np.float32)
    windows = sliding_window_view(x[:, 0], (3, 3), (1, 2))
    maps = np.maximum(np.einsum("nhwij,oij->nohw", windows, filters[:, 0]), 0)
    pooled = maps.reshape(len(x), 4, 3, 2, 3, 2).max((3, 5)).reshape(len(x), -1)
    wanted = 5 * np.eye(10)[digits.train.labels]
    fitted = np.linalg.solve(pooled.T @ pooled + 0.1 * np.eye(36), pooled.T @ wanted)
    net = model([node("Conv", "x w", "c"), node("Relu", "c", "r"),
                 node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
                 node("Flatten", "p", "f"), node("Gemm", "f v", "s", transB=1),
                 node("LogSoftmax", "s", "y", axis=1)], {"x": (1, 8, 8)},
                {"w": filters, "v": fitted.T.astype(np.float32)})
    (path / "net.onnx").write_bytes(net.SerializeToString())
    for name, recipe in (("eight", load("nearest")), ("rough", Recipe(
            activation_bits=2, rounding="nearest", trial=None, bias=None))):
        fixed = quantize(from_onnx.load(path / "net.onnx"), x[:100], recipe, metadata=FACTS)
        to_qdq.save(fixed, path / f"{name}.q.onnx")
    return path


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    whole = data.load("digits")
    few = replace(whole, calibration=whole.calibration[:100], test=whole.test[:TEST])
    monkeypatch.setattr(import_module("dsplet.data.opening"), "load", lambda name: few)


def report(words: str, folder: Path, code: int = 0) -> dict:
    done = dsplet(*shlex.split(words), "--json", folder=folder)
    assert done.returncode == code, done.stderr or done.stdout
    return json.loads(done.stdout)


def advise(options: str, folder: Path, code: int = 0, net: str = "eight") -> dict:
    return report(f"advise net.onnx {net}.q.onnx {options}", folder, code)


def promised(seen: dict, folder: Path) -> None:
    """What the printed commands measure is what is said."""
    ran, compared = (report(line.removeprefix("dsplet "), folder) for line in seen["commands"])
    assert ran["passed"] and ran["differing_integers"] == 0
    after = {row["budget"]: row["after"] for row in seen["budgets"]}
    last = next(t for t in seen["trials"] if t["outcome"] == "meets all")
    assert max(ran["cycles"], ran["worst_case_cycles"]) == last["cycles"]
    assert after.get("latency", ran["latency_ms"]) in (ran["latency_ms"], ran["cycles"])
    for kind, verdict in (("RAM", 0), ("flash", -1)):
        if kind in after:
            assert ran["memory_budget"][verdict]["used_bytes"] == after[kind]
    lost = compared["reference_accuracy_percent"] - compared["test_accuracy_percent"]
    assert lost == pytest.approx(last["lost_points"]) and compared["samples"] == TEST


def used(folder: Path, net: str = "eight") -> dict:
    ran = report(f"simulate {net}.q.onnx --samples 1 --ram 1MB --flash 1MB", folder)
    return {"cycles": ran["worst_case_cycles"],
            **{row["memory"]: row["used_bytes"] for row in ran["memory_budget"]}}


def test_latency_by_a_softmax_that_nobody_reads(folder):
    """And where memory was short too, by both."""
    now = used(folder)
    seen = advise(f"--budget {now['cycles'] * 0.95:.0f}cycles -o faster.q.onnx", folder)
    assert seen["changes"] == ["no LogSoftmax at the end"] and seen["passed"]
    assert from_qdq.load(folder / "faster.q.onnx").nodes[-1].op == "Gemm"
    row, = seen["budgets"]
    assert row["unit"] == "cycles" and row["before"] == now["cycles"]
    assert row["after"] <= row["allowed"] < row["before"]
    promised(seen, folder)


def test_flash_that_is_missed_by_a_fifth(folder):
    seen = advise(f"--flash {used(folder)['flash'] / 1.2:.0f}B -o smaller.q.onnx", folder)
    row, = seen["budgets"]
    assert row["after"] <= row["allowed"] < row["before"]
    promised(seen, folder)


def test_accuracy_that_is_missed_by_a_fifth(folder):
    whole = report("compare net.onnx rough.q.onnx", folder)
    lost = whole["reference_accuracy_percent"] - whole["test_accuracy_percent"]
    seen = advise(f"--drop {lost / 1.2:.3f} -o finer.q.onnx", folder, net="rough")
    row, = seen["budgets"]
    assert row["before"] == pytest.approx(lost) and lost > 1 and row["after"] <= row["allowed"]
    assert seen["trials"][-1]["samples"] == TEST and len(seen["changes"]) == 1
    promised(seen, folder)


def test_what_is_proved_to_be_impossible(folder):
    """4 maps of 6x6 with 9 taps, 36 times 10 products; three of four of each window's selected, and
    the fourth, which products read, is rounded."""
    least = 4 * 36 * 9 + 360 + 4 * 9 * 4
    seen = advise(f"--budget {least - 1}cycles -o none.q.onnx", folder, 1)
    bound, = seen["bounds"]
    assert (bound["budget"], bound["at_least"], bound["allowed"]) == ("latency", least, least - 1)
    assert not seen["passed"] and "no change of the file can" in seen["verdict"]
    assert not (folder / "none.q.onnx").exists()
    held, = advise("--ram 255B", folder, 1)["bounds"]
    assert held["at_least"] == 64 * 4  # a word a pixel
    kept, = advise("--flash 395B", folder, 1)["bounds"]
    assert kept["at_least"] == 36 + 360  # a byte a weight


def test_what_was_not_proved_is_not_said_to_be(folder):
    least = 4 * 36 * 9 + 360 + 4 * 9 * 4
    seen = advise(f"--budget {least + 1}cycles --trials 2", folder, 1)
    assert seen["bounds"] == [] and "proves nothing of others" in seen["verdict"]
    own = [t for t in seen["trials"] if not t["change"].startswith(("--target", "--board"))]
    assert len(own) == 2


def test_hardware_only_where_it_is_allowed(folder):
    """A fifth is what the 50 MHz part is faster by."""
    budget = f"--budget {used(folder)['cycles'] * 1e-4 / 1.25 + 1e-6:.6f}ms"
    closed = advise(f"{budget} --trials 1 -o no.q.onnx", folder, 1)
    assert "which --hardware allows: --target dsp32c-50" in closed["verdict"]
    assert closed["changes"] == closed["commands"] == [] and not (folder / "no.q.onnx").exists()
    assert "rounding by conversion" in advise(
        f"{budget} --trials 1 --rounding conversion", folder, 1)["target"]
    opened = advise(f"{budget} --trials 1 --hardware -o other.q.onnx", folder)
    assert opened["changes"] == ["--target dsp32c-50"]
    assert (folder / "other.q.onnx").read_bytes() == (folder / "eight.q.onnx").read_bytes()
    promised(opened, folder)


def test_what_is_met_already(folder):
    seen = advise("--budget 1000ms --drop 50 -o same.q.onnx", folder)
    assert seen["verdict"].startswith("met already") and seen["trials"] == []
    assert (folder / "same.q.onnx").read_bytes() == (folder / "eight.q.onnx").read_bytes()


@pytest.mark.parametrize("words, told", [
    ("net.onnx eight.q.onnx", "there is no budget to meet: give --budget"),
    ("eight.q.onnx net.onnx --drop 1", "must be a float network"),
    ("net.onnx eight.q.onnx --drop 0", "--drop is 0; expected points of accuracy"),
    ("net.onnx eight.q.onnx --ram 16", "--ram '16' is not understood"),
    ("net.onnx eight.q.onnx --budget fast", "budget 'fast' is not understood"),
    ("net.onnx eight.q.onnx --drop 1 -o eight.q.onnx", "is what it would be made from"),
])
def test_refusals(words, told, folder):
    assert told in refusal("advise", *words.split(), folder=folder)
