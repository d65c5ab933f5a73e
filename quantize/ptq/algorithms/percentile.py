"""Percentile: the finest step that clips at most a given share of the values."""

from dataclasses import dataclass

import numpy as np

from dsplet.quantize.ptq.algorithms.algorithm import Distribution, algorithm, finest


@dataclass(frozen=True)
class Percentile:
    """percent: of the values that are not clipped, in (50, 100]; half the rest at either end."""

    percent: float = 99.999

    def __post_init__(self) -> None:
        if not 50 < self.percent <= 100:
            raise ValueError(f"percent must lie in (50, 100], not {self.percent:g}")


@algorithm("range", Percentile)
def percentile(config: Percentile, reals: Distribution, low: int, high: int) -> int:
    clipped = (1 - config.percent / 100) * reals.counts.sum() / (1 if low == 0 else 2)
    below = np.cumsum(reals.counts)
    above = np.cumsum(reals.counts[::-1])[::-1]
    first = reals.values[np.argmax(below > clipped)]
    last = reals.values[len(above) - 1 - np.argmax(above[::-1] > clipped)]
    half = reals.width / 2
    return finest(max(first - half, reals.low), min(last + half, reals.high), low, high)
