"""SumPool: the sum of a window, whose share a mean would round."""

from __future__ import annotations

from dsplet.quantize.fixed.ops.op import op
from dsplet.quantize.fixed.ops.pool import Adding


@op
class SumPool(Adding):
    """y[c, p] = requantize(sum over t of x[c, p*stride + t*dilation])."""
