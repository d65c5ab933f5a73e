"""Table: any function of one variable (tanh, sigmoid, exp, sqrt, ...), as a table in the file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, RealArray, half_step, requantize
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.curve import Curve
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Interval, Requantizing, Value
from dsplet.quantize.fixed.kernel import Set, Store
from dsplet.quantize.fixed.ops.op import op


@op
class Table(Requantizing):
    """y = requantize(curve(x)): one entry per input up to 10 bits, else linear interpolation.

    table: node values at the output's format, see `quantize.fixed.curve.Curve`.
    function: what it tabulates, for people.
    """

    table: IntArray
    step_log2: int
    function: str = ""

    @classmethod
    def of(cls, f: Callable[[RealArray], RealArray], name: str, x: Value, y: Value,
           function: str = "") -> Table:
        fmt = y.format
        curve = Curve.sample(f, x.format.min, x.format.max, x.format.frac, fmt.frac,
                             (fmt.min, fmt.max))
        return cls(name, (x,), y, curve.table, curve.step_log2, function)

    @property
    def curve(self) -> Curve:
        return Curve(self.inputs[0].format.min, self.step_log2, self.table)

    def check(self) -> None:
        self.expect_shape(self.inputs[0].shape)
        fmt = self.output.format
        self.curve.check(f"{self.op} '{self.name}'", fmt.min, fmt.max, self.inputs[0].format.max)

    @property
    def clamps(self) -> bool:
        return False

    @property
    def acc_frac(self) -> IntArray:
        return np.array([self.output.format.frac + self.step_log2])

    def reference(self, x: IntArray) -> IntArray:
        return requantize(self.curve(x), self.step_log2, *self.limits)

    def accumulators(self) -> list[Interval]:
        if not self.step_log2:
            return []
        partial = self.curve.partial
        return [Interval(partial.low, partial.high + half_step(self.step_log2))]

    def kernel(self, k: Builder) -> None:
        x, y = k[self.inputs[0]], k[self.output]
        with k.loops(*self.output.shape) as at:
            k.emit(Set("d", x[at]))
            self.curve.emit(k, "d", "table")
            if self.step_log2:
                k.requantize("d", self, self.curve.span)
            k.emit(Store(y[at], "d"))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        y = self.curve.integer_onnx(b, x)
        return b.requantize(y, self) if self.step_log2 else y
