"""Post-training quantization of a LeNet-5 and of a small network on a harder set, MNIST-1D, beside
ONNX Runtime and Brevitas.

10,000 MNIST test images and 1,000 of MNIST-1D; calibration on the same 1,000 and 500 training
samples for all. The network's input stays 8-bit, except with Brevitas, whose input takes the
activations' bits. Brevitas lives in an environment of its own (`make bench-quantize` makes it);
without it the figures stored here, of the LeNet-5, measured once with Brevitas 0.13.4 on 512
images, are printed and marked so.
"""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from rich.console import Console
from rich.table import Table

from bench import record
from bench.whole import go
from bench.zoo import RUNS
from dsplet import data
from dsplet.quantize.analysis.compare import predictions
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.ptq import recipe
from dsplet.train import zoo

ROOT = Path(__file__).parent.parent
PEER = ROOT / ".venv-bench/bin/python"
WIDTH = 120


@dataclass(frozen=True)
class Row:
    """Widths and what is asked of dsplet, where anything is."""

    weight_bits: int
    activation_bits: int
    accuracy_percent: float = 0.0
    sqnr_db: float = 0.0

    def __str__(self) -> str:
        return f"{self.weight_bits}/{self.activation_bits}"


@dataclass(frozen=True)
class Net:
    """A float network that was trained; data: what on. fetch: gives its file. log_softmax: it ends
    in one, which Brevitas' copy leaves to us."""

    name: str
    data: str
    fetch: Callable[[], Path]
    rows: tuple[Row, ...]
    log_softmax: bool = False

    def inputs(self, images: np.ndarray) -> np.ndarray:
        card = zoo.get("lenet5" if self.name == "lenet5-mnist" else self.name)
        return card.inputs(images)


STORED = {"8/8 po2": (99.42, 33.9), "8/8 float": (99.43, 36.9), "4/8 po2": (99.39, 23.8),
          "4/8 float": (99.45, 25.1), "4/4 float": (99.26, 14.1), "4/4 po2": (98.99, 11.3),
          "3/8 po2": (99.33, 17.0), "3/8 float": (99.40, 19.3), "2/8 po2": (98.55, 7.0),
          "2/8 float": (98.80, 8.2)}
"""Brevitas 0.13.4, per channel: accuracy in percent and SQNR in dB."""


def lenet5() -> Path:
    """The reference network: float 99.47 %."""
    folder = os.environ.get("DSPLET_SHARED")
    path = Path(folder or "") / "conformance/models/lenet5-mnist/model.onnx"
    if not folder or not path.exists():
        raise SystemExit(f"{path}: no such file; set DSPLET_SHARED to the folder that has it")
    return path


def mnist1d() -> Path:
    """As `make zoo` trains it, and leaves it, or does it now."""
    path = RUNS / "mnist1d_cnn-mnist1d-0.onnx"
    if not path.exists():
        RUNS.mkdir(exist_ok=True)
        go("mnist1d_cnn", RUNS)
    return path


NETS = (
    Net("lenet5-mnist", "mnist", lenet5,
        (Row(8, 8, 99.44, 38), Row(6, 6, 99.42, 29), Row(4, 8, 99.42, 25), Row(4, 4, 99.38, 19),
         Row(3, 8, 99.37, 20), Row(2, 8, 99.0, 13.5))),
    Net("mnist1d_cnn", "mnist1d", mnist1d,
        tuple(Row(*widths) for widths in ((8, 8), (6, 6), (4, 8), (4, 4), (3, 8), (2, 8))),
        log_softmax=True))


class _Reader(CalibrationDataReader):
    def __init__(self, name: str, x: np.ndarray) -> None:
        self._feeds = iter({name: x[i:i + 1]} for i in range(len(x)))

    def get_next(self):
        return next(self._feeds, None)


def onnx_runtime(path: Path, row: Row, calibration: np.ndarray, test: np.ndarray
                 ) -> np.ndarray | None:
    """Logits of its static QDQ quantization with float scales, per channel; it knows 8-bit
    activations and weights of 8 or 4 bits. Without x64quantprecision its products saturate on
    processors without VNNI."""
    kinds = {8: QuantType.QInt8, 4: QuantType.QInt4}
    if row.activation_bits != 8 or row.weight_bits not in kinds:
        return None
    name = from_onnx.load(path).inputs[0]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "peer.onnx"
        quantize_static(str(path), str(out), _Reader(name, calibration), per_channel=True,
                        quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
                        weight_type=kinds[row.weight_bits])
        options = ort.SessionOptions()
        options.add_session_config_entry("session.x64quantprecision", "1")
        session = ort.InferenceSession(str(out), options, providers=["CPUExecutionProvider"])
        return np.concatenate([session.run(None, {name: test[i:i + 500]})[0]
                               for i in range(0, len(test), 500)])


