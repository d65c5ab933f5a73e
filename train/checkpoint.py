"""A training run in one `.safetensors` file: weights, settings, curve, and how to go on.

Nothing in it is ever executed. Its single metadata entry `dsplet` is JSON: safetensors does not
keep the order of several entries, and equal checkpoints are to be equal bytes.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from dsplet.base.errors import UserError, door, said
from dsplet.base.files import check_readable, read_bytes, write_atomically
from dsplet.base.schema import parse_json
from dsplet.train import zoo
from dsplet.train.config import TrainConfig

FOREIGN = "weights from elsewhere are exported with their own factory and --weights"


class CheckpointError(UserError):
    """A checkpoint is missing, damaged, or belongs to something else."""


class Facts(msgspec.Struct):
    """What the metadata entry holds."""

    model: str
    dataset: str
    data_sha256: str
    config: dict[str, Any]
    curve: tuple[dict[str, int | float | None], ...]
    version: str


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run after `len(curve)` epochs.

    weights: the module's state dict
    resume:  optimiser and random state by name; empty once the run is finished
    curve:   for each epoch: epoch, learning_rate, train_loss, train_error, calibration_error
             (errors are fractions; the last is None where there are no calibration images)
    """

    model: str
    dataset: str
    data_sha256: str
    config: TrainConfig
    curve: tuple[dict[str, Any], ...]
    weights: dict[str, torch.Tensor] = field(repr=False)
    resume: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)
    version: str = version("dsplet")

    @property
    def finished(self) -> bool:
        return len(self.curve) >= self.config.epochs

    def module(self) -> nn.Module:
        """The model with these weights, in evaluation mode; raises CheckpointError, ZooError."""
        module = zoo.get(self.model).build()
        for name, tensor in module.state_dict().items():
            found = self.weights.get(name, tensor)
            if found.is_floating_point() != tensor.is_floating_point():
                raise CheckpointError(f"'{name}' holds {found.dtype}, the model's {tensor.dtype}")
        try:
            module.load_state_dict(self.weights, strict=True)
        except RuntimeError as error:
            raise CheckpointError(f"these are not the weights of '{self.model}': "
                                  f"{said(error)}") from None
        return module.eval()


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write `path`: it holds either the old checkpoint or the whole new one. Raises FileError."""
    facts = {
        "model": checkpoint.model,
        "dataset": checkpoint.dataset,
        "data_sha256": checkpoint.data_sha256,
        "config": asdict(checkpoint.config),
        "curve": checkpoint.curve,
        "version": checkpoint.version,
    }
    tensors = {f"weights/{name}": value for name, value in checkpoint.weights.items()}
    tensors |= {f"resume/{name}": value for name, value in checkpoint.resume.items()}
    content = to_bytes(
        {name: value.detach().contiguous() for name, value in tensors.items()},
        metadata={"dsplet": json.dumps(facts, sort_keys=True)},
    )
    write_atomically(path, content)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint that `save` wrote. Raises CheckpointError, FileError."""
    check_readable(path, remedy="`dsplet train` makes one")
    with (door(path, SafetensorError, OSError, what="truncated, or not a safetensors file",
               kind=CheckpointError), safe_open(path, framework="pt") as file):
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    with door(path):
        if "dsplet" not in metadata:
            raise CheckpointError("a safetensors file, but not a checkpoint of dsplet",
                                  remedy=FOREIGN)
        facts = parse_json(metadata["dsplet"], Facts, CheckpointError)
        return Checkpoint(
            model=facts.model,
            dataset=facts.dataset,
            data_sha256=facts.data_sha256,
            config=TrainConfig.from_dict(facts.config),
            curve=facts.curve,
            weights=_under("weights/", tensors),
            resume=_under("resume/", tensors),
            version=facts.version,
        )


def sha256(path: Path) -> str:
    """Fingerprint of the file. Raises FileError."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
