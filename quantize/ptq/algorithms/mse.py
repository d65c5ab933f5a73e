"""MSE: the step of least squared error, what it clips included."""

from dataclasses import dataclass

from dsplet.quantize.ptq.algorithms.algorithm import FRACS, Distribution, Octaves, algorithm, finest


@dataclass(frozen=True)
class Mse:
    """finer: how many halvings of the step that clips nothing are tried."""

    finer: Octaves = 6


@algorithm("range", Mse)
def mse(config: Mse, reals: Distribution, low: int, high: int) -> int:
    start = finest(reals.low, reals.high, low, high)
    candidates = range(start, min(start + config.finer, FRACS[-1]) + 1)
    return min(candidates, key=lambda frac: reals.squared_error(frac, low, high))