def brevitas(net: Net, path: Path, calibration: np.ndarray, test: np.ndarray
             ) -> dict[str, np.ndarray]:
    """Logits by row and kind of scale; empty where its environment is not there."""
    if not PEER.exists():
        return {}
    weights: dict[str, np.ndarray] = {}
    for n in from_onnx.load(path).nodes:
        if n.op in ("Conv", "Gemm"):
            layer = n.name.strip("/").split("/")[0]
            weights[f"{layer}.weight"] = np.float32(n.weight)
            weights[f"{layer}.bias"] = np.float32(n.bias.reshape(-1))
    given = weights | {"calibration": calibration, "test": test,
                       "rows": np.array([(r.weight_bits, r.activation_bits) for r in net.rows])}
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, allow_pickle=False, **given)
        subprocess.run([PEER, ROOT / "bench/brevitas_peer.py", net.name, source, out], check=True,
                       env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
        logits = dict(np.load(out))
    return {k: _log_softmax(v) for k, v in logits.items()} if net.log_softmax else logits


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    largest = logits.max(1, keepdims=True)
    return logits - largest - np.log(np.exp(logits - largest).sum(1, keepdims=True))


def measured(net: Net, row: Row, tool: str, scales: str, floats: np.ndarray, logits: np.ndarray,
             labels: np.ndarray, seconds: float | None = None) -> dict:
    """A line of the table. passed: only where something is asked of the tool."""
    seen = predictions(floats, logits, labels)
    accuracy = round(seen.test_accuracy_percent, 4)
    facts = {"network": net.name, "row": str(row), "tool": tool, "scales": scales,
             "seconds": seconds, "accuracy_percent": accuracy, "sqnr_db": seen.sqnr_db,
             "agree_percent": round(seen.agree_percent, 4)}
    if tool == "dsplet" and row.sqnr_db:
        facts["passed"] = accuracy >= row.accuracy_percent and seen.sqnr_db >= row.sqnr_db
    return facts


def stored(net: Net, row: Row, kind: str, scales: str) -> dict:
    accuracy, sqnr = STORED[f"{row} {kind}"]
    return {"network": net.name, "row": str(row), "tool": "Brevitas (stored, not of this run)",
            "scales": scales, "seconds": None, "accuracy_percent": accuracy, "sqnr_db": sqnr,
            "agree_percent": None}


def main() -> list[dict]:
    """Accuracy, SQNR of the logits and agreement with the float network, net by net, row by row and
    tool by tool."""
    logging.disable(logging.WARNING)  # the peer's advice about preprocessing
    return [row for net in NETS for row in of_net(net)]


def of_net(net: Net) -> list[dict]:
    path, splits = net.fetch(), data.load(net.data)
    calibration, test = net.inputs(splits.calibration.images), net.inputs(splits.test.images)
    labels, graph = splits.test.labels, from_onnx.load(path)
    floats = FloatNetwork(path)({graph.inputs[0]: test})[graph.outputs[0]]
    peers, found = brevitas(net, path, calibration, test), []
    for row in net.rows:
        began = time.perf_counter()
        fixed = recipe.quantize(graph, calibration, recipe.load(
            "default", weight_bits=row.weight_bits, activation_bits=row.activation_bits))
        seconds = time.perf_counter() - began
        y = fixed.outputs[0].format.dequantize(
            Executor(fixed)(fixed.inputs[0].format.quantize(test))[0])
        found.append(measured(net, row, "dsplet", "power of two", floats, y, labels, seconds))
        logits = onnx_runtime(path, row, calibration, test)
        if logits is not None:
            found.append(measured(net, row, "ONNX Runtime", "float", floats, logits, labels))
        for kind, scales in (("float", "float"), ("po2", "power of two")):
            if peers:
                found.append(measured(net, row, "Brevitas", scales, floats, peers[f"{row} {kind}"],
                                      labels))
            elif net is NETS[0] and f"{row} {kind}" in STORED:
                found.append(stored(net, row, kind, scales))
    float_percent = 100 * (floats.argmax(1) == labels).mean()
    _print(net, found, f"{net.name}, float {float_percent:.2f} %, {len(test):,} test samples, "
                       f"{len(calibration):,} calibration samples, per channel")
    return found


def _print(net: Net, found: list[dict], title: str) -> None:
    table = Table("weights/activations", "tool", "scales", "accuracy %", "SQNR dB", "agree %",
                  "seconds", "asked of dsplet", title=title)
    for facts in found:
        asked = ""
        if "passed" in facts:
            row = next(r for r in net.rows if str(r) == facts["row"])
            asked = f"{row.accuracy_percent:.2f} %, {row.sqnr_db:g} dB: " \
                    f"{'met' if facts['passed'] else 'MISSED'}"
            table.add_section()
        table.add_row(facts["row"], facts["tool"], facts["scales"],
                      *("" if facts[k] is None else f"{facts[k]:.{digits}f}" for k, digits in
                        (("accuracy_percent", 2), ("sqnr_db", 1), ("agree_percent", 2),
                         ("seconds", 1))), asked)
    console = Console(width=WIDTH)
    console.print(table)
    console.print("Brevitas quantizes the network's input to the activations' bits, the others "
                  "to 8.")


if __name__ == "__main__":
    rows = main()
    record.save("quantize", "python -m bench.quantize", (
        {key: row[key] for key in ("network", "row", "tool", "scales", "accuracy_percent",
                                   "sqnr_db", "agree_percent")}
        for row in rows if row["tool"] in ("dsplet", "ONNX Runtime", "Brevitas")))
    raise SystemExit(not all(r.get("passed", True) for r in rows))
