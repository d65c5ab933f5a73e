"""The ANNA profile on zip codes: zip1989 in 6-bit weights and 3-bit states, before and after
retraining, beside what was published of the chip (Saeckinger, Boser and Jackel, NIPS 4, 1991).

`python -m bench.anna` needs $DSPLET_DATA; three networks are trained in minutes, on all cores.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from rich.console import Console
from rich.table import Table

MODEL, DATA, EPOCHS = "zip1989", "usps", 20
SEEDS = (0, 1, 2)
PUBLISHED = {"float": 4.9, "quantized": 5.3, "retrained": 4.9}


def run(seed: int, folder: Path) -> dict[str, float]:
    """Errors in percent of 2,007 test digits."""
    from dsplet import data
    from dsplet.base.progress import Terminal
    from dsplet.export import to_onnx
    from dsplet.quantize.fixed.execute import Executor
    from dsplet.quantize.float import from_onnx
    from dsplet.quantize.float.execute import FloatNetwork
    from dsplet.quantize.float.ops.function import Function
    from dsplet.quantize.ptq import recipe
    from dsplet.train import loop, zoo
    from dsplet.train.qat.finetune import FinetuneConfig, finetune
    card, splits = zoo.get(MODEL), data.load(DATA)
    trained = loop.train(card, splits, replace(card.config(DATA), seed=seed), watch=Terminal())
    path = folder / f"{seed}.onnx"
    to_onnx.export(trained.module(), card.input_shape, path, to_onnx.metadata(
        model=MODEL, data=DATA, input_scale=card.normalization.scale,
        input_offset=card.normalization.offset, classes=card.classes))
    graph, network = from_onnx.load(path), FloatNetwork(path)

    def teacher(x: np.ndarray) -> np.ndarray:
        return network({graph.inputs[0]: x})[graph.outputs[0]]

    test = card.inputs(splits.test.images)

    def error(scores: np.ndarray) -> float:
        return 100 * float((scores.reshape(len(test), -1).argmax(1) != splits.test.labels).mean())

    def fixed_error(fixed) -> float:
        return error(Executor(fixed, threads=1)(fixed.inputs[0].format.quantize(test))[0])

    before = recipe.quantize(graph, card.inputs(splits.calibration.images), recipe.load("anna"))
    functions = {n.name: n.expr for n in graph.nodes if isinstance(n, Function)}
    after = finetune(before, functions, teacher, splits.train, card.inputs,
                     FinetuneConfig(epochs=EPOCHS, seed=seed)).graph
    return {"float": error(teacher(test)), "quantized": fixed_error(before),
            "retrained": fixed_error(after)}


def main() -> dict[str, float]:
    """Mean errors in percent."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor() as pool:
        for seed, row in zip(SEEDS, pool.map(run, SEEDS, repeat(Path(folder))), strict=True):
            rows.append(row)
            print(f"seed {seed}: {row}", flush=True)
    table = Table("2,007 test digits", "error %, by seed", "mean", "standard deviation",
                  "published")
    for kind, published in PUBLISHED.items():
        found = [row[kind] for row in rows]
        table.add_row(kind, " ".join(f"{e:.2f}" for e in found), f"{mean(found):.2f}",
                      f"{stdev(found):.2f}", f"{published:.1f}")
    Console().print(table)
    return {kind: mean(row[kind] for row in rows) for kind in PUBLISHED}


if __name__ == "__main__":
    main()
