"""The exact batch executor against ONNX Runtime's own int8, on the same network, in the same run.

Times on shared machines are noisy: the ratio within this run is what to trust.
"""

from __future__ import annotations

import logging
import tempfile
import time
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

from bench.networks import network
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize

BATCH = 256
REPEATS = 7


class _Reader(CalibrationDataReader):
    def __init__(self, name: str, x: np.ndarray) -> None:
        self._feeds = iter({name: x[i:i + 1]} for i in range(len(x)))

    def get_next(self):
        return next(self._feeds, None)


def main() -> dict[str, float]:
    """Images per second by way of executing (best of 7, batch 256, all cores)."""
    logging.disable(logging.WARNING)  # the peer's advice about preprocessing
    path, x = network("lenet5")
    graph = from_onnx.load(path)
    fixed = quantize(graph, x[:200], Recipe())
    executor = Executor(fixed)
    integers = fixed.inputs[0].format.quantize(x).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        int8 = Path(folder) / "int8.onnx"
        quantize_static(str(path), str(int8), _Reader(graph.inputs[0], x[:200]),
                        quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        peer = ort.InferenceSession(str(int8), providers=["CPUExecutionProvider"])
        plain = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])

        def batches(session, data):
            for i in range(0, len(data), BATCH):
                session.run(None, {graph.inputs[0]: data[i:i + BATCH]})

        ways = {"dsplet, exact integers": lambda: executor(integers, batch=BATCH),
                "ONNX Runtime int8 QDQ": lambda: batches(peer, x),
                "ONNX Runtime float32": lambda: batches(plain, x)}
        rates = {name: 0.0 for name in ways}
        for _ in range(REPEATS):  # interleaved, so that a slow moment hits all alike
            for name, run in ways.items():
                began = time.perf_counter()
                run()
                rates[name] = max(rates[name], len(x) / (time.perf_counter() - began))
    base = rates["ONNX Runtime int8 QDQ"]
    table = Table("lenet5, batch 256", "images/s", "ratio to int8 QDQ")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / base:.2f}")
    Console().print(table)
    return rates


if __name__ == "__main__":
    main()
