"""Compare: whether a relation holds between two values, 0 or 1, exactly."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.graph import Interval
from dsplet.quantize.fixed.kernel import Add, Max, Set, Store
from dsplet.quantize.fixed.ops.binary import Elementwise, element
from dsplet.quantize.fixed.ops.op import check_alignment, op, span

RELATIONS = ("Greater", "GreaterOrEqual", "Equal", "NotEqual")


@op
class Compare(Elementwise):
    """y = 1 where the relation holds of (x0 << i, x1 << j), else 0; an integer (frac 0).

    With d the difference of the aligned operands it is one of d, d + 1, 1 - |d| and |d|, limited to
    0..1.
    """

    relation: str

    def check(self) -> None:
        super().check()
        if self.relation not in RELATIONS:
            raise ValueError(f"Compare '{self.name}': no relation is called '{self.relation}'")
        if self.output.format.frac:
            raise ValueError(f"Compare '{self.name}' gives 0 and 1: the frac must be 0")
        check_alignment(self, *self.alignment)

    @property
    def clamps(self) -> bool:
        return False

    @property
    def limits(self) -> tuple[int, int]:
        return 0, 1

    @property
    def acc_frac(self) -> IntArray:
        return np.array([0])

    @property
    def alignment(self) -> tuple[int, int]:
        """Left shifts of the two inputs."""
        i, j = (max(v.format.frac for v in self.inputs) - x.format.frac for x in self.inputs)
        return i, j

    def accumulate(self, a: IntArray, b: IntArray) -> IntArray:
        (a, b), (i, j) = self.aligned(a, b), self.alignment
        d = (a << i) - (b << j)
        found: IntArray = {"Greater": d, "GreaterOrEqual": d + 1, "NotEqual": np.abs(d),
                           "Equal": 1 - np.abs(d)}[self.relation]
        return found

    def accumulators(self) -> list[Interval]:
        (a, b), (i, j) = (v.format for v in self.inputs), self.alignment
        low, high = (a.min << i) - (b.max << j), (a.max << i) - (b.min << j)
        if self.relation in ("Equal", "NotEqual"):
            low, high = min(low, -high), max(high, -low)
        return [Interval(min(low, 0), max(high, 0) + (self.relation == "GreaterOrEqual"))]

    def kernel(self, k: Builder) -> None:
        y, (i, j) = k[self.output], self.alignment
        with k.loops(*self.output.shape) as at:
            a, b = (element(k[v], v.shape, at) for v in self.inputs)
            k.emit(Set("acc", 0), Add("acc", a, i), Add("acc", b, j, negate=True))
            if self.relation in ("Equal", "NotEqual"):
                k.emit(Set("d", 0), Add("d", "acc", negate=True), Max("acc", "d"))
            if self.relation == "Equal":
                k.emit(Set("d", 1), Add("d", "acc", negate=True), Set("acc", "d"))
            if self.relation == "GreaterOrEqual":
                k.emit(Add("acc", 1))
            k.requantize("acc", self, span(self.accumulators()[0]))
            k.emit(Store(y[at], "acc"))

    def integer_onnx(self, b: Emitter, x0: str, x1: str) -> str:
        if b.wide(self):
            x0, x1 = b.double(x0), b.double(x1)
        d = b.node("Sub", *(b.scale(b.align(x, v, self.output), 2.0**s) for x, v, s in
                            zip((x0, x1), self.inputs, self.alignment, strict=True)))
        one = b.const(b.types[d](1))
        if self.relation in ("Equal", "NotEqual"):
            d = b.node("Max", d, b.scale(d, -1.0))
        if self.relation == "Equal":
            d = b.node("Sub", one, d)
        if self.relation == "GreaterOrEqual":
            d = b.node("Add", d, one)
        return b.requantize(d, self)

    def qdq(self, b: RealWords, x0: str, x1: str) -> None:
        return None
