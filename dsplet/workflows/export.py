"""Export a checkpoint, or a network of one's own, to ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsplet.base.progress import SILENT, Watch
from dsplet.workflows.request import FromData, RequestError, check_out, refuse_idle


@dataclass(frozen=True, kw_only=True)
class Request(FromData):
    """source: a checkpoint, or FILE.py:factory, which weights and input_shape ("1x28x28") belong
    to. machine: a name or a .toml file; the network then slides over lines, and this reads them:
    input_shape is that of the lines."""

    source: str
    out: str
    weights: str | None = None
    input_shape: str | None = None
    machine: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """checked_samples: that ONNX Runtime and PyTorch were compared on."""

    FIRST = ("file", "max_difference_from_pytorch")

    file: str
    input_shape: str
    checked_samples: int
    max_difference_from_pytorch: float
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """A torch.nn.Module and what its file is to say of it. samples: float32 (N, *shape) to check it
    with; None: random ones."""

    module: Any
    shape: tuple[int, ...]
    facts: dict[str, str]
    samples: np.ndarray | None


def run(request: Request, watch: Watch = SILENT) -> Report:
    """The file is checked against PyTorch through ONNX Runtime. Raises FactoryError, ExportError,
    CheckpointError, DataError, MachineError, RequestError."""
    check_out(request.out, request.source, request.source.rpartition(":")[0],
              request.weights, request.data, request.machine)
    from dsplet.export import to_onnx
    made = _from_factory(request) if ".py:" in request.source else _from_checkpoint(request)
    done = to_onnx.export(made.module, made.shape, Path(request.out), made.facts,
                          samples=made.samples)
    return Report(file=request.out, input_shape="x".join(map(str, made.shape)),
                  checked_samples=done.samples,
                  max_difference_from_pytorch=done.max_abs_difference, sha256=done.sha256)


def _from_factory(request: Request) -> Source:
    from dsplet.export import factory, to_onnx
    if request.machine:
        raise RequestError("--machine reads with a checkpoint's network, whose classes are known; "
                           "a factory can return a dsplet.train.reading.Reader")
    if not request.input_shape:
        raise RequestError("say what the network reads, such as --input 1x28x28")
    shape, samples = factory.parse_shape(request.input_shape), None
    module = factory.make(request.source)
    if request.weights:
        to_onnx.load_weights(module, Path(request.weights))
    feeding = request.feed({}, {"x": shape})
    if request.data:
        samples, facts = feeding.test("256").x["x"], feeding.metadata
    else:
        refuse_idle("--resize brings samples to the net's size: name some with --data",
                    {"--resize": request.resize})
        facts = feeding.scaling.facts if feeding.scaling else {}
    facts["dsplet.model"] = request.source.rpartition(":")[2]
    return Source(module=module, shape=shape, facts=facts, samples=samples)


def _from_checkpoint(request: Request) -> Source:
    from dsplet import data as sets
    from dsplet.export import factory, to_onnx
    refuse_idle("a checkpoint knows its own weights, input and scaling", {
        "--weights": request.weights, "--input-scale": request.input_scale,
        "--input-offset": request.input_offset, "--resize": request.resize,
        "--input": None if request.machine else request.input_shape})
    from dsplet.train import checkpoint, zoo
    trained = checkpoint.load(Path(request.source))
    card = zoo.get(trained.model)
    lines = request.machine and card.lines.get(trained.dataset)
    splits = sets.load(request.data or lines or trained.dataset)
    module, own = trained.module(), {}
    if request.machine:
        from dsplet.train.lines import read_lines
        size = factory.parse_shape(request.input_shape) if request.input_shape else None
        module, card = read_lines(module, card, request.machine, splits, size)
        own = module.facts
    facts = to_onnx.metadata(
        model=card.name, data=splits.name, input_scale=card.normalization.scale,
        input_offset=card.normalization.offset, classes=card.classes,
        checkpoint_sha256=checkpoint.sha256(Path(request.source)), data_sha256=trained.data_sha256,
        tolerance=card.tolerance, step=card.step) | own
    part = splits.calibration if len(splits.calibration) else splits.test
    return Source(module=module, shape=card.input_shape, facts=facts,
                  samples=card.inputs(part.images))
