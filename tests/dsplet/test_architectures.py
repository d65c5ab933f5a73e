"""Small published architectures with samples of their own, through the command line, file by file:
nothing but `--data` is said of them."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from dsplet.export.c import host
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import fixed_graph, quantized, reference

FOLDER = Path(os.environ.get("DSPLET_SHARED", "none")) / "conformance/architectures"
NAMES = sorted(path.stem for path in FOLDER.glob("*.onnx"))
BOARD = "2mb"
SAMPLES = 4
REFUSED = {
    "act_hardshrink", "avgpool_excl_pad", "conv3d", "convnext", "crnn_timefirst",
    "espcn_pixelshuffle", "gru_h0", "instancenorm", "maxpool_dilated", "mlp_bn1d_prelu_elu",
    "pad_reflect", "standardise_in_graph", "transformer_prenorm", "unet_nearest", "unet_tconv"}
"""What is not read yet, and says so."""

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not NAMES, reason="set DSPLET_SHARED for the architectures")]


def said(capsys, *words: object) -> dict:
    """What a command prints as --json."""
    code = outcome(cli, [*map(str, words), "--json"])
    seen = capsys.readouterr()
    assert code == 0, seen.err
    return json.loads(seen.out)


def test_the_list_has_none_too_many():
    assert set(NAMES) >= REFUSED


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_it_is_refused_by_its_nodes(name, tmp_path, capsys):
    net, data, fixed = FOLDER / f"{name}.onnx", FOLDER / f"{name}.npz", tmp_path / "no.q.onnx"
    code = outcome(cli, ["quantize", str(net), "-o", str(fixed), "--data", str(data)])
    told = capsys.readouterr().err
    assert code == 2, f"'{name}' is read by now: strike it from the list"
    assert told.startswith(f"error: {net}: ") and told.count("\n") == 1
    assert "'" in told


@pytest.mark.parametrize("name", [n for n in NAMES if n not in REFUSED])
def test_every_integer_is_the_same(name, tmp_path, capsys):
    net, data, fixed = FOLDER / f"{name}.onnx", FOLDER / f"{name}.npz", tmp_path / "net.q.onnx"
    many = min(48, len(np.load(data)["in0"]))
    made = said(capsys, "quantize", net, "-o", fixed, "--data", data)
    assert made["calibration_samples"] == many and "no splits" in made["notes"][-1]
    seen = said(capsys, "compare", net, fixed)
    assert seen["calibrated_on"] == f"{many} of these {many} samples"
    assert min(row["sqnr_db"] for row in seen["outputs"]) > 20
    assert len(seen["outputs"]) == len(fixed_graph(fixed).outputs)
    ran = said(capsys, "simulate", fixed, "--board", BOARD, "--samples", SAMPLES)
    assert ran["differing_integers"] == 0 and ran["samples"] == SAMPLES
    drawn = said(capsys, "simulate", fixed, "--board", BOARD, "--data", "random", "--seed", 3)
    assert drawn["differing_integers"] == 0
    assert drawn["inputs"] == "random over the inputs' formats, seed 3"
    said(capsys, "emit", fixed, "--format", "c", "--name", "net", "-o", tmp_path)
    assert differing_in_c(tmp_path, fixed, data) == 0


def differing_in_c(folder: Path, fixed: Path, data: Path) -> int:
    """Integers of the emitted file, compiled and called, that are not the reference's."""
    library = folder / "net.so"
    subprocess.run([host.compiler(), *host.WARNINGS, "-O2", "-shared", "-fPIC", "-o", library,
                    folder / "net.c"], check=True)
    graph = fixed_graph(fixed)
    program, function = lower(graph), ctypes.CDLL(str(library)).net_run
    function.argtypes = [ctypes.c_void_p] * (len(program.inputs) + len(program.outputs))
    function.restype = None
    with np.load(data) as arrays:
        x = {v.name: np.asarray(arrays[v.name][:SAMPLES], np.float32) for v in graph.inputs}
    q = quantized(graph, x)
    ours = host.Compiled(program, library, function)(*q)
    ours = ours if isinstance(ours, list) else [ours]
    return sum(int((y != w).sum()) for y, w in zip(ours, reference(graph, q), strict=True))
