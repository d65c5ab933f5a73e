"""How a model is trained: every number that decides what comes out, and nothing else."""

import math
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, get_type_hints

from dsplet.base.errors import UserError, shown
from dsplet.base.schema import fitted


class ConfigError(UserError):
    """A training setting is unknown or out of range."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; the same settings and data give the same bytes.

    epochs:        passes over the training images, >= 1
    batch_size:    samples a step, >= 1
    learning_rate: the largest of the schedule, > 0
    weight_decay:  >= 0; decoupled with adamw, in the gradient with sgd
    momentum:      in [0, 1); sgd only
    schedule:      one-cycle rises over the first fifth and falls as a cosine; cosine only falls
    clip_norm:     the gradient is scaled down to this norm where it is larger (Pascanu, Mikolov and
                   Bengio, ICML 2013); 0 leaves it as it is
    propagation:   >= 0, how much the gradient-propagation regulariser of the same paper counts
                   beside the loss (`train.recurrent.Leaky`)
    teacher_forcing: the module, which writes a sequence, is told the right symbol after each that
                   it writes (Williams and Zipser, Neural Computation 1(2):270-280, 1989)
    shift:         each training image is moved by up to so many pixels each way, >= 0
    seed:          of the initial weights, the order of the samples and their shifts
    """

    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: Literal["one-cycle", "cosine"] = "one-cycle"
    clip_norm: float = 0.0
    propagation: float = 0.0
    teacher_forcing: bool = False
    shift: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "at least 0")
        _require(0 <= self.momentum < 1, "momentum", self.momentum, "in [0, 1)")
        _require(self.clip_norm >= 0, "clip_norm", self.clip_norm, "at least 0")
        _require(self.propagation >= 0, "propagation", self.propagation, "at least 0")
        _require(self.shift >= 0, "shift", self.shift, "at least 0")
        for name in ("learning_rate", "weight_decay", "clip_norm", "propagation"):
            value = getattr(self, name)
            _require(math.isfinite(value), name, value, "a finite number")
        for name in ("optimizer", "schedule"):
            value, choices = getattr(self, name), get_args(get_type_hints(type(self))[name])
            _require(value in choices, name, value, " or ".join(choices))

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "TrainConfig":
        """The inverse of `dataclasses.asdict`. Raises ConfigError."""
        return cast(TrainConfig, fitted(settings, cls, ConfigError))


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{name} is {shown(value)}", expected=expected)
