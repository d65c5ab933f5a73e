"""CumSum: a full layer of ones below the diagonal."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.ops.gemm import Gemm
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import Reading, reads


@reads("CumSum")
def cumsum(r: Reading) -> None:
    axis, n = r.axis(int(r.scalar(1, what="the axis"))), len(r.shape())
    swap = list(range(n))
    swap[axis], swap[-1] = swap[-1], swap[axis]
    size = r.shape()[axis]
    ones = np.tril(np.ones((size, size)), -1 if r.attr("exclusive", 0) else 0)
    weight = ones.T if r.attr("reverse", 0) else ones
    x = r.emit(Transpose, r.value(), perm=tuple(swap))
    y = r.emit(Gemm, x, weight=np.ascontiguousarray(weight), bias=np.zeros(size))
    r.give(Transpose, y, perm=tuple(swap))
