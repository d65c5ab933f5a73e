"""Models of the zoo, from training to machine code and C, by the commands that users type.

One of each kind; `make zoo-quick` takes every model the same way.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from dsplet.export.c import host
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.qdq import from_qdq
from dsplet.train import zoo
from tests.dsplet.commands import dsplet

pytestmark = pytest.mark.slow

def run(*words, folder) -> dict:
    done = dsplet(*words, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


KINDS = ("zip1989", "lenet5", "lenet5_1998", "motifs")


@pytest.mark.parametrize("model", KINDS)
def test_from_training_to_machine_code(model, tmp_path):
    board = ("--board", zoo.get(model).board)
    data = next(d for d in ("digits", zoo.get(model).dataset) if d in zoo.get(model).training)
    run("train", model, "--data", data, "--epochs", 1, "-o", "m.safetensors", folder=tmp_path)
    for name in ("a", "b"):
        run("export", "m.safetensors", "-o", f"{name}.onnx", folder=tmp_path)
        run("quantize", "a.onnx", "-o", f"{name}.q.onnx", "--calibrate", 100, folder=tmp_path)
        for form, where in (("c", ()), ("image", board)):
            done = dsplet("emit", f"{name}.q.onnx", "--format", form, "-o", name, *where,
                          folder=tmp_path)
            assert done.returncode == 0, done.stderr
    for one, two in (("a.onnx", "b.onnx"), ("a.q.onnx", "b.q.onnx"),
                     *((f"a/{model}.{s}", f"b/{model}.{s}") for s in ("c", "h", "s28"))):
        assert (tmp_path / one).read_bytes() == (tmp_path / two).read_bytes()

    compared = run("compare", "a.onnx", "a.q.onnx", folder=tmp_path)
    assert compared["samples"] >= 160 and compared["agree_percent"] >= 95
    simulated = run("simulate", "a.q.onnx", "--samples", 5, *board, folder=tmp_path)
    assert simulated["differing_integers"] == 0
    assert simulated["layers"][-1]["macs"] == zoo.get(model).counts.macs
    assert simulated["layers"][-1]["mac"] == zoo.get(model).counts.macs

    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    graph = from_qdq.load(tmp_path / "a.q.onnx")
    fmt = graph.inputs[0].format
    x = np.random.default_rng(0).integers(fmt.min, fmt.max + 1, (5, *graph.inputs[0].shape))
    assert np.array_equal(host.compile(lower(graph))(x), graph.run(x)[graph.outputs[0].name])


def test_a_network_of_ones_own(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "def make():\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3, padding=1),\n"
        "        torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.AvgPool2d(2),\n"
        "        torch.nn.Flatten(), torch.nn.Linear(48, 10), torch.nn.Softmax(1)).eval()\n")
    run("export", "mine.py:make", "--input", "1x8x8", "-o", "mine.onnx", "--data", "digits",
        "--input-scale", "1/256", folder=tmp_path)
    run("quantize", "mine.onnx", "-o", "mine.q.onnx", folder=tmp_path)
    report = run("simulate", "mine.q.onnx", "--samples", 10, folder=tmp_path)
    assert report["differing_integers"] == 0 and report["layers"][-1]["macs"] == 3 * 64 * 9 + 480
