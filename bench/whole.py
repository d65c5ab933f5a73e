"""The whole way of a model, by the functions behind the commands: train, export, quantize, compare,
simulate. What the tables of the zoo are made of."""

from __future__ import annotations

from pathlib import Path

import dsplet


def go(model: str, folder: Path, data: str | None = None, epochs: int | None = None,
       seed: int = 0, train_samples: int | None = None, executed: str = "100",
       board: str = "1989", budget: str | None = None) -> dict:
    """One row of figures; the files stay in `folder`.

    train_samples: learn from the first so many only. executed: how many test images run as machine
    code, a number or "all"; the accuracies are those of the whole test split.
    """
    stem = folder / f"{model}-{data or 'own'}-{seed}"
    weights, net, fixed = (f"{stem}{e}" for e in (".safetensors", ".onnx", ".q.onnx"))
    trained = dsplet.train(model, data=data, epochs=epochs, seed=seed, samples=train_samples,
                           out=weights)
    dsplet.export(weights, net)
    dsplet.quantize(net, fixed)
    seen = dsplet.compare(net, fixed)
    run = dsplet.simulate(fixed, board=board, samples=executed, budget=budget)
    return {
        "model": model, "data": trained["data"], "seed": seed, "epochs": trained["epochs"],
        "samples": seen["samples"],
        "float_accuracy_percent": seen["reference_accuracy_percent"],
        "fixed_accuracy_percent": seen["test_accuracy_percent"],
        "executed": run["samples"], "differing_integers": run["differing_integers"],
        "board": board, "cycles": run["cycles"], "cycles_per_mac": run["cycles_per_mac"],
        "latency_ms": run["latency_ms"],
        "bytes": sum(row["used_bytes"] for row in run["memory"])}
