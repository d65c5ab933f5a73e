"""What every algorithm gets and gives: a distribution of reals in, the frac of a format out."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, eq=False)
class Distribution:
    """Reals as `values` that occur `counts` times each, in ascending order.

    width: of the bin that each value is the centre of; 0 where the values are exact.
    low, high: the true extremes. function: what will be computed of the reals, where that is known;
    errors then count after it.
    """

    values: np.ndarray
    counts: np.ndarray
    low: float
    high: float
    width: float = 0.0
    function: Callable[[np.ndarray], np.ndarray] | None = None

    @classmethod
    def exact(cls, reals: np.ndarray) -> Distribution:
        values = np.sort(np.asarray(reals, np.float64).reshape(-1))
        return cls(values, np.ones(len(values)), float(values[0]), float(values[-1]))

    def squared_error(self, frac: int, low: int, high: int) -> float:
        """Sum of the squared errors of integers in [low, high] at step 2**-frac, clipping included.
        Inside a bin the reals are taken to be spread evenly."""
        step = 2.0**-frac
        q = np.clip(np.floor(self.values / step + 0.5), low, high)
        if self.function is None:
            error = (q * step - self.values) ** 2
            if step < 4 * self.width:  # the bins do not resolve the step
                inside = (q > low) & (q < high)
                error = np.where(inside & (self.values != 0), step**2 / 12, error)
        else:
            error = (self.function(q * step) - self.function(self.values)) ** 2
        return float(np.dot(error, self.counts))


Algorithm = Callable[[object, Distribution, int, int], int]
"""(config, distribution, low, high) -> frac of the integers in [low, high]."""

_registry: dict[str, type] = {}
_choose: dict[type, Algorithm] = {}

FRACS = range(-40, 41)
"""The steps that an algorithm may choose."""


class UnknownAlgorithm(ValueError):
    """No algorithm has this name, or it has no such option."""


def algorithm(config: type) -> Callable[[Algorithm], Algorithm]:
    """Register a function as the algorithm of a frozen config dataclass, named after it."""
    def register(choose: Algorithm) -> Algorithm:
        _registry[config.__name__.lower()] = config
        _choose[config] = choose
        return choose
    return register


def names() -> list[str]:
    return sorted(_registry)


def named(name: str, **options) -> object:
    """The config of an algorithm by its name, for example named("percentile", percent=99.9)."""
    if name not in _registry:
        close = difflib.get_close_matches(name, _registry, 1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise UnknownAlgorithm(f"no algorithm is called '{name}'{hint} "
                               f"(there are {', '.join(names())})")
    config = _registry[name]
    unknown = set(options) - {f.name for f in fields(config)}
    if unknown:
        raise UnknownAlgorithm(f"'{name}' has no option {', '.join(sorted(unknown))}; it has "
                               f"{', '.join(f.name for f in fields(config)) or 'none'}")
    return config(**options)


def choose_frac(config: object, reals: Distribution, low: int, high: int) -> int:
    """The frac for integers in [low, high]; 0 for a distribution of nothing but zeros."""
    if reals.low == reals.high == 0:
        return 0
    return _choose[type(config)](config, reals, low, high)


def finest(real_low: float, real_high: float, low: int, high: int) -> int:
    """The finest frac at which [real_low, real_high] rounds into [low, high]."""
    for frac in reversed(FRACS):
        step = 2.0**-frac
        if real_high < (high + 0.5) * step and real_low >= (low - 0.5) * step:
            return frac
    raise ValueError(f"the range [{real_low:g}, {real_high:g}] is beyond a step of 2**40")
