"""Trained networks that come with the package: fixed point, as `dsplet quantize` writes it, each
with the commands that made it and what it reads right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from dsplet.base.errors import UserError, near

FOLDER = Path(__file__).with_name("weights")
TABLE = FOLDER / "weights.json"


class NotShipped(UserError):
    """No trained network of that name comes with the package."""


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """A network file. command: what made it. data: what it is tested with, by all its `samples`
    test samples; the accuracies are of them, before quantizing and of the file, of lines whole
    lines. first_right: how many of the first `first` of them the file reads right."""

    model: str
    data: str
    command: str
    bytes: int
    sha256: str
    samples: int
    float_accuracy_percent: float
    fixed_accuracy_percent: float
    first: int
    first_right: int


def shipped() -> list[Shipped]:
    """All of them, by name."""
    return [Shipped(**row) for row in json.loads(TABLE.read_text())]


def path(model: str) -> Path:
    """Where the `.q.onnx` of a model lies. Raises NotShipped."""
    known = [row.model for row in shipped()]
    if model not in known:
        raise NotShipped(f"no trained '{model}' comes with the package",
                         expected=", ".join(known), remedy=near(model, known))
    return FOLDER / f"{model}.q.onnx"


def samples(data: str) -> Path:
    """The first test samples of the data set that a shipped network is tested with."""
    return FOLDER / f"{data}.npz"
