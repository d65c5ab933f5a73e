"""Min-max: the finest step that clips nothing."""

from dataclasses import dataclass

from dsplet.quantize.ptq.algorithms.algorithm import Distribution, algorithm, finest


@dataclass(frozen=True)
class MinMax:
    """No options."""


@algorithm("range", MinMax)
def minmax(config: MinMax, reals: Distribution, low: int, high: int) -> int:
    return finest(reals.low, reals.high, low, high)
