"""dsplet finetune, widths and diagnose: what they print, refuse and leave behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import from_qdq, to_qdq
from tests.dsplet.commands import dsplet, refusal
from tests.dsplet.small_nets import FACTS, digit_net

pytestmark = pytest.mark.slow

FEED = ("--data", "digits", "--input-scale", "1/256")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """small.onnx and small.q.onnx, of 3 bits."""
    path = tmp_path_factory.mktemp("search")
    (path / "small.onnx").write_bytes(digit_net().SerializeToString())
    x = np.random.default_rng(0).uniform(0, 1, (50, 1, 8, 8)).astype(np.float32)
    fixed = quantize(from_onnx.load(path / "small.onnx"), x, Recipe(3, 3), metadata=FACTS)
    to_qdq.save(fixed, path / "small.q.onnx")
    return path


def report(*words, folder: Path) -> dict:
    done = dsplet(*words, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_finetune(made):
    before = report("compare", "small.onnx", "small.q.onnx", *FEED, folder=made)
    seen = report("finetune", "small.onnx", "small.q.onnx", "-o", "tuned.q.onnx", "--epochs", 3,
                  folder=made)
    after = report("compare", "small.onnx", "tuned.q.onnx", *FEED, folder=made)
    assert (seen["samples"], seen["epochs"], seen["training_samples"]) == (360, 3, 1197)
    start, *_ = curve = seen["curve"]
    assert (seen["held_out_samples"], len(curve), seen["distorted_samples"]) == (119, 4, True)
    assert (curve[seen["best_epoch"]]["held_out_accuracy_percent"]
            >= start["held_out_accuracy_percent"])
    assert seen["before_accuracy_percent"] == before["test_accuracy_percent"]
    assert seen["after_accuracy_percent"] == after["test_accuracy_percent"]
    chip = report("simulate", "tuned.q.onnx", "--samples", 5, folder=made)
    assert chip["differing_integers"] == 0


def test_widths(made):
    seen = report("widths", "small.onnx", *FEED, "--memory", "400B", "-o", "mixed.q.onnx",
                  "--front", "front.json", folder=made)
    assert seen["memory_bytes"] <= 400 and seen["calibration_samples"] == 240
    assert json.loads((made / "front.json").read_text())["points"] == seen["points"]
    bits = {n.name: n.weight.bits for n in from_qdq.load(made / "mixed.q.onnx").nodes
            if hasattr(n, "weight")}
    assert bits == {r["layer"]: r["weight_bits"] for r in seen["layers"] if r["weights"]}
    uniform = [p for p in seen["points"] if p["weight_bits"] == p["activation_bits"]
               and p["memory_bytes"] <= 400]
    assert seen["calibration_sqnr_db"] > max(p["calibration_sqnr_db"] for p in uniform)


def test_diagnose(made):
    pytest.importorskip("matplotlib")
    seen = report("diagnose", "small.onnx", "small.q.onnx", "--samples", 100, folder=made)
    compared = report("compare", "small.onnx", "small.q.onnx", *FEED, "--samples", 100,
                      folder=made)
    assert seen["samples"] == 100
    assert [f["index"] for f in seen["flips"]] == [f["index"] for f in compared["flips"]]
    assert seen["output_sqnr_db"] == pytest.approx(compared["output_sqnr_db"], abs=1e-3)
    assert [r["op"] for r in seen["layers"]] == ["Input", "Conv", "Gemm"]
    assert all(len(r["box"]) == 40 for r in seen["ranges"]) and seen["smallest_change"]
    shown = dsplet("diagnose", "small.onnx", "small.q.onnx", "--samples", 20, "--plot", "seen.svg",
                   folder=made)
    assert all(r["layer"] in (made / "seen.svg").read_text() for r in seen["ranges"])
    assert shown.returncode == 0 and "█" in shown.stdout and "smallest change" in shown.stdout


@pytest.mark.parametrize("words, said", [
    (("finetune", "small.q.onnx", "small.onnx", "-o", "no.q.onnx"), "must be a float network"),
    (("diagnose", "small.q.onnx", "small.onnx"), "must be a float network"),
    (("diagnose", "small.onnx", "small.q.onnx", "--plot", "no.pdf"), ".svg or .png"),
    (("widths", "small.onnx", *FEED, "--plot", "no.pdf"), ".svg or .png"),
    (("widths", "small.onnx", *FEED, "-o", "no.q.onnx"), "-o needs a budget"),
    (("widths", "small.onnx", *FEED, "--memory", "400"), "such as 30KB"),
    (("widths", "small.onnx", *FEED, "--memory", "99B"), "all widths at 2 bits need"),
    (("widths", "small.onnx", *FEED, "--latency", "1cycles"), "1 cycles (the fewest are"),
    (("widths", "small.q.onnx", "--memory", "400B"), "is fixed point already"),
])
def test_refusals(made, words, said):
    line = refusal(*words, folder=made)
    assert said in line and line.startswith("error: ") and "\n" not in line
