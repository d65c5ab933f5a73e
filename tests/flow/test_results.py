"""The published figures, met from training to machine code ($DSPLET_DATA, $DSPLET_SHARED)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bench.quantize import NETS
from dsplet import data
from dsplet.export import to_onnx
from dsplet.firmware_sim import targets
from dsplet.quantize.analysis.compare import predictions
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.train import checkpoint, loop, zoo

pytestmark = pytest.mark.slow
LENET5 = NETS[0]


@dataclass
class Outcome:
    """Errors on the whole test split, and what machine code did on its first 100 samples."""

    samples: int
    float_errors: int
    fixed_errors: int
    differing: int
    cycles: float
    macs: int

    @property
    def float_percent(self) -> float:
        return 100 * self.float_errors / self.samples

    @property
    def drop_points(self) -> float:
        return 100 * (self.fixed_errors - self.float_errors) / self.samples


def evaluate(path: Path, splits, inputs) -> Outcome:
    """Quantize with 500 calibration samples; inputs(images) gives the net's float input."""
    graph = from_onnx.load(path)
    fixed = quantize(graph, inputs(splits.calibration.images[:500]), Recipe())
    x, labels = inputs(splits.test.images), splits.test.labels
    y_float = FloatNetwork(path)({graph.inputs[0]: x})[graph.outputs[0]].reshape(len(x), -1)
    q = fixed.inputs[0].format.quantize(x)
    y_fixed = Executor(fixed)(q)[0].reshape(len(x), -1)
    run = targets.compile(lower(fixed), targets.get("dsp32c-40")).simulate([q[:100]])
    reference = fixed.run(q[:100])[fixed.outputs[0].name]
    return Outcome(len(x), int((y_float.argmax(1) != labels).sum()),
                   int((y_fixed.argmax(1) != labels).sum()),
                   int(np.count_nonzero(run.outputs[0] != reference)
                       + np.count_nonzero(reference.reshape(100, -1) != y_fixed[:100])),
                   float(run.cycles.max()), fixed.macs)


def train_and_export(name: str, dataset: str, folder: Path) -> Path:
    card, splits = zoo.get(name), data.load(dataset)
    path = folder / f"{name}.safetensors"
    trained = loop.train(card, splits, card.config(dataset), path=path)
    onnx = folder / f"{name}.onnx"
    to_onnx.export(trained.module(), card.input_shape, onnx, to_onnx.metadata(
        model=name, data=dataset, input_scale=card.normalization.scale,
        input_offset=card.normalization.offset, classes=card.classes,
        checkpoint_sha256=checkpoint.sha256(path), data_sha256=splits.sha256),
        samples=card.inputs(splits.calibration.images[:64]))
    return onnx


def test_zip1989_on_usps(data_dir, tmp_path):
    """Published: 5.0 % of 2,007 test digits wrong (Neural Computation 1989)."""
    path = train_and_export("zip1989", "usps", tmp_path)
    seen = evaluate(path, data.load("usps"), zoo.get("zip1989").inputs)
    assert seen.samples == 2007 and seen.float_percent <= 5.5
    assert abs(seen.drop_points) <= 0.3
    assert seen.differing == 0 and seen.cycles <= 90_000 and seen.macs == 63_660


def test_lenet5_on_mnist(data_dir, tmp_path):
    began = time.monotonic()
    path = train_and_export("lenet5", "mnist", tmp_path)
    seen = evaluate(path, data.load("mnist"), zoo.get("lenet5").inputs)
    assert seen.samples == 10_000 and seen.float_percent <= 1.0
    assert abs(seen.drop_points) <= 0.1
    assert seen.differing == 0 and seen.cycles <= 1.25 * seen.macs and seen.macs == 416_520
    print(f"{seen} in {time.monotonic() - began:.0f} s")


@pytest.mark.parametrize("row", [r for r in LENET5.rows if str(r) in ("4/4", "2/8")], ids=str)
def test_few_bits_keep_what_the_benchmark_asks(row, shared, data_dir):
    splits, path = data.load("mnist"), LENET5.fetch()
    graph = from_onnx.load(path)
    fixed = quantize(graph, LENET5.inputs(splits.calibration.images), Recipe(
        weight_bits=row.weight_bits, activation_bits=row.activation_bits))
    x = LENET5.inputs(splits.test.images)
    seen = predictions(FloatNetwork(path)({graph.inputs[0]: x})[graph.outputs[0]],
                       fixed.outputs[0].format.dequantize(
                           Executor(fixed)(fixed.inputs[0].format.quantize(x))[0]),
                       splits.test.labels)
    assert seen.samples == 10_000 and seen.sqnr_db >= row.sqnr_db
    assert seen.test_accuracy_percent >= row.accuracy_percent - 1e-9


@pytest.mark.parametrize("name, scale, size", [("mnist-8", 1.0, 28),
                                               ("lenet5-mnist", 1 / 256, 32)])
def test_networks_of_others_on_mnist(shared, data_dir, name, scale, size):
    normalization = data.Normalization(scale, 0.0)
    seen = evaluate(shared / "conformance/models" / name / "model.onnx", data.load("mnist"),
                    lambda images: normalization(data.fit(images, (size, size))))
    assert seen.samples == 10_000 and abs(seen.drop_points) <= 0.1 and seen.differing == 0
