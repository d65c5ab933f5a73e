"""Select: one of two values, as a third one says."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, half_step
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.graph import Interval
from dsplet.quantize.fixed.kernel import Add, Mul, Requantize, Set, Store
from dsplet.quantize.fixed.ops.binary import Elementwise, element
from dsplet.quantize.fixed.ops.op import aligned_range, check_alignment, op, span
from dsplet.quantize.fixed.statement import Affine


@op
class Select(Elementwise):
    """y = requantize(x1 << i where x0 is not 0, else x2 << j).

    x0 holds integers that cannot be negative. i and j align to the larger frac.
    """

    def check(self) -> None:
        super().check()
        fmt = self.inputs[0].format
        if fmt.signed or fmt.frac:
            raise ValueError(f"Select '{self.name}': a condition of format {fmt}; expected unsigned"
                             " integers")
        check_alignment(self, *self.alignment)

    @property
    def acc_frac(self) -> IntArray:
        return np.array([max(v.format.frac for v in self.inputs[1:])])

    @property
    def alignment(self) -> tuple[int, int]:
        """Left shifts of the two that are chosen from."""
        i, j = (int(self.acc_frac[0]) - v.format.frac for v in self.inputs[1:])
        return i, j

    def accumulate(self, c: IntArray, a: IntArray, b: IntArray) -> IntArray:
        (c, a, b), (i, j) = self.aligned(c, a, b), self.alignment
        return np.where(c != 0, a << i, b << j)

    def accumulators(self) -> list[Interval]:
        low, high = aligned_range(self.inputs[1:], self.alignment)
        return [Interval(low, high + half_step(int(self.shift[0])))]

    def kernel(self, k: Builder) -> None:
        y, (i, j) = k[self.output], self.alignment
        most = self.inputs[0].format.max
        with k.loops(*self.output.shape) as at:
            c, a, b = (element(k[v], v.shape, at) for v in self.inputs)
            k.emit(Set("c", c), Requantize("c", (0,), Affine(), 0, 1, (0, most)),
                   Set("d", a), Mul("d", "c"), Set("acc", 0), Add("acc", "d", i),
                   Add("c", -1), Set("d", b), Mul("d", "c"), Add("acc", "d", j, negate=True))
            k.requantize("acc", self, span(self.accumulators()[0]))
            k.emit(Store(y[at], "acc"))

    def integer_onnx(self, b: Emitter, c: str, x1: str, x2: str) -> str:
        if b.wide(self):
            c, x1, x2 = b.double(c), b.double(x1), b.double(x2)
        c, x1, x2 = (b.align(x, v, self.output) for x, v in
                     zip((c, x1, x2), self.inputs, strict=True))
        i, j = self.alignment
        c = b.clip(c, 0, 1)
        other = b.node("Mul", b.scale(x2, 2.0**j), b.node("Sub", b.const(b.types[c](1)), c))
        acc = b.node("Add", b.node("Mul", b.scale(x1, 2.0**i), c), other)
        return b.requantize(acc, self)

    def qdq(self, b: RealWords, c: str, x1: str, x2: str) -> None:
        return None
