"""SumPool: the sum of a window, whose share a mean would round."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.ops.op import op
from dsplet.quantize.fixed.ops.pool import AveragePool


@op
class SumPool(AveragePool):
    """y[c, p] = requantize(sum over t of x[c, p*stride + t])."""

    @property
    def shares(self) -> bool:
        return False

    @property
    def factor_frac(self) -> int:
        return 0

    @property
    def factors(self) -> IntArray:
        return np.array([1])
