"""The whole way of a model, by the workflows behind the commands: train, export, quantize, compare,
simulate. What the tables of the zoo are made of."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from dsplet.base.errors import UserError
from dsplet.base.progress import Terminal
from dsplet.data.feed import feed
from dsplet.export.c import host
from dsplet.export.c.emulate import CORES, emulate, missing
from dsplet.firmware_sim.compile.optimize import optimize
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import fixed_graph, quantized, reference
from dsplet.train import zoo
from dsplet.train.checkpoint import load
from dsplet.workflows import compare, export, quantize, simulate, train
from dsplet.workflows.simulation import Simulation

WATCH = Terminal()
CORE = CORES["cortex-m4"]
EMULATED = 2


def go(model: str, folder: Path, data: str | None = None, epochs: int | None = None,
       seed: int = 0, train_samples: int | None = None, executed: str = "100") -> dict:
    """One row of figures, of one training; the files stay in `folder`, where a finished training is
    not repeated.

    train_samples: learn from the first so many only. executed: how many test images run as machine
    code, a number or "all"; the accuracies are those of the whole test split.
    """
    card = zoo.get(model)
    data = data or card.dataset
    learnt = next((d for d, lines in card.lines.items() if lines == data), data)
    epochs = epochs or card.config(learnt).epochs
    weights = f"{folder / f'{model}-{learnt}-{seed}'}.safetensors"
    net, fixed = (f"{folder / f'{model}-{data}-{seed}'}{e}" for e in (".onnx", ".q.onnx"))
    if not _finished(weights, epochs):
        train.run(train.Request(model=model, data=learnt, epochs=epochs, seed=seed,
                                samples=train_samples, out=weights), WATCH)
    export.run(export.Request(source=weights, out=net, data=data,
                              machine=card.machine if data != learnt else None), WATCH)
    quantize.run(quantize.Request(source=net, out=fixed), WATCH)
    seen = compare.run(compare.Request(reference=net, test=fixed), WATCH)
    budget = next(iter(card.budgets), None)
    run = simulate.run(simulate.Request(source=fixed, board=card.board, samples=executed,
                                        budget=budget.name if budget else None), WATCH)
    assert isinstance(run, Simulation) and run.cycles_per_mac and run.differing_integers is not None
    return {
        "model": model, "data": data, "epochs": epochs, "seeds": 1, "samples": seen.samples,
        "float_accuracy_percent": round(seen.reference_accuracy_percent or 0, 4),
        "fixed_accuracy_percent": round(seen.test_accuracy_percent or 0, 4),
        "train_samples": train_samples, "executed": run.samples,
        "differing_integers": run.differing_integers + differences(fixed, executed),
        "board": card.board, "bytes": sum(row.used_bytes for row in run.memory),
        "cycles": run.cycles, "cycles_per_mac": round(run.cycles_per_mac, 4),
        "latency_ms": round(run.latency_ms, 4),
        "budget": budget and budget.name, "budget_ms": budget and budget.latency_ms,
        "met": run.budget[0].met if run.budget else None}


def means(model: str, folder: Path, data: str | None = None, seeds: int = 1,
          **settings: Any) -> dict:
    """A row as `go` gives it, of several trainings: their mean accuracies; cycles and bytes of the
    costliest; all that was executed, and all integers that differ."""
    rows = [go(model, folder, data, seed=seed, **settings) for seed in range(seeds)]
    column = {key: [row[key] for row in rows] for key in rows[0]}
    return max(rows, key=lambda row: row["cycles"]) | {
        "seeds": seeds, "bytes": max(column["bytes"]),
        "float_accuracy_percent": round(mean(column["float_accuracy_percent"]), 4),
        "fixed_accuracy_percent": round(mean(column["fixed_accuracy_percent"]), 4),
        "executed": sum(column["executed"]),
        "differing_integers": sum(column["differing_integers"])}


def differences(path: str, samples: str) -> int:
    """How many output integers of compiled C, of the batch executor and of ONNX Runtime on the file
    differ from the NumPy reference, on the first test images; of C on an emulated Cortex-M4, where
    its tools are there, on the first two."""
    import onnxruntime as ort

    graph = fixed_graph(path)
    feeding = feed(dict(graph.metadata), {v.name: v.shape for v in graph.inputs})
    x = feeding.test(samples).x
    q = quantized(graph, x)
    wanted = reference(graph, q)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    reals = [y.astype(np.float64) * 2.0**v.format.frac for y, v in
             zip(session.run(None, x), graph.outputs, strict=True)]
    ours = host.compile(lower(graph))(*q)
    found = (ours if isinstance(ours, list) else [ours], Executor(graph)(*q), reals)
    return emulated(graph, q, wanted) + sum(int(np.count_nonzero(y != w)) for ys in found
                                            for y, w in zip(ys, wanted, strict=True))


def emulated(graph: Graph, q: list[np.ndarray], wanted: list[np.ndarray]) -> int:
    """How many integers of optimized C on an emulated Cortex-M4 differ from `wanted`, on the first
    two samples of q; 0 where the tools are missing."""
    if missing(CORE):
        return 0
    with tempfile.TemporaryDirectory(prefix="dsplet-bench-") as folder:
        run = emulate(optimize(lower(graph)), CORE, Path(folder), *(x[:EMULATED] for x in q))
    return run.differing(y[:EMULATED] for y in wanted)


def _finished(weights: str, epochs: int) -> bool:
    try:
        return len(load(Path(weights)).curve) == epochs
    except UserError:  # none yet, or not whole
        return False
