"""`python -m bench.cells`: simple and complex cells on MNIST, and how much a cell's answer to a
grating depends on the grating's phase, measured on the chip."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.whole import go
from dsplet.data.feed import feed
from dsplet.data.source import Arrays
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import fixed_graph, quantized
from dsplet.train import results
from dsplet.train.gabor import ORIENTATIONS, WAVELENGTH

MODELS = ("simple_cells", "complex_cells")
EPOCHS, TRAIN_SAMPLES = 4, 10_000
PHASES, SIZE, CONTRAST = 32, 28, 0.15


def gratings(orientation: int) -> np.ndarray:
    """uint8 (PHASES, 28, 28): stripes of the filters' wavelength, their phase once around; so faint
    that no cell saturates."""
    angle = np.pi * orientation / ORIENTATIONS
    y, x = np.mgrid[:SIZE, :SIZE]
    u = x * np.cos(angle) + y * np.sin(angle)
    phase = np.arange(PHASES) / PHASES
    wave = np.cos(2 * np.pi * (u / WAVELENGTH + phase[:, None, None]))
    return np.floor(127.5 * (1 + CONTRAST * wave) + 0.5).astype(np.uint8)


def until(graph: Graph, shape: tuple[int, ...]) -> Graph:
    """The graph up to the first value of that shape that only the pooling reads."""
    for i, node in enumerate(graph.nodes):
        readers = {n.op for n in graph.consumers(node.output)}
        if node.output.shape == shape and readers <= {"AveragePool"}:
            return replace(graph, nodes=graph.nodes[:i + 1], outputs=(node.output,))
    raise ValueError(f"no value of shape {shape} is pooled")


def modulations(path: Path, maps: int) -> list[float]:
    """For each orientation (max - min) / (max + min) of the middle cell's answers, as machine code
    gives them, over all phases: 0 where the phase does not matter, 1 where it silences the cell."""
    graph = fixed_graph(path)
    cells = until(graph, (maps, 22, 22))
    most = cells.outputs[0].format.max
    chip = targets.compile(lower(cells), targets.get("dsp32c-40"))
    x, found = graph.inputs[0], []
    feeding = feed(dict(graph.metadata), {x.name: x.shape})
    for i in range(ORIENTATIONS):
        q, = quantized(graph, feeding.batch(Arrays({x.name: gratings(i)})).x)
        y = chip.simulate([q]).outputs[0][:, i, 11, 11]
        assert y.max() < most, "the cells saturate: lower the contrast"
        found.append(float((y.max() - y.min()) / (y.max() + y.min())))
    return found


def main(data: str = "mnist", epochs: int = EPOCHS, train_samples: int = TRAIN_SAMPLES) -> dict:
    """A row of `bench.whole.go` for each kind of cell, with `modulation`: the largest of its
    orientations."""
    folder, found = Path(f"runs/cells-{epochs}-{train_samples}"), {}
    folder.mkdir(parents=True, exist_ok=True)
    table = Table("model", "float %", "8-bit %", "cycles", "ms (40 MHz)", "differing", "modulation")
    for model, maps in zip(MODELS, (2 * ORIENTATIONS, ORIENTATIONS), strict=True):
        row = go(model, folder, data, epochs=epochs, train_samples=train_samples)
        results.save([row])
        found[model] = row | {
            "modulation": max(modulations(folder / f"{model}-{data}-0.q.onnx", maps))}
        table.add_row(model, f"{row['float_accuracy_percent']:.2f}",
                      f"{row['fixed_accuracy_percent']:.2f}", f"{row['cycles']:,.0f}",
                      f"{row['latency_ms']:.1f}", str(row["differing_integers"]),
                      f"{found[model]['modulation']:.3f}")
    console = Console(width=110)
    console.print(table)
    console.print(f"{epochs} epochs of {train_samples:,} images; {row['samples']:,} test images; "
                  f"{PHASES} phases of {ORIENTATIONS} gratings on the chip")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--train-samples", type=int, default=TRAIN_SAMPLES)
    main(**vars(parser.parse_args()))
