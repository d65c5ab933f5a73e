"""What is known of a model before any of it is built, and the list of all models."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dsplet.base.errors import UserError, near
from dsplet.data import Normalization, budgets, fit
from dsplet.data.budgets import Budget
from dsplet.train.config import TrainConfig

if TYPE_CHECKING:
    from torch import nn


class ZooError(UserError):
    """No model has that name."""


@dataclass(frozen=True)
class Counts:
    """Sizes of a network, counted as LeCun does.

    weights: independent trainable numbers, biases included
    links:   edges into units, a bias being one edge per unit
    macs:    multiply-accumulates for one input; a bias is none
    """

    weights: int
    links: int
    macs: int


@dataclass(frozen=True)
class Figure:
    """One published or adopted figure, with where it comes from.

    `at_most` figures are bounds; `clock_mhz` is that of the DSP32C a time belongs to.
    """

    quantity: Literal["test_error_percent", "latency_ms"]
    value: float
    source: str
    dataset: str | None = None
    clock_mhz: float | None = None
    at_most: bool = False


@dataclass(frozen=True)
class Card:
    """The facts of a model; `build()` makes the module with fresh weights, and needs torch.

    input_shape: (C, H, W)
    loss:        "mse" against targets of +1 and -1, "nll" on log-probabilities, "map" on minus
                 penalties, or "numbers", the mean square against the numbers that are wanted
    classes:     their names; of a network that answers in numbers, the names of its outputs
    training:    settings by data set; those of `dataset` serve for data sets not listed
    board:       the smallest memory of `firmware_sim.dsp32c.parts` that holds it
    tolerance:   of a network that answers in numbers: what is nearer than this is right
    step:        of a sequence: how long an element of it takes to come, such as "20ms"
    lines:       of a net that slides: the data set of lines for one that it is trained on
    machine:     what reads them (`data.automaton`)
    """

    name: str
    title: str
    source: str
    input_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    normalization: Normalization
    dataset: str
    loss: Literal["mse", "nll", "map", "numbers"]
    counts: Counts
    published: tuple[Figure, ...]
    training: Mapping[str, TrainConfig]
    board: str = "1989"
    tolerance: float | None = None
    step: str | None = None
    lines: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    build: Callable[[], "nn.Module"] = field(repr=False, kw_only=True)

    def config(self, dataset: str) -> TrainConfig:
        """The default training settings on `dataset`."""
        return self.training.get(dataset, self.training[self.dataset])

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """What a program for it is to keep, the strongest claim first."""
        return budgets.of(self.name)

    def pixels(self, images: np.ndarray) -> np.ndarray:
        """uint8 images of any size as uint8 (N, H, W) of this model's input."""
        return fit(images, self.input_shape[1:])

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """uint8 images of any size as this model's input, float32 (N, 1, H, W)."""
        return self.normalization(self.pixels(images))

    @property
    def facts(self) -> dict:
        """The card as a row of a table."""
        return {"model": self.name, "title": self.title,
                "input": "x".join(map(str, self.input_shape)), "data": self.dataset,
                **asdict(self.counts)}


DIGITS = tuple("0123456789")

_CARDS: dict[str, Card] = {}


def model(**facts: Any) -> Callable[[Callable[[], "nn.Module"]], Callable[[], "nn.Module"]]:
    """Register the decorated function as the `build` of a card with these facts."""

    def register(build: Callable[[], "nn.Module"]) -> Callable[[], "nn.Module"]:
        _CARDS[facts["name"]] = Card(**facts, build=build)
        return build

    return register


def cards() -> tuple[Card, ...]:
    """Every model's card, by name."""
    return tuple(_CARDS[name] for name in sorted(_CARDS))


def get(name: str) -> Card:
    """The card of model `name`; raises ZooError."""
    if name in _CARDS:
        return _CARDS[name]
    raise ZooError(f"no model is named '{name}'", expected=", ".join(sorted(_CARDS)),
                   remedy=near(name, _CARDS))
