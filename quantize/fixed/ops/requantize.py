"""Requantize: a change of format and range. ReLU and Clip are this with clamp bounds."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, half_step
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.graph import Interval, Requantizing
from dsplet.quantize.fixed.kernel import Set, Store
from dsplet.quantize.fixed.ops.op import op


@op
class Requantize(Requantizing):
    """y = requantize(x)."""

    def check(self) -> None:
        self.expect_shape(self.inputs[0].shape)

    @property
    def acc_frac(self) -> IntArray:
        return np.array([self.inputs[0].format.frac])

    def accumulate(self, x: IntArray) -> IntArray:
        return x

    def accumulators(self) -> list[Interval]:
        fmt, s = self.inputs[0].format, int(self.shift[0])
        left = max(-s, 0)
        return [Interval(fmt.min << left, (fmt.max << left) + half_step(s))]

    def kernel(self, k: Builder) -> None:
        x, y = k[self.inputs[0]], k[self.output]
        fmt = self.inputs[0].format
        with k.loops(*self.output.shape) as at:
            k.emit(Set("acc", x[at]))
            k.requantize("acc", self, (fmt.min, fmt.max))
            k.emit(Store(y[at], "acc"))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        return b.requantize(x, self)

    def qdq(self, b: RealWords, x: str) -> str:
        return x
