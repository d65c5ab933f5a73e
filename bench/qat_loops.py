"""Finetuning through loops over time: digits and strings read right, before and after.

`python -m bench.qat_loops` takes the zoo's float networks, FOLDER/NAME-DATA-0.onnx (default: runs,
where `python -m bench.zoo` leaves them), and needs $DSPLET_DATA. One training each, some 12 minutes
of one idle core in all; `--network dates_attention` is for its rows alone, which are not kept. What
a loop computes with keeps 16 bits, but for what only products read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import record
from bench.zoo import RUNS, trained
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import fixed_graph, quantized, reference
from dsplet.workflows import finetune, quantize

ROWS = (("dates_attention", "dates", 4, 3), ("dates_attention", "dates", 2, 3),
        ("row_lstm", "mnist", 4, 1), ("row_lstm", "mnist", 2, 1))
"""Network, data, weight bits, epochs."""
ACTIVATION_BITS = 8
CHECKED = 3
"""Test samples that machine code is held to, integer by integer."""
BOARD = "1991"
NAME, COMMAND = "qat_loops", "python -m bench.qat_loops"


def run(path: Path, data: str, weight_bits: int, epochs: int) -> dict:
    """One training: accuracies on all test samples, in percent."""
    with TemporaryDirectory() as folder:
        before, after = f"{folder}/before.q.onnx", f"{folder}/after.q.onnx"
        quantize.run(quantize.Request(source=str(path), out=before, data=data,
                                      weight_bits=weight_bits, activation_bits=ACTIVATION_BITS))
        found = finetune.run(finetune.Request(reference=str(path), test=before, out=after,
                                              epochs=epochs))
        return {"float_percent": round(found.reference_accuracy_percent, 4),
                "before_percent": round(found.before_accuracy_percent, 4),
                "after_percent": round(found.after_accuracy_percent, 4), "samples": found.samples,
                "best_epoch": found.best_epoch,
                "training_samples": found.training_samples, "differing": differing(after, data)}


def differing(path: str, data: str) -> int:
    """Integers in which machine code and the reference differ, of CHECKED test samples."""
    from dsplet.data.feed import feed
    graph = fixed_graph(path)
    feeding = feed(dict(graph.metadata), {v.name: v.shape for v in graph.inputs}, data)
    q = quantized(graph, feeding.test(str(CHECKED)).x)
    chip = targets.compile(lower(graph), targets.get("dsp32c-40", BOARD)).simulate(q)
    return sum(int(np.count_nonzero(y != wanted)) for y, wanted in
               zip(chip.outputs, reference(graph, q), strict=True))


def main() -> list[dict]:
    """The rows; each is kept as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=RUNS)
    parser.add_argument("--network", choices=sorted({row[0] for row in ROWS}))
    given = parser.parse_args()
    rows: list[dict] = []
    table = Table("network", "weights/activations", "epochs", "best epoch", "float %",
                  "default recipe %", "finetuned %", "samples", "differing")
    for model, data, bits, epochs in ROWS:
        if given.network not in (None, model):
            continue
        found = run(trained(given.folder, model, data), data, bits, epochs)
        rows.append({"model": model, "weight_bits": bits, "activation_bits": ACTIVATION_BITS,
                     "epochs": epochs} | found)
        print(json.dumps(rows[-1]), flush=True)
        if not given.network:
            record.save(NAME, COMMAND, rows)
        table.add_row(model, f"{bits}/{ACTIVATION_BITS}", str(epochs), str(found["best_epoch"]),
                      *(f"{found[k]:.2f}" for k in ("float_percent", "before_percent",
                                                    "after_percent")),
                      f"{found['samples']:,}", str(found["differing"]))
    Console(width=100).print(table)
    return rows


if __name__ == "__main__":
    main()
