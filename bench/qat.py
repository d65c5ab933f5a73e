"""Quantization-aware training of lenet5-mnist: accuracy by bit widths, mean and spread over seeds.

`python -m bench.qat` needs $DSPLET_SHARED and $DSPLET_DATA. Twelve trainings take some 15 minutes
of one idle core; they run on all cores. Settings were compared on the last 5,000 training images
(see FinetuneConfig), and are the same for all rows. The network's input has 8 bits in every row.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import record

ROWS = ((4, 4, 99.42), (3, 3, 99.30), (2, 8, 99.20), (2, 2, 98.95))
"""Weight bits, activation bits, the accuracy that the mean has to reach in percent."""
EPOCHS = 5
SEEDS = (0, 1, 2)
WIDTH = 120
CHECKED = 5
"""Test images that machine code is held to, integer by integer."""


class Images:
    """The network, its data, and what is the same in every run."""

    def __init__(self) -> None:
        import onnxruntime as ort

        from dsplet.data.feed import feed
        from dsplet.data.registry import load
        from dsplet.quantize.float import from_onnx
        path = Path(os.environ["DSPLET_SHARED"]) / "conformance/models/lenet5-mnist/model.onnx"
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.graph, self._session = from_onnx.load(path), ort.InferenceSession(path, options)
        self.feeding = feed({}, {"x": (1, 32, 32)}, "mnist", "1/256", resize=True)
        self.splits = load("mnist")
        self.test = self.inputs(self.splits.test.images)

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """uint8 images as the network reads them."""
        from dsplet.data.source import Arrays
        return self.feeding.batch(Arrays({"x": images})).x["x"]

    def teacher(self, x: np.ndarray) -> np.ndarray:
        return self._session.run(None, {self.graph.inputs[0]: x})[0]

    def accuracy(self, scores: np.ndarray) -> float:
        read = scores.reshape(len(self.test), -1).argmax(1)
        return 100 * float((read == self.splits.test.labels).mean())

    def fixed_accuracy(self, fixed) -> float:
        from dsplet.quantize.fixed.execute import Executor
        q = fixed.inputs[0].format.quantize(self.test)
        return self.accuracy(Executor(fixed, threads=1)(q)[0])


@cache
def images() -> Images:
    return Images()


def start(weight_bits: int, activation_bits: int):
    """The float checkpoint quantized by the default recipe on 1,000 calibration images."""
    from dsplet.quantize.ptq.recipe import Recipe, quantize
    known = images()
    return quantize(known.graph, known.inputs(known.splits.calibration.images),
                    Recipe(weight_bits=weight_bits, activation_bits=activation_bits))


def run(before, seed: int) -> dict:
    """One training: accuracies on 10,000 test images, in percent."""
    from dsplet.firmware_sim import targets
    from dsplet.quantize.fixed.program import lower
    from dsplet.train.qat.finetune import FinetuneConfig, finetune
    known, began = images(), time.monotonic()
    after = finetune(before, {}, known.teacher, known.splits.train, known.inputs,
                     FinetuneConfig(epochs=EPOCHS, seed=seed)).graph
    q = after.inputs[0].format.quantize(known.test[:CHECKED])
    chip = targets.compile(lower(after), targets.get("dsp32c-40", "1991")).simulate([q])
    return {"seed": seed, "epochs": EPOCHS, "float": known.accuracy(known.teacher(known.test)),
            "before": known.fixed_accuracy(before), "after": known.fixed_accuracy(after),
            "seconds": time.monotonic() - began, "differing": int(np.count_nonzero(
                chip.outputs[0] != after.run(q)[after.outputs[0].name]))}


def main() -> dict[str, float]:
    """Mean accuracy by widths, such as "4/4", in percent."""
    done: list[dict] = []
    with ProcessPoolExecutor() as pool:
        starts = dict(zip(ROWS, pool.map(start, *zip(*(r[:2] for r in ROWS), strict=True)),
                          strict=True))
        waiting = {pool.submit(run, starts[row], seed): row[:2]
                   for seed in SEEDS for row in ROWS}
        for future in as_completed(waiting):
            w, a = waiting[future]
            done.append({"weight_bits": w, "activation_bits": a} | future.result())
            print(json.dumps(done[-1]), flush=True)
    table = Table("weights/activations", "epochs", "float %", "default recipe %",
                  "finetuned %, by seed", "mean %", "standard deviation", "wanted %", "differing")
    kept = []
    for w, a, wanted in ROWS:
        rows = sorted((r for r in done if (r["weight_bits"], r["activation_bits"]) == (w, a)),
                      key=lambda r: r["seed"])
        found = [r["after"] for r in rows]
        kept.append({"weight_bits": w, "activation_bits": a, "before_percent": rows[0]["before"],
                     "mean_percent": mean(found), "deviation_points": stdev(found),
                     "seeds": len(SEEDS), "epochs": EPOCHS})
        table.add_row(f"{w}/{a}", str(EPOCHS), f"{rows[0]['float']:.2f}",
                      f"{rows[0]['before']:.2f}", " ".join(f"{v:.2f}" for v in found),
                      f"{mean(found):.3f}", f"{stdev(found):.3f}", f"{wanted:.2f}",
                      str(sum(r["differing"] for r in rows)))
    Console(width=WIDTH).print(table)
    record.save("qat", "python -m bench.qat", kept)
    return {f"{row['weight_bits']}/{row['activation_bits']}": row["mean_percent"] for row in kept}


if __name__ == "__main__":
    main()
