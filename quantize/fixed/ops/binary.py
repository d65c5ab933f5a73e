"""Add, Sub, Max, Min, Mul: element by element, with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, half_step
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.graph import Interval, Requantizing
from dsplet.quantize.fixed.kernel import Add as AddTo
from dsplet.quantize.fixed.kernel import Max as MaxWith
from dsplet.quantize.fixed.kernel import Mul as MulBy
from dsplet.quantize.fixed.kernel import Set, Storage, Store
from dsplet.quantize.fixed.ops.op import aligned_range, check_alignment, op, span
from dsplet.quantize.fixed.statement import Affine, Ref


@dataclass(frozen=True, eq=False)
class Elementwise(Requantizing):
    """Several inputs whose shapes broadcast to the output's."""

    def check(self) -> None:
        shapes = [x.shape for x in self.inputs]
        try:
            shape = np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(f"{self.op} '{self.name}' cannot broadcast "
                             f"{' with '.join(map(str, shapes))}") from None
        self.expect_shape(shape)

    def aligned(self, *xs: IntArray) -> list[IntArray]:
        """Each of xs with axes of size 1 after the batch axis, up to the output's rank."""
        n = len(self.output.shape)
        return [x.reshape(len(x), *(1,) * (n - x.ndim + 1), *x.shape[1:]) for x in xs]


@dataclass(frozen=True, eq=False)
class Binary(Elementwise):
    """Two inputs, and an exact accumulator whatever their steps."""

    def accumulators(self) -> list[Interval]:
        a, b = (np.array([x.format.min, x.format.max]) for x in self.inputs)
        corners = self.exact(a[:, None], b[None, :])
        half = half_step(int(self.shift[0]))
        return [Interval(min(int(corners.min()), 0), max(int(corners.max()), 0) + half)]

    def exact(self, a: IntArray, b: IntArray) -> IntArray:
        """The accumulator."""
        raise TypeError(f"{self.op} has no arithmetic")

    def combine(self, k: Builder, a: Ref, b: Ref) -> None:
        """Write the accumulator of two elements into the register "acc"."""
        raise TypeError(f"{self.op} has no kernel")

    def emit(self, b: Emitter, x0: str, x1: str) -> str:
        """Print the accumulator."""
        raise TypeError(f"{self.op} has no form as integer-in-float ONNX")

    def accumulate(self, a: IntArray, b: IntArray) -> IntArray:
        return self.exact(*self.aligned(a, b))

    def kernel(self, k: Builder) -> None:
        y = k[self.output]
        with k.loops(*self.output.shape) as at:
            self.combine(k, *(element(k[v], v.shape, at) for v in self.inputs))
            k.requantize("acc", self, span(self.accumulators()[0]))
            k.emit(Store(y[at], "acc"))

    def integer_onnx(self, b: Emitter, x0: str, x1: str) -> str:
        if b.wide(self):
            x0, x1 = b.double(x0), b.double(x1)
        return b.requantize(self.emit(b, x0, x1), self)

    def qdq(self, b: RealWords, x0: str, x1: str) -> str:
        return b.node(self.op, *(b.align(x, v, self.output) for x, v in
                                 zip((x0, x1), self.inputs, strict=True)))


def element(storage: Storage, shape: tuple[int, ...], at: tuple[Affine | int, ...]) -> Ref:
    """The element that broadcasting pairs with output element `at`."""
    return storage[tuple(i if n > 1 else 0 for i, n in zip(at[len(at) - len(shape):], shape,
                                                           strict=True))]


@dataclass(frozen=True, eq=False)
class Sum(Binary):
    """Operands are aligned to the larger frac by exact left shifts.

    sign: of the second one.
    """

    sign: ClassVar[int] = 1

    def check(self) -> None:
        super().check()
        check_alignment(self, *self.alignment)

    @property
    def acc_frac(self) -> IntArray:
        return np.array([max(x.format.frac for x in self.inputs)])

    @property
    def alignment(self) -> tuple[int, int]:
        i, j = (int(self.acc_frac[0]) - x.format.frac for x in self.inputs)
        return i, j

    def operands(self, a: IntArray, b: IntArray) -> tuple[IntArray, IntArray]:
        """Both at the larger frac."""
        i, j = self.alignment
        return a << i, b << j

    def exact(self, a: IntArray, b: IntArray) -> IntArray:
        a, b = self.operands(a, b)
        return a + self.sign * b

    def combine(self, k: Builder, a: Ref, b: Ref) -> None:
        i, j = self.alignment
        if i == 0:
            k.emit(Set("acc", a), AddTo("acc", b, j, self.sign < 0))
        elif self.sign > 0:
            k.emit(Set("acc", b), AddTo("acc", a, i))
        else:
            k.emit(Set("acc", 0), AddTo("acc", b, 0, True), AddTo("acc", a, i))

    def emit(self, b: Emitter, x0: str, x1: str) -> str:
        x0, x1 = (b.scale(b.align(x, v, self.output), 2.0**s) for x, v, s in
                  zip((x0, x1), self.inputs, self.alignment, strict=True))
        return b.node(self.op, x0, x1)


@op
class Add(Sum):
    """y = requantize((x0 << i) + (x1 << j))."""


@op
class Sub(Sum):
    """y = requantize((x0 << i) - (x1 << j))."""

    sign = -1


@dataclass(frozen=True, eq=False)
class Extreme(Sum):
    """One of the operands: registers hold the other one, too, or their negatives."""

    def accumulators(self) -> list[Interval]:
        low, high = aligned_range(self.inputs, self.alignment)
        return [*super().accumulators(), Interval(min(low, -high), max(high, -low))]


@op
class Max(Extreme):
    """y = requantize(max(x0 << i, x1 << j))."""

    def exact(self, a: IntArray, b: IntArray) -> IntArray:
        y: IntArray = np.maximum(*self.operands(a, b))
        return y

    def combine(self, k: Builder, a: Ref, b: Ref) -> None:
        i, j = self.alignment
        if j:
            a, b, i = b, a, j
        k.emit(*([Set("acc", 0), AddTo("acc", a, i)] if i else [Set("acc", a)]), MaxWith("acc", b))


@op
class Min(Extreme):
    """y = requantize(min(x0 << i, x1 << j))."""

    def exact(self, a: IntArray, b: IntArray) -> IntArray:
        y: IntArray = np.minimum(*self.operands(a, b))
        return y

    def combine(self, k: Builder, a: Ref, b: Ref) -> None:
        i, j = self.alignment
        k.emit(Set("acc", 0), AddTo("acc", a, i, True), Set("d", 0), AddTo("d", b, j, True),
               MaxWith("acc", "d"), Set("d", 0), AddTo("d", "acc", 0, True), Set("acc", "d"))


@op
class Mul(Binary):
    """y = requantize(x0 * x1)."""

    @property
    def acc_frac(self) -> IntArray:
        return np.array([sum(x.format.frac for x in self.inputs)])

    def exact(self, a: IntArray, b: IntArray) -> IntArray:
        return a * b

    def combine(self, k: Builder, a: Ref, b: Ref) -> None:
        k.emit(Set("acc", a), MulBy("acc", b))

    def emit(self, b: Emitter, x0: str, x1: str) -> str:
        return b.node("Mul", *(b.align(x, v, self.output) for x, v in
                               zip((x0, x1), self.inputs, strict=True)))
