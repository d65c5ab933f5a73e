"""MaxPool and AveragePool over 1-D, 2-D and 3-D windows. Padding is a Pad node."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, half_step
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, Words
from dsplet.quantize.fixed.graph import RARE, Interval, Node, Requantizing
from dsplet.quantize.fixed.kernel import Add, Max, Mul, Set, Store
from dsplet.quantize.fixed.ops.op import check_axes, check_positive, op, span
from dsplet.quantize.fixed.qformat import RangeError
from dsplet.quantize.fixed.statement import Affine, Ref

FACTOR_BITS = 23
"""A factor 1/N has fewer bits, so that every target multiplies by it exactly."""


@dataclass(frozen=True, eq=False)
class _Window(Node):
    """dilations: between the elements of a window; () is 1 along each axis."""

    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...] = field(default=(), kw_only=True, metadata=RARE)

    def check(self) -> None:
        check_axes(self, 2)
        check_positive(self, window=self.window, strides=self.strides, dilations=self.dilations)
        c, *spatial = self.inputs[0].shape
        ranks = {len(self.window), len(self.strides), len(self.spacing)}
        if len(spatial) > 3 or ranks != {len(spatial)}:
            raise ValueError(f"{self.op} '{self.name}': window {self.window}, by {self.strides}, "
                             f"dilated by {self.spacing}, over {spatial}")
        self.expect_shape((c, *((n - e) // s + 1 for n, e, s in
                                zip(spatial, self.extent, self.strides, strict=True))))

    @property
    def spacing(self) -> tuple[int, ...]:
        return self.dilations or (1,) * len(self.window)

    @property
    def extent(self) -> tuple[int, ...]:
        """Elements from the window's first to its last, along each axis."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.window, self.spacing, strict=True))

    @property
    def taps(self) -> int:
        return prod(self.window)

    def windows(self, x: IntArray) -> IntArray:
        """(batch, C, *output, *window)."""
        v = np.lib.stride_tricks.sliding_window_view(x, self.extent, tuple(range(2, x.ndim)))
        steps: Any = (slice(None, None, s) for s in (*self.strides, *self.spacing))
        return v[(slice(None), slice(None), *steps)]

    def kernel(self, k: Builder) -> None:
        x, y = k[self.inputs[0]], k[self.output]
        with k.loops(*self.output.shape) as (c, *at):
            corner = [p * s for p, s in zip(at, self.strides, strict=True)]
            self.begin(k, x[(c, *corner)])
            with k.loops(*self.window) as t:
                self.take(k, x[(c, *(p + u * d for p, u, d in
                                     zip(corner, t, self.spacing, strict=True)))])
            self.end(k, at)
            k.emit(Store(y[(c, *at)], "acc"))

    def begin(self, k: Builder, first: Ref) -> None:
        """Write what comes before the window; first: its first element."""
        raise TypeError(f"{self.op} has no kernel")

    def take(self, k: Builder, tap: Ref) -> None:
        """Write what is done with an element of the window."""
        raise TypeError(f"{self.op} has no kernel")

    def end(self, k: Builder, at: list[Affine]) -> None:
        """Write what comes after the window at this place of the output; the result is in the
        register "acc"."""

    def attributes(self) -> dict[str, Any]:
        return {"strides": self.strides} | ({"dilations": self.dilations} if self.dilations else {})


@op
class MaxPool(_Window):
    """y[c, p] = max over t of x[c, p*stride + t*dilation]; the format does not change."""

    def check(self) -> None:
        super().check()
        if self.inputs[0].format != self.output.format:
            raise ValueError(f"MaxPool '{self.name}' cannot change the format")

    def reference(self, x: IntArray) -> IntArray:
        y: IntArray = self.windows(x).max(tuple(range(-len(self.window), 0)))
        return y

    def begin(self, k: Builder, first: Ref) -> None:
        k.emit(Set("acc", first))

    def take(self, k: Builder, tap: Ref) -> None:
        k.emit(Max("acc", tap))

    def integer_onnx(self, b: Words, x: str) -> str:
        return b.node("MaxPool", x, kernel_shape=self.window, **self.attributes())

    qdq = integer_onnx


