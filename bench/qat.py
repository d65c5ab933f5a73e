"""Quantization-aware training of lenet5-mnist: accuracy by bit widths, mean and spread over seeds.

`python -m bench.qat` needs $DSPLET_SHARED and $DSPLET_DATA and takes most of an hour on two cores.
The settings were chosen on the last 5,000 training images; nothing here looks at the test split but
the last line of each run. The network's input has 8 bits in every row.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from rich.console import Console
from rich.table import Table

ROWS = ((4, 4, 99.42), (3, 3, 99.30), (2, 8, 99.20), (2, 2, 98.95))
"""Weight bits, activation bits, the accuracy that the mean has to reach, in percent."""
SEEDS = (0, 1, 2)
EPOCHS = 3
CHECKED = 5
"""Test images that machine code is held to, integer by integer."""
OUT = Path("build/bench_qat.json")


def run(weight_bits: int, activation_bits: int, seed: int) -> dict:
    """One training from the float checkpoint: accuracies on 10,000 test images, in percent."""
    from firmware_sim import targets
    from firmware_sim.image import compile_program
    from firmware_sim.simulate import Simulator
    from quantize import from_onnx
    from quantize.compare import FloatNetwork
    from quantize.fixed.execute import Executor
    from quantize.fixed.program import lower
    from quantize.recipe import Recipe, quantize
    from train.feed import feed
    from train.qat.finetune import FinetuneConfig, finetune
    path = Path(os.environ["DSPLET_SHARED"]) / "conformance/models/lenet5-mnist/model.onnx"
    graph, network = from_onnx.load(path), FloatNetwork(path)
    images = feed({}, (1, 32, 32), "mnist", "1/256")
    part = images.splits.test
    x, labels = images(part.images), part.labels

    def teacher(x: np.ndarray) -> np.ndarray:
        return network({graph.inputs[0]: x})[graph.outputs[0]]

    def accuracy(scores: np.ndarray) -> float:
        return 100 * float((scores.reshape(len(x), -1).argmax(1) == labels).mean())

    def fixed_accuracy(fixed) -> float:
        return accuracy(Executor(fixed, threads=1)(fixed.inputs[0].format.quantize(x))[0])

    began = time.monotonic()
    recipe = Recipe(weight_bits=weight_bits, activation_bits=activation_bits)
    before = quantize(graph, images(images.splits.calibration.images), recipe)
    after = finetune(before, {}, teacher, images.splits.train, images,
                     FinetuneConfig(epochs=EPOCHS, seed=seed))
    q = after.inputs[0].format.quantize(x[:CHECKED])
    chip = Simulator(compile_program(lower(after), targets.get("dsp32c-40", "1991")))(q)
    return {"weight_bits": weight_bits, "activation_bits": activation_bits, "seed": seed,
            "float": accuracy(teacher(x)), "before": fixed_accuracy(before),
            "after": fixed_accuracy(after), "seconds": time.monotonic() - began,
            "differing": int(np.count_nonzero(
                chip.outputs[0] != after.run(q)[after.outputs[0].name]))}


def main() -> dict[str, float]:
    """Mean accuracy by widths, such as "4/4", in percent."""
    done: list[dict] = []
    with ProcessPoolExecutor() as pool:
        waiting = [pool.submit(run, w, a, seed) for seed in SEEDS for w, a, _ in ROWS]
        for future in as_completed(waiting):
            done.append(future.result())
            print(json.dumps(done[-1]), flush=True)
            OUT.parent.mkdir(exist_ok=True)
            OUT.write_text(json.dumps(done, indent=1) + "\n")
    table = Table("weights/activations", "float %", "rounded %", "finetuned %, seeds", "mean %",
                  "standard deviation", "wanted %", "differing")
    means = {}
    for w, a, wanted in ROWS:
        rows = sorted((r for r in done if (r["weight_bits"], r["activation_bits"]) == (w, a)),
                      key=lambda r: r["seed"])
        found = [r["after"] for r in rows]
        means[f"{w}/{a}"] = mean(found)
        table.add_row(f"{w}/{a}", f"{rows[0]['float']:.2f}", f"{rows[0]['before']:.2f}",
                      " ".join(f"{v:.2f}" for v in found), f"{mean(found):.3f}",
                      f"{stdev(found):.3f}", f"{wanted:.2f}", str(sum(r["differing"]
                                                                      for r in rows)))
    Console().print(table)
    return means


if __name__ == "__main__":
    main()
