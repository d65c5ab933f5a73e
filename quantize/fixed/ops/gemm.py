"""Gemm: a fully connected layer, applied to the last axis."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.graph import Interval, Requantizing, Weight
from dsplet.quantize.fixed.kernel import Mac, Set, Store
from dsplet.quantize.fixed.ops.op import check_axes, op, span, weighted_interval


@op
class Gemm(Requantizing):
    """y[.., m] = requantize(bias[m] + sum over i of weight[m, i] * x[.., i]).

    x: (*lead, K). weight: (M, K). bias: (M,) integers at the accumulator's step. y: (*lead, M).
    """

    weight: Weight
    bias: IntArray

    def check(self) -> None:
        check_axes(self)
        *lead, k = self.inputs[0].shape
        if self.weight.q.ndim != 2 or self.weight.q.shape[1] != k:
            raise ValueError(f"Gemm '{self.name}': {k} inputs do not fit weights "
                             f"{self.weight.q.shape}")
        if self.bias.shape != self.weight.q.shape[:1]:
            raise ValueError(f"Gemm '{self.name}': bias has shape {self.bias.shape}")
        self.expect_shape((*lead, self.weight.q.shape[0]))

    @property
    def acc_frac(self) -> IntArray:
        return self.inputs[0].format.frac + self.weight.frac

    @property
    def macs(self) -> int:
        return self.output.size * int(self.weight.q.shape[1])

    def accumulate(self, x: IntArray) -> IntArray:
        return x @ self.weight.q.astype(np.int64).T + self.bias

    def accumulators(self) -> list[Interval]:
        return [weighted_interval(self.shift, self.bias[:, None],
                                  (self.inputs[0], self.weight.q.astype(np.int64)))]

    def kernel(self, k: Builder) -> None:
        x, y = k[self.inputs[0]], k[self.output]
        w, b = k.const("weight", self.weight.q), k.const("bias", self.bias)
        m, fan_in = self.weight.q.shape
        with k.loops(*self.output.shape[:-1]) as at, k.loop(m) as o:
            k.emit(Set("acc", b[o]))
            with k.loop(fan_in) as i:
                k.emit(Mac("acc", x[(*at, i)], w[o, i]))
            k.requantize("acc", self, span(self.accumulators()[0]), o)
            k.emit(Store(y[(*at, o)], "acc"))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        return b.weighted("Gemm", self, x, self.weight.q, self.bias)

    def qdq(self, b: RealWords, x: str) -> str:
        return b.affine("Gemm", self, x)
