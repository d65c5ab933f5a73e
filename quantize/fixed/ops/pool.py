"""MaxPool and AveragePool over 1-D and 2-D windows. Padding is a Pad node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, half_step
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, Words
from dsplet.quantize.fixed.graph import Interval, Node, Requantizing
from dsplet.quantize.fixed.kernel import Add, Max, Mul, Set, Store
from dsplet.quantize.fixed.ops.op import op, span
from dsplet.quantize.fixed.statement import Ref


@dataclass(frozen=True, eq=False)
class _Window(Node):
    window: tuple[int, ...]
    strides: tuple[int, ...]

    def check(self) -> None:
        c, *spatial = self.inputs[0].shape
        if len(spatial) != len(self.window):
            raise ValueError(f"{self.op} '{self.name}': window {self.window} over {spatial}")
        self.expect_shape((c, *((n - k) // s + 1 for n, k, s in
                                zip(spatial, self.window, self.strides, strict=True))))

    @property
    def taps(self) -> int:
        return int(np.prod(self.window))

    def windows(self, x: IntArray) -> IntArray:
        """(batch, C, *output, *window)."""
        v = np.lib.stride_tricks.sliding_window_view(x, self.window, tuple(range(2, x.ndim)))
        return v[(slice(None), slice(None), *(slice(None, None, s) for s in self.strides))]

    def kernel(self, k: Builder) -> None:
        x, y = k[self.inputs[0]], k[self.output]
        with k.loops(*self.output.shape) as (c, *at):
            corner = [p * s for p, s in zip(at, self.strides, strict=True)]
            self.begin(k, x[(c, *corner)])
            with k.loops(*self.window) as t:
                self.take(k, x[(c, *(p + u for p, u in zip(corner, t, strict=True)))])
            self.end(k)
            k.emit(Store(y[(c, *at)], "acc"))

    def begin(self, k: Builder, first: Ref) -> None:
        """Write what comes before the window; first: its first element."""
        raise TypeError(f"{self.op} has no kernel")

    def take(self, k: Builder, tap: Ref) -> None:
        """Write what is done with an element of the window."""
        raise TypeError(f"{self.op} has no kernel")

    def end(self, k: Builder) -> None:
        """Write what comes after the window; the result is in the register "acc"."""

    def attributes(self) -> dict[str, Any]:
        return {"kernel_shape": self.window, "strides": self.strides}


@op
class MaxPool(_Window):
    """y[c, p] = max over t of x[c, p*stride + t]; the format does not change."""

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
        return b.node("MaxPool", x, **self.attributes())

    qdq = integer_onnx


@op
class AveragePool(_Window, Requantizing):
    """y[c, p] = requantize(factor * sum over t of x[c, p*stride + t]).

    factor * 2**-factor_frac stands for 1/taps: exact where taps is a power of two, else of 16 bits,
    or of as many as the accumulator's 31 bits leave.
    """

    @property
    def factor_frac(self) -> int:
        exact = self.taps.bit_length() - 1
        if self.taps == 1 << exact:
            return exact
        fmt = self.inputs[0].format
        largest = max(-fmt.min, fmt.max) * self.taps
        return min(exact + 16, exact + 30 - largest.bit_length())

    @property
    def factor(self) -> int:
        return ((2 << self.factor_frac) + self.taps) // (2 * self.taps)

    @property
    def acc_frac(self) -> IntArray:
        return np.array([self.inputs[0].format.frac + self.factor_frac])

    def accumulate(self, x: IntArray) -> IntArray:
        y: IntArray = self.windows(x).sum(tuple(range(-len(self.window), 0))) * self.factor
        return y

    def accumulators(self) -> list[Interval]:
        fmt, scale = self.inputs[0].format, self.taps * self.factor
        return [Interval(min(fmt.min * scale, 0), fmt.max * scale + half_step(int(self.shift[0])))]

    def begin(self, k: Builder, first: Ref) -> None:
        k.emit(Set("acc", 0))

    def take(self, k: Builder, tap: Ref) -> None:
        k.emit(Add("acc", tap))

    def end(self, k: Builder) -> None:
        if self.factor != 1:
            k.emit(Mul("acc", self.factor))
        k.requantize("acc", self, span(self.accumulators()[0]))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        ones = np.ones((self.inputs[0].shape[0], 1, *self.window), np.float32)
        total = b.node("Conv", x, b.const(ones), strides=self.strides, group=len(ones))
        if b.wide(self):
            total = b.double(total)
        return b.requantize(b.scale(total, float(self.factor)), self)
