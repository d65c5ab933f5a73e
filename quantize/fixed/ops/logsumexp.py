"""LogSumExp: the soft maximum over the last axis; the pooling called PROB in LeCun's lectures."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, half_step, requantize
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Interval
from dsplet.quantize.fixed.kernel import Add, Set, Store
from dsplet.quantize.fixed.ops.op import op, span
from dsplet.quantize.fixed.ops.softmax import Logarithmic


@op
class LogSumExp(Logarithmic):
    """y[..] = requantize(max(x[.., i]) + log(sum over i of exp(x[.., i] - max(x)))).

    x: (*lead, n). y: lead. Both terms at the finer of their steps.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inputs[0].shape[:-1]

    def reference(self, x: IntArray) -> IntArray:
        i, j = self.alignment
        acc = (x.max(-1) << i) + (self.logarithm(self.exponentials(x)[1])[..., 0] << j)
        return requantize(acc, self.shift, *self.limits)

    def accumulators(self) -> list[Interval]:
        fmt, (i, j) = self.inputs[0].format, self.alignment
        half = half_step(int(self.shift[0]))
        return [Interval(min(fmt.min << i, 0), (max(fmt.max, 0) << i) + ((1 << 15) << j) + half),
                *super().accumulators()]

    def kernel(self, k: Builder) -> None:
        x, y, (i_shift, j_shift) = k[self.inputs[0]], k[self.output], self.alignment
        with k.loops(*self.output.shape) as at:
            cells, _ = self.exp_kernel(k, x, at)
            self.log_kernel(k, cells)
            k.emit(Set("d", 0), Add("d", cells[0], i_shift), Add("d", cells[1], j_shift))
            k.requantize("d", self, span(self.accumulators()[0]))
            k.emit(Store(y[at], "d"))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        i, j = self.alignment
        top, _, _, total = self.exp_carrier(b, x)
        acc = b.node("Add", b.double(b.scale(top, 2.0**i)),
                     b.double(b.scale(self.log_carrier(b, total), 2.0**j)))
        acc = b.node("Squeeze", acc, b.const(np.array([-1], np.int64)))
        return b.requantize(acc, self)
