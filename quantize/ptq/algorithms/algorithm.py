"""What every algorithm gets and gives, and how one is found by its name.

Five kinds: "equalization" rescales the float network before anything else, "range" chooses the
frac of a format, "trial" measures what it is worth, "rounding" chooses the integers of a layer's
weights, "bias" what is added to its bias.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, TypeVar

import numpy as np
from msgspec import Meta

from dsplet.base.errors import UserError, door, near
from dsplet.base.schema import fitted
from dsplet.quantize.fixed.arithmetic import round_half_up
from dsplet.quantize.fixed.qformat import RangeError

Count = Annotated[int, Meta(ge=1, le=1000)]
Octaves = Annotated[int, Meta(ge=1, le=40)]
Share = Annotated[float, Meta(gt=0, le=1)]
Percent = Annotated[float, Meta(gt=0, le=100)]
Amount = Annotated[float, Meta(ge=0, le=1e6)]
"""What the options of algorithms may be."""
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Distribution:
    """Reals as `values` that occur `counts` times each, in ascending order.

    width: of the bin that each value is the centre of; 0 where the values are exact.
    low, high: the true extremes. function: what will be computed of the reals, where that is known;
    errors then count after it. importance: of a squared error at each value, the Hessian's
    diagonal; None where it is not known.
    """

    values: np.ndarray
    counts: np.ndarray
    low: float
    high: float
    width: float = 0.0
    function: Callable[[np.ndarray], np.ndarray] | None = None
    importance: np.ndarray | None = None

    @classmethod
    def exact(cls, reals: np.ndarray, importance: np.ndarray | None = None) -> Distribution:
        reals = np.asarray(reals, np.float64).reshape(-1)
        order = np.argsort(reals, kind="stable")
        values = reals[order]
        return cls(values, np.ones(len(values)), float(values[0]), float(values[-1]),
                   importance=None if importance is None else importance.reshape(-1)[order])

    def squared_error(self, frac: int, low: int, high: int, weights: np.ndarray | None = None
                      ) -> float:
        """Sum of the squared errors of integers in [low, high] at step 2**-frac, clipping included.
        Inside a bin the reals are taken to be spread evenly. weights: default `counts`."""
        step = 2.0**-frac
        q = np.clip(np.floor(self.values / step + 0.5), low, high)
        if self.function is None:
            error = (q * step - self.values) ** 2
            if step < 4 * self.width:  # the bins do not resolve the step
                inside = (q > low) & (q < high)
                error = np.where(inside & (self.values != 0), step**2 / 12, error)
        else:
            error = (self.function(q * step) - self.function(self.values)) ** 2
        return float(np.dot(error, self.counts if weights is None else weights))


class Room(Protocol):
    """What integers (C, K) must keep to, so that no sum leaves an accumulator."""

    def holds(self, q: np.ndarray) -> np.ndarray:
        """(C,): whether the channels do."""

    def project(self, q: np.ndarray) -> np.ndarray:
        """The nearest that do."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of C channels with K weights each on N calibration samples, all in reals.

    weight: (C, K). x: (N, K), what the fixed-point network feeds it. wanted: (N, C), what the float
    network gives before its clamp. bias: broadcasts against that. low, high: what outputs are
    clamped to. room: what the integers must keep to; None: they will.
    found: see `once`.
    """

    weight: np.ndarray
    x: np.ndarray
    wanted: np.ndarray
    bias: np.ndarray
    low: float = -np.inf
    high: float = np.inf
    room: Room | None = None
    found: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What make() gives the first time. Layers that differ in their room alone share it."""
        if key not in self.found:
            self.found[key] = make()
        return self.found[key]

    @property
    def gram(self) -> np.ndarray:
        """(K, K): the mean of x xT, half the Hessian of every channel's squared error."""
        return self.once("gram", lambda: self.x.T @ self.x / len(self.x))

    @property
    def importance(self) -> np.ndarray:
        """(K,): the mean square of each input; ones where there is no sample."""
        samples, columns = self.x.shape
        if samples >= columns > 0:
            return np.diag(self.gram)
        return np.einsum("nk,nk->k", self.x, self.x) / samples if samples else np.ones(columns)

    def sums(self, weight: np.ndarray) -> np.ndarray:
        return self.x @ weight.T + self.bias

    def clamp(self, sums: np.ndarray) -> np.ndarray:
        return np.clip(sums, self.low, self.high)

    def error(self, weight: np.ndarray) -> np.ndarray:
        """(C,): mean squared error of the outputs."""
        return ((self.clamp(self.sums(weight)) - self.clamp(self.wanted)) ** 2).mean(0)


