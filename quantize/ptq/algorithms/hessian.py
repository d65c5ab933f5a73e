"""Hessian: MSE with every weight's error counted by the mean square of the input it meets.

That is the diagonal of the Hessian of the layer's squared output error (Dong et al., HAWQ-V2,
arXiv 1911.03852, weigh whole layers so). Activations know no importance: for them it is MSE.
"""

from dataclasses import dataclass

from dsplet.quantize.ptq.algorithms.algorithm import FRACS, Distribution, Octaves, algorithm, finest


@dataclass(frozen=True)
class Hessian:
    """finer: how many halvings of the step that clips nothing are tried."""

    finer: Octaves = 6


@algorithm("range", Hessian)
def hessian(config: Hessian, reals: Distribution, low: int, high: int) -> int:
    start = finest(reals.low, reals.high, low, high)
    candidates = range(start, min(start + config.finer, FRACS[-1]) + 1)
    return min(candidates, key=lambda f: reals.squared_error(f, low, high, reals.importance))
