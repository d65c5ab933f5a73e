"""What runs whole test sets: the kernels compiled with a sample a lane, exact, against ONNX
Runtime's own int8 and float32 on the same network, in the same run.

    python -m bench.executor [FOLDER]

FOLDER: networks with their fixed-point forms beside them, NAME.onnx and NAME.q.onnx, as `make
zoo-quick` leaves in build/zoo-quick; a row each. Times on shared machines are noisy: the ratios
within this run are what to trust. Integers are compared with the NumPy reference.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

from bench.networks import network
from dsplet.firmware_sim.lanes.machine import Lanes
from dsplet.quantize.fixed.execute import OnnxRuntime
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.float import from_onnx
from dsplet.quantize.network import fixed_graph, quantized
from dsplet.quantize.ptq.recipe import Recipe, quantize

BATCH, SMALL = 256, 8192
"""Samples of a call; of a network of fewer than FEW multiply-accumulates."""
FEW = 20_000
PAUSE_SECONDS, CALLS = 0.05, 3
REPEATS = 15
CHECKED = 64
"""Samples whose integers are compared."""
THREADS = (1, 2)

Ways = dict[str, Callable[[], object]]
EXACT, CARRIER, INT8, FLOAT = ("dsplet, compiled", "dsplet, in ONNX Runtime",
                               "ONNX Runtime int8 QDQ", "ONNX Runtime float32")


@dataclass(frozen=True)
class Row:
    """rates: by way of executing, samples a second."""

    network: str
    threads: int
    rates: dict[str, float]
    differing: int


class _Reader(CalibrationDataReader):
    def __init__(self, name: str, x: np.ndarray) -> None:
        self._feeds = iter({name: x[i:i + 1]} for i in range(len(x)))

    def get_next(self):
        return next(self._feeds, None)


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _rates(ways: Ways, samples: int, threads: int) -> dict[str, float]:
    """The best of REPEATS, interleaved, so that a slow moment hits all alike; of one thread by its
    own time, which others on the machine take nothing of. ONNX Runtime's threads go on waiting
    awake for a while, on cores that the next would need: PAUSE_SECONDS later they sleep."""
    rates = dict.fromkeys(ways, 0.0)
    clock = time.process_time if threads == 1 else time.perf_counter
    for _ in range(REPEATS):
        for name, run in ways.items():
            time.sleep(PAUSE_SECONDS * (threads > 1))
            run()  # each finds its caches as it left them
            for _ in range(CALLS):
                began = clock()
                run()
                rates[name] = max(rates[name], samples / (clock() - began))
    return rates


def measured(name: str, path: Path, fixed: Graph, x: dict[str, np.ndarray], threads: int,
             int8: Path | None = None) -> Row:
    """x: by input, floats (N, *shape). int8: the float network as ONNX Runtime's own int8."""
    compiled, onnx = Lanes(fixed), OnnxRuntime(fixed, threads)
    qs = [q.astype(np.float32) for q in quantized(fixed, x)]
    plain = _session(path, threads)
    feed = {i.name: x[i.name].astype(np.float32) for i in plain.get_inputs()}
    ways: Ways = {EXACT: lambda: compiled(*qs, threads=threads), CARRIER: lambda: onnx(*qs),
                  FLOAT: lambda: plain.run(None, feed)}
    if int8:
        peer = _session(int8, threads)
        ways[INT8] = lambda: peer.run(None, feed)
    few = [q[:CHECKED].astype(np.int64) for q in qs]
    wanted = fixed.run(*few)
    differing = sum(int((y != wanted[v.name]).sum()) for ys in (compiled(*few), onnx(*few))
                    for v, y in zip(fixed.outputs, ys, strict=True))
    return Row(name, threads, _rates(ways, len(qs[0]), threads), differing)


def lenet5() -> list[Row]:
    """Random weights, batch 256."""
    path, images = network("lenet5")
    graph = from_onnx.load(path)
    fixed, x = quantize(graph, images[:200], Recipe()), {graph.inputs[0]: images[:BATCH]}
    with tempfile.TemporaryDirectory() as folder:
        int8 = Path(folder) / "int8.onnx"
        quantize_static(str(path), str(int8), _Reader(graph.inputs[0], images[:200]),
                        quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        return [measured("lenet5", path, fixed, x, threads, int8) for threads in THREADS]


def beside(folder: Path) -> list[Row]:
    """The networks of a folder that are there as float and as fixed point, on random samples."""
    rows = []
    for path in sorted(folder.glob("*.q.onnx")):
        plain = path.with_name(path.name.removesuffix(".q.onnx") + ".onnx")
        if plain.exists():
            fixed, chance = fixed_graph(path), np.random.default_rng(0)
            count = BATCH if sum(n.macs for n in fixed.every_node()) >= FEW else SMALL
            x = {v.name: v.format.dequantize(chance.integers(
                v.format.min, v.format.max + 1, (count, *v.shape))) for v in fixed.inputs}
            rows += [measured(plain.stem, plain, fixed, x, threads) for threads in THREADS]
    return rows


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """The fields of `Row`, of each network and number of threads."""
    parser = argparse.ArgumentParser(prog="python -m bench.executor")
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args(arguments or []).folder
    logging.disable(logging.WARNING)  # the peer's advice about preprocessing
    rows = [*lenet5(), *(beside(folder) if folder else [])]
    table = Table("network", "threads", "samples/s", "to int8", "to float32", "to ONNX Runtime",
                  "differing")
    for row in rows:
        ours = row.rates[EXACT]
        table.add_row(row.network, str(row.threads), f"{ours:,.0f}", *(
            f"{ours / row.rates[way]:.2f}" if way in row.rates else ""
            for way in (INT8, FLOAT, CARRIER)), str(row.differing))
    Console().print(table)
    return [vars(row) for row in rows]


if __name__ == "__main__":
    main(sys.argv[1:])