@dataclass(frozen=True, eq=False)
class Adding(_Window, Requantizing):
    """y[c, p] = requantize(factor[p] * sum over t of x[c, p*stride + t*dilation])."""

    @property
    def factors(self) -> IntArray:
        """Integers at the step 2**-factor_frac: one, or one for each place of the output."""
        return np.array([1])

    @property
    def factor_frac(self) -> int:
        return 0

    @property
    def acc_frac(self) -> IntArray:
        return np.array([self.inputs[0].format.frac + self.factor_frac])

    def accumulate(self, x: IntArray) -> IntArray:
        y: IntArray = self.windows(x).sum(tuple(range(-len(self.window), 0))) * self.factors
        return y

    def accumulators(self) -> list[Interval]:
        fmt, scale = self.inputs[0].format, self.taps * int(self.factors.max())
        return [Interval(min(fmt.min * scale, 0), fmt.max * scale + half_step(int(self.shift[0])))]

    def begin(self, k: Builder, first: Ref) -> None:
        k.emit(Set("acc", 0))

    def take(self, k: Builder, tap: Ref) -> None:
        k.emit(Add("acc", tap))

    def end(self, k: Builder, at: list[Affine]) -> None:
        k.requantize("acc", self, span(self.accumulators()[0]))

    def scaled(self, b: Emitter, total: str) -> str:
        """Print the factors times the sum."""
        return total

    def integer_onnx(self, b: Emitter, x: str) -> str:
        ones = np.ones((self.inputs[0].shape[0], 1, *self.window), np.float32)
        total = b.node("Conv", x, b.const(ones), group=len(ones), **self.attributes())
        if b.wide(self):
            total = b.double(total)
        return b.requantize(self.scaled(b, total), self)


@op
class AveragePool(Adding):
    """The sum of a window times a factor, where factor * 2**-factor_frac stands for 1/N: exact
    where N is a power of two, else of 16 bits, or of as many as the accumulator's 31 bits leave.

    N is the number of taps or, at a border that does not count, `counts` of them: an integer for
    each place of the output, whose other taps must be zeros (a Pad's).
    """

    counts: IntArray | None = field(default=None, kw_only=True, metadata=RARE)

    def check(self) -> None:
        super().check()
        n = self.counts
        if n is not None and (n.shape != self.output.shape[1:] or n.min() < 1 or
                              n.max() > self.taps):
            raise ValueError(f"{self.op} '{self.name}': counts {n.shape} from {n.min()} to "
                             f"{n.max()} do not fit a window of {self.taps} taps and an output "
                             f"{self.output.shape}")
        if self.factor_frac < 0 or self.factors.min() < 1:
            raise RangeError(f"{self.op} '{self.name}': a mean of {self.taps} numbers of "
                             f"{self.inputs[0].format} needs more than 31 bits",
                             remedy="take bits off its input (--activation-bits)")

    @property
    def numbers(self) -> IntArray:
        """N, where it differs: one number, or one for each place."""
        return np.array([self.taps]) if self.counts is None else self.counts.astype(np.int64)

    @property
    def factor_frac(self) -> int:
        most, least = int(self.numbers.max()), int(self.numbers.min())
        exact = most.bit_length() - 1
        if not (self.numbers & (self.numbers - 1)).any():
            return exact
        fmt = self.inputs[0].format
        largest = max(-fmt.min, fmt.max) * self.taps
        fine = min(exact + 16, least.bit_length() + 29 - largest.bit_length())
        return min(fine, FACTOR_BITS + least.bit_length() - 2)

    @property
    def factors(self) -> IntArray:
        return ((2 << self.factor_frac) + self.numbers) // (2 * self.numbers)

    def end(self, k: Builder, at: list[Affine]) -> None:
        if self.counts is not None:
            k.emit(Mul("acc", k.const("factor", self.factors)[tuple(at)]))
        elif (factor := int(self.factors[0])) != 1:
            k.emit(Mul("acc", factor))
        super().end(k, at)

    def scaled(self, b: Emitter, total: str) -> str:
        if self.counts is None:
            return b.scale(total, float(self.factors[0]))
        return b.node("Mul", total, b.const(self.factors.astype(b.types[total])))
