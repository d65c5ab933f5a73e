"""ArgMax over the last axis: which is largest, the first of equals."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Interval, Node
from dsplet.quantize.fixed.kernel import Add, Max, Requantize, Set, Store
from dsplet.quantize.fixed.ops.op import check_axes, op, span
from dsplet.quantize.fixed.statement import Affine

MOST_BITS = 30


@op
class ArgMax(Node):
    """y = the place of the largest x[.., i], an integer (frac 0).

    One maximum finds it: of x * 2**k + (n - 1 - i), whose last k bits tell the place.
    """

    @property
    def classes(self) -> int:
        return self.inputs[0].shape[-1]

    @property
    def place_bits(self) -> int:
        return max(1, (self.classes - 1).bit_length())

    def check(self) -> None:
        check_axes(self)
        self.expect_shape(self.inputs[0].shape[:-1])
        fmt = self.output.format
        if fmt.frac or fmt.max < self.classes - 1:
            raise ValueError(f"ArgMax '{self.name}': {fmt} does not hold 0..{self.classes - 1}")
        if self.inputs[0].format.bits + self.place_bits > MOST_BITS:
            raise ValueError(f"ArgMax '{self.name}': {self.classes} numbers of "
                             f"{self.inputs[0].format} need more than {MOST_BITS} bits")

    def reference(self, x: IntArray) -> IntArray:
        y: IntArray = x.argmax(-1)
        return y

    def accumulators(self) -> list[Interval]:
        fmt, k = self.inputs[0].format, self.place_bits
        return [Interval((fmt.min << k) - (1 << k), (fmt.max + 1 << k) - 1)]

    def kernel(self, k: Builder) -> None:
        x, y = k[self.inputs[0]], k[self.output]
        fmt, n, bits = self.inputs[0].format, self.classes, self.place_bits
        order = k.const("order", np.arange(n - 1, -1, -1))
        with k.loops(*self.output.shape) as at:
            k.emit(Set("best", fmt.min << bits))
            with k.loop(n) as i:
                k.emit(Set("d", order[i]), Add("d", x[(*at, i)], bits), Max("best", "d"))
            k.emit(Set("d", "best"), Add("d", -(1 << bits - 1)),
                   Requantize("d", (bits,), Affine(), fmt.min, fmt.max,
                              span(self.accumulators()[0])),
                   Add("best", "d", bits, negate=True),
                   Set("d", n - 1), Add("d", "best", negate=True), Store(y[at], "d"))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        y = b.node("Cast", b.node("ArgMax", x, axis=-1, keepdims=0), to=1)
        b.types[y] = np.float32
        return y
