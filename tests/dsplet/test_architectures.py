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
from dsplet.export.c.header import verbs
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import fixed_graph, quantized, reference

FOLDER = Path(os.environ.get("DSPLET_SHARED", "none")) / "conformance/architectures"
NAMES = sorted(path.stem for path in FOLDER.glob("*.onnx"))
BOARD = "2mb"
SAMPLES = 4
SECOND = {("gru_h0", "in1"): 1}
"""The inputs whose batch is not the first axis."""

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not NAMES, reason="set DSPLET_SHARED for the architectures")]


def said(capsys, *words: object) -> dict:
    """What a command prints as --json."""
    code = outcome(cli, [*map(str, words), "--json"])
    seen = capsys.readouterr()
    assert code == 0, seen.err
    return json.loads(seen.out)


@pytest.mark.parametrize("name", NAMES)
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
    with np.load(data) as arrays:
        x = {v.name: np.moveaxis(arrays[v.name], SECOND.get((name, v.name), 0), 0)[:SAMPLES]
             for v in fixed_graph(fixed).inputs}
    assert differing_in_c(tmp_path, fixed, x) == 0


def differing_in_c(folder: Path, fixed: Path, x: dict[str, np.ndarray]) -> int:
    """Integers of the emitted net.c, compiled and called, that are not the reference's. x: samples
    of each input."""
    (folder / "size.c").write_text('#include "net.h"\nint size(void);\n'
                                   "int size(void) { return (int)sizeof(net_context); }\n")
    subprocess.run([*host.compiler(), *host.WARNINGS, "-O2", "-shared", "-fPIC", "-o", "net.so",
                    "net.c", "size.c"], check=True, cwd=folder)
    net, graph = ctypes.CDLL(str(folder / "net.so")), fixed_graph(fixed)
    program, q = lower(graph), quantized(graph, x)
    memory = np.zeros(net.size() // 8 + 1, np.int64)
    begin, run = (net[f"net_{verb}"] for verb in verbs(program))
    begin(ctypes.c_void_p(memory.ctypes.data))
    wanted, differing = reference(graph, q), 0
    for i in range(len(q[0])):
        xs = [np.ascontiguousarray(a[i], program.buffers[b].dtype)
              for a, (_, b) in zip(q, program.inputs, strict=True)]
        ys = [np.zeros(v.shape, program.buffers[b].dtype) for v, b in program.outputs]
        run(*(ctypes.c_void_p(a.ctypes.data) for a in (memory, *xs, *ys)))
        differing += sum(int((y != w[i]).sum()) for y, w in zip(ys, wanted, strict=True))
    return differing