FRACS = range(-40, 41)
"""The steps that an algorithm may choose."""
KINDS = ("equalization", "range", "trial", "rounding", "bias")

_registry: dict[str, dict[str, type]] = {kind: {} for kind in KINDS}
_run: dict[type, Callable] = {}


class UnknownAlgorithm(UserError):
    """No algorithm has this name, or it has no such option."""


def algorithm(kind: str, config: type) -> Callable[[Callable], Callable]:
    """Register a function as the algorithm of a frozen config dataclass, named after it.

    equalization: (config, `quantize.ptq.rescaling.Rescaling`) -> None; it works on the second.
    range: (config, Distribution, low, high) -> frac of the integers in [low, high].
    trial: (config, Layer, step (C,), limit) -> errors (C,) to expect of integers at these steps.
    rounding: (config, Layer, step (C,), limit) -> integers (C, K), none beyond +-limit.
    bias: (config, Layer, rounded weight (C, K)) -> (C,), to be added to the bias.
    """
    def register(function: Callable) -> Callable:
        _registry[kind][config.__name__.lower()] = config
        _run[config] = function
        return function
    return register


def names(kind: str) -> list[str]:
    """The algorithms of a kind, as recipes name them."""
    return sorted(_registry[kind])


def name_of(config: object) -> str:
    """As recipes name the algorithm of a config."""
    return type(config).__name__.lower()


def named(kind: str, name: str, **options) -> object:
    """The config of an algorithm by its name, such as named("range", "percentile", percent=99)."""
    known = _registry[kind]
    if name not in known:
        raise UnknownAlgorithm(f"no {kind} algorithm is called '{name}'",
                               expected=", ".join(names(kind)), remedy=near(name, known))
    with door(f"'{name}'"):
        return fitted(options, known[name], UnknownAlgorithm)


def is_a(kind: str, config: object) -> bool:
    """Whether the config is of an algorithm of that kind."""
    return type(config) in _registry[kind].values()


def run(config: object, *arguments):
    """What the config's algorithm makes of the arguments of its kind."""
    return _run[type(config)](config, *arguments)


def choose_frac(config: object, reals: Distribution, low: int, high: int) -> int:
    """The frac for integers in [low, high]; of nothing but zeros see `finest`."""
    if reals.low == reals.high == 0:
        return finest(0, 0, low, high)
    return run(config, reals, low, high)


def nearest(weight: np.ndarray, step: np.ndarray, limit: int) -> np.ndarray:
    """The nearest integers in [-limit, limit] of weights (C, K) or (C,) at steps (C,)."""
    return np.clip(round_half_up(weight / step.reshape(-1, *(1,) * (weight.ndim - 1))),
                   -limit, limit)


def finest(real_low: float, real_high: float, low: int, high: int) -> int:
    """The finest frac at which [real_low, real_high] rounds into [low, high]. Nothing but zeros
    says nothing of a range: it is taken to be that of -1 (or 0) to 1."""
    if real_low == real_high == 0:
        real_low, real_high = max(low, -1), 1
    for frac in reversed(FRACS):
        step = 2.0**-frac
        if real_high < (high + 0.5) * step and real_low >= (low - 0.5) * step:
            return frac
    raise RangeError(f"the range [{real_low:g}, {real_high:g}] is beyond a step of 2**40",
                     remedy="scale what the network computes")
