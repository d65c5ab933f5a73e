"""Percentile: the finest step that clips at most a given share of the values."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta

from dsplet.quantize.ptq.algorithms.algorithm import Distribution, algorithm, finest


@dataclass(frozen=True)
class Percentile:
    """percent: of the values that are not clipped, in (50, 100]; half the rest at either end."""

    percent: Annotated[float, Meta(gt=50, le=100)] = 99.999


@algorithm("range", Percentile)
def percentile(config: Percentile, reals: Distribution, low: int, high: int) -> int:
    clipped = (1 - config.percent / 100) * reals.counts.sum() / (1 if low == 0 else 2)
    below = np.cumsum(reals.counts)
    above = np.cumsum(reals.counts[::-1])[::-1]
    first = reals.values[np.argmax(below > clipped)]
    last = reals.values[len(above) - 1 - np.argmax(above[::-1] > clipped)]
    half = reals.width / 2
    return finest(max(first - half, reals.low), min(last + half, reals.high), low, high)
