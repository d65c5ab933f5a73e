"""Div: the exact integer quotient of two values, rounded half up."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, divide, requantize
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.graph import Interval
from dsplet.quantize.fixed.kernel import (
    MOST_DIVISOR,
    MOST_QUOTIENT,
    Add,
    Divide,
    Max,
    Mul,
    Requantize,
    Set,
    Storage,
    Store,
)
from dsplet.quantize.fixed.ops.binary import Elementwise, element
from dsplet.quantize.fixed.ops.op import op
from dsplet.quantize.fixed.qformat import QFormat, RangeError
from dsplet.quantize.fixed.statement import Affine

MOST_NUMERATOR_BITS = 29
"""Twice as much and a divisor are an int32."""


def _largest(fmt: QFormat) -> int:
    return max(-fmt.min, fmt.max)


@op
class Div(Elementwise):
    """y = clamp((x0 << i) / (x1 << j)), rounded half up; i and j bring the quotient to y's step.

    A divisor of 0 counts as one step of its format: 0 / 0 is 0, and what is divided by 0 saturates
    unless it is very small.
    """

    @staticmethod
    def fracs(a: QFormat, b: QFormat) -> tuple[int, int]:
        """The least and the largest frac that the quotient of these formats may have."""
        left, right = ((_largest(fmt) - 1).bit_length() for fmt in (a, b))
        exact = a.frac - b.frac  # of a quotient for which nothing is shifted
        return (exact - (MOST_DIVISOR.bit_length() - 1 - right),
                exact + MOST_NUMERATOR_BITS - left)

    def check(self) -> None:
        super().check()
        (a, b), y = (x.format for x in self.inputs), self.output.format
        least, most = self.fracs(a, b)
        if not least <= y.frac <= most:
            raise RangeError(f"Div '{self.name}': a quotient of {a} by {b} has the step "
                             f"2**{-y.frac}", expected=f"2**{-most} to 2**{-least}",
                             remedy="scale what the network computes")

    @property
    def acc_frac(self) -> IntArray:
        return np.array([self.output.format.frac])

    @property
    def alignment(self) -> tuple[int, int]:
        """Left shifts of the two inputs."""
        a, b = (x.format.frac for x in self.inputs)
        shift = self.output.format.frac + b - a
        return max(shift, 0), max(-shift, 0)

    @property
    def numerator_limit(self) -> int:
        return _largest(self.inputs[0].format) << self.alignment[0]

    @property
    def divisor_limit(self) -> int:
        return _largest(self.inputs[1].format) << self.alignment[1]

    def reference(self, a: IntArray, b: IntArray) -> IntArray:
        a, b = self.aligned(a, b)
        i, j = self.alignment
        return requantize(divide(a << i, np.where(b == 0, 1, b) << j), 0, *self.limits)

    def accumulators(self) -> list[Interval]:
        reach = 2 * self.numerator_limit + max(self.divisor_limit, self.output.format.max + 2)
        return [Interval(-reach, reach)]

    def kernel(self, k: Builder) -> None:
        (a, b), y, shape = self.inputs, self.output, self.output.shape
        lead = len(shape) - len(b.shape)
        varies = [lead + axis for axis, n in enumerate(b.shape) if n > 1]
        outer = max(varies, default=-1) + 1  # the axes along which there are several divisors
        reach = -(-self.numerator_limit >> self.alignment[1])  # rounded up
        span = (y.format.min - 1, y.format.max + 1) if reach >= MOST_QUOTIENT else (-reach, reach)
        cells = k.temp("cells", 2, -1, self.divisor_limit)
        with k.loops(*shape[:outer]) as at:
            self._divisor(k, cells, (*at, *(0 for _ in shape[outer:])))
            with k.loops(*shape[outer:]) as rest:
                where = (*at, *rest)
                k.emit(Set("n", 0), Add("n", element(k[a], a.shape, where), self.alignment[0]))
                if b.format.signed:
                    k.emit(Mul("n", cells[1]))
                if reach >= MOST_QUOTIENT:
                    self._within(k, cells)
                k.emit(Divide("n", cells[0], (span[1], self.divisor_limit)))
                k.requantize("n", self, span)
                k.emit(Store(k[y][where], "n"))

    def _divisor(self, k: Builder, cells: Storage, at: tuple[Affine | int, ...]) -> None:
        """Statements that leave the divisor's magnitude in cells[0], its sign in cells[1]."""
        b, j = self.inputs[1], self.alignment[1]
        x = element(k[b], b.shape, at)
        k.emit(Set("t", x))
        if b.format.signed:
            k.emit(Requantize("t", (0,), Affine(), -1, 0, (b.format.min, b.format.max)),
                   Add("t", "t"), Add("t", 1), Store(cells[1], "t"), Mul("t", x))
        k.emit(Max("t", 1), Store(cells[0], "t"))
        if j:
            k.emit(Set("t", 0), Add("t", cells[0], j), Store(cells[0], "t"))

    def _within(self, k: Builder, cells: Storage) -> None:
        """Statements that limit the numerator n to one step more than the result can hold."""
        fmt = self.output.format

        def end(bound: int) -> None:
            """d = bound times the divisor, as far as a numerator can reach."""
            enough = min(self.numerator_limit // abs(bound) + 1, self.divisor_limit)
            k.emit(Set("d", cells[0]),
                   Requantize("d", (0,), Affine(), 1, enough, (1, self.divisor_limit)),
                   Mul("d", bound))

        end(-(fmt.max + 1))
        k.emit(Add("d", "n"), Max("d", 0), Add("n", "d", negate=True))  # n less what is beyond it
        end(fmt.min - 1)
        k.emit(Max("n", "d"))

    def integer_onnx(self, b: Emitter, x0: str, x1: str) -> str:
        i, j = self.alignment
        n, d = (b.double(b.align(x, v, self.output)) for x, v in
                zip((x0, x1), self.inputs, strict=True))
        some = b.clip(b.node("Max", d, b.scale(d, -1.0)), 0, 1)
        d = b.node("Add", d, b.node("Sub", b.const(np.float64(1)), some))
        half, d = b.scale(d, 2.0**j), b.scale(d, 2.0 ** (j + 1))
        # numerator and divisor have less than 32 bits: a quotient in double precision that is no
        # integer stays off the integer above it
        y = b.node("Floor", b.node("Div", b.node("Add", b.scale(n, 2.0 ** (i + 1)), half), d))
        return b.single(b.clip(y, *self.limits))

    def qdq(self, b: RealWords, x0: str, x1: str) -> None:
        return None
