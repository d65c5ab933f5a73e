"""MatMul: the product of two activations."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, half_step
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.graph import Interval, Requantizing
from dsplet.quantize.fixed.kernel import Mac, Set, Store
from dsplet.quantize.fixed.ops.op import op, product_range, span


@op
class MatMul(Requantizing):
    """y[.., r, c] = requantize(sum over i of x0[.., r, i] * x1[.., i, c]); as many leading axes,
    which broadcast."""

    def check(self) -> None:
        a, b = self.inputs[0].shape, self.inputs[1].shape
        if len(a) != len(b) or len(a) < 2 or a[-1] != b[-2] or not all(
                m == n or 1 in (m, n) for m, n in zip(a[:-2], b[:-2], strict=True)):
            raise ValueError(f"MatMul '{self.name}' cannot multiply {a} by {b}")
        self.expect_shape((*map(max, a[:-2], b[:-2]), a[-2], b[-1]))

    @property
    def acc_frac(self) -> IntArray:
        return np.array([self.inputs[0].format.frac + self.inputs[1].format.frac])

    @property
    def macs(self) -> int:
        return self.output.size * self.inputs[0].shape[-1]

    def accumulate(self, a: IntArray, b: IntArray) -> IntArray:
        return a @ b

    def accumulators(self) -> list[Interval]:
        a, b = self.inputs
        low, high = product_range(a.format, b.format, a.shape[-1])
        return [Interval(low, high + half_step(int(self.shift[0])))]

    def kernel(self, k: Builder) -> None:
        a, b, y = k[self.inputs[0]], k[self.inputs[1]], k[self.output]
        with k.loops(*self.output.shape) as (*at, r, c):
            k.emit(Set("acc", 0))
            left, right = ([v if n > 1 else 0 for v, n in zip(at, x.shape, strict=False)]
                           for x in self.inputs)
            with k.loop(self.inputs[0].shape[-1]) as i:
                k.emit(Mac("acc", a[(*left, r, i)], b[(*right, i, c)]))
            k.requantize("acc", self, span(self.accumulators()[0]))
            k.emit(Store(y[(*at, r, c)], "acc"))

    def integer_onnx(self, b: Emitter, x0: str, x1: str) -> str:
        if b.wide(self):
            x0, x1 = b.double(x0), b.double(x1)
        return b.requantize(b.node("MatMul", x0, x1), self)

    def qdq(self, b: RealWords, x0: str, x1: str) -> str:
        return b.node("MatMul", x0, x1)
