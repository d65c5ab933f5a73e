"""Softmax and LogSoftmax over the last axis: a table of exp, a sum, a division or a log."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, divide, half_step, requantize
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.curve import Curve, spacing_log2
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import RARE, Interval, Requantizing, Value
from dsplet.quantize.fixed.kernel import Add, Divide, Max, Requantize, Set, Storage, Store
from dsplet.quantize.fixed.ops.op import check_alignment, check_axes, op, span
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.fixed.statement import Affine

EXP_FRAC = 14
"""exp(x - max) is held as an integer of at most 2**14, which stands for 1."""
LOG_FRAC = 12
"""The log of the sum is held at a step of 2**-12,"""
LARGEST_LOG = 1 << 15
"""and is at most 8."""
WIDE, REACH = 128.0, 16.0
"""In nats: where differences reach further than the first, straight lines between the nodes of a
table of all of them would be too long; one of the second is enough, below which exp is 0 at its
step."""


@dataclass(frozen=True, eq=False)
class _Exponential(Requantizing):
    """Both begin alike: e = exp(x - max(x)) by a table over the difference, and its sum.

    exp_table: `Curve` nodes over the differences lowest..0. lowest: larger ones are taken for that;
    None: the largest that there can be, -(2**bits - 1).
    """

    exp_table: IntArray
    lowest: int | None = field(default=None, kw_only=True, metadata=RARE)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the result."""
        return self.inputs[0].shape

    def check(self) -> None:
        check_axes(self)
        self.expect_shape(self.shape)
        if self.inputs[0].shape[-1] > 512:
            raise ValueError(f"{self.op} '{self.name}': at most 512 classes keep the sum exact")
        fmt, curve = self.inputs[0].format, self.exp_curve
        if self.lowest is not None and not fmt.min - fmt.max <= self.lowest < 0:
            raise ValueError(f"{self.op} '{self.name}': lowest is {self.lowest}; expected "
                             f"{fmt.min - fmt.max} to -1")
        curve.check(f"{self.op} '{self.name}': exp_table", 0, 1 << EXP_FRAC, 0)
        if requantize(curve(np.array([0])), curve.step_log2, 0, 1 << EXP_FRAC)[0] < 1:
            raise ValueError(f"{self.op} '{self.name}': exp_table gives 0 for exp(0), by which "
                             "would be divided; expected at least 1")

    def accumulators(self) -> list[Interval]:
        """Of what the result is computed from, which an op puts first; this is exp's."""
        return [self.exp_curve.partial]

    @staticmethod
    def _lowest(fmt: QFormat) -> int | None:
        return -math.ceil(REACH / fmt.step) if (fmt.max - fmt.min) * fmt.step > WIDE else None

    @classmethod
    def _exp_curve(cls, fmt: QFormat) -> Curve:
        lowest = cls._lowest(fmt) or -(fmt.max - fmt.min)
        return Curve.sample(np.exp, lowest, 0, fmt.frac, EXP_FRAC, (0, 1 << EXP_FRAC))

    @property
    def exp_curve(self) -> Curve:
        fmt = self.inputs[0].format
        lowest = self.lowest or -(fmt.max - fmt.min)
        return Curve(lowest, spacing_log2(lowest, 0), self.exp_table)

    def exponentials(self, x: IntArray) -> tuple[IntArray, IntArray]:
        """x - max, and e."""
        d = x - x.max(-1, keepdims=True)
        curve = self.exp_curve
        return d, requantize(curve(np.maximum(d, curve.first)), curve.step_log2, 0, 1 << EXP_FRAC)

    def exp_kernel(self, k: Builder, x: Storage, at: tuple[Affine, ...]) -> tuple[Storage, Storage]:
        """Statements that leave max(x) and sum(e) in cells[0] and cells[1], e in a buffer."""
        n, fmt, curve = self.inputs[0].shape[-1], self.inputs[0].format, self.exp_curve
        cells = k.temp("cells", 2, fmt.min, max(fmt.max, n << EXP_FRAC))
        e = k.temp("exp", n, 0, 1 << EXP_FRAC)
        k.emit(Set("d", x[(*at, 0)]))
        with k.loop(n) as i:
            k.emit(Max("d", x[(*at, i)]))
        k.emit(Store(cells[0], "d"))
        with k.loop(n) as i:
            k.emit(Set("d", x[(*at, i)]), Add("d", cells[0], negate=True))
            if self.lowest:
                k.emit(Max("d", self.lowest))
            curve.emit(k, "d", "exp_table")
            if curve.step_log2:
                k.emit(Requantize("d", (curve.step_log2,), Affine(), 0, 1 << EXP_FRAC, curve.span))
            k.emit(Store(e[i], "d"))
        k.emit(Set("d", 0))
        with k.loop(n) as i:
            k.emit(Add("d", e[i]))
        k.emit(Store(cells[1], "d"))
        return cells, e

    def exp_carrier(self, b: Emitter, x: str) -> tuple[str, str, str, str]:
        """max(x), x - max(x), e and sum(e)."""
        curve = self.exp_curve
        top = b.node("ReduceMax", x, b.const(np.array([-1], np.int64)), keepdims=1)
        d = b.node("Sub", x, top)
        e = curve.integer_onnx(b, b.node("Max", d, b.const(np.float32(curve.first)))
                               if self.lowest else d)
        if curve.step_log2:
            e = b.shift_round(e, curve.step_log2, 0, 1 << EXP_FRAC)
        e = b.double(e)
        total = b.node("ReduceSum", e, b.const(np.array([-1], np.int64)), keepdims=1)
        return top, d, e, total


@op
class Softmax(_Exponential):
    """y = clamp(e * 2**frac / sum(e)), rounded half up."""

    @classmethod
    def of(cls, name: str, x: Value, y: Value, clamp: tuple[int, int] | None = None) -> Softmax:
        return cls(name, (x,), y, cls._exp_curve(x.format).table, lowest=cls._lowest(x.format),
                   clamp=clamp)

    def check(self) -> None:
        super().check()
        if not 0 <= self.output.format.frac <= 15:
            raise ValueError(f"Softmax '{self.name}': the output's frac must be 0..15")

    @property
    def acc_frac(self) -> IntArray:
        return np.array([self.output.format.frac])

    def reference(self, x: IntArray) -> IntArray:
        e = self.exponentials(x)[1]
        y = divide(e << self.output.format.frac, e.sum(-1, keepdims=True))
        return requantize(y, 0, *self.limits)

    def accumulators(self) -> list[Interval]:
        n = self.inputs[0].shape[-1]
        return [Interval(0, (2 << EXP_FRAC + self.output.format.frac) + (n << EXP_FRAC)),
                *super().accumulators()]

    def kernel(self, k: Builder) -> None:
        x, y, frac = k[self.inputs[0]], k[self.output], self.output.format.frac
        *lead, n = self.output.shape
        with k.loops(*lead) as at:
            cells, e = self.exp_kernel(k, x, at)
            with k.loop(n) as i:
                k.emit(Set("d", 0), Add("d", e[i], frac))
                k.emit(Divide("d", cells[1], (1 << frac, n << EXP_FRAC)))
                k.requantize("d", self, (0, 1 << frac))
                k.emit(Store(y[(*at, i)], "d"))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        *_, e, total = self.exp_carrier(b, x)
        numerator = b.scale(e, 2.0 ** (self.output.format.frac + 1))
        y = b.node("Add", numerator, total)
        denominator = b.scale(total, 2.0)
        # the quotient in double precision is within 2**-35 of the true one, whose distance from
        # the next integer above is at least 1 / denominator > 2**-24: its floor is exact
        y = b.node("Floor", b.node("Div", y, denominator))
        return b.clip(b.single(y), *self.limits)


@dataclass(frozen=True, eq=False)
class Logarithmic(_Exponential):
    """The sum's logarithm, beside x at the finer of their two steps.

    log_table: `Curve` nodes of the natural log over sum(e) = 2**14 .. n * 2**14, frac 12.
    """

    log_table: IntArray

    @classmethod
    def of(cls, name: str, x: Value, y: Value, clamp: tuple[int, int] | None = None) -> Logarithmic:
        exp, log = cls._exp_curve(x.format), cls._log_curve(x.shape[-1])
        return cls(name, (x,), y, exp.table, log.table, lowest=cls._lowest(x.format), clamp=clamp)

    @staticmethod
    def _log_curve(n: int) -> Curve:
        return Curve.sample(np.log, 1 << EXP_FRAC, max(n, 2) << EXP_FRAC, EXP_FRAC, LOG_FRAC,
                            (0, LARGEST_LOG))

    @property
    def log_curve(self) -> Curve:
        return Curve(1 << EXP_FRAC, spacing_log2(1 << EXP_FRAC, self._largest_sum),
                     self.log_table)

    @property
    def _largest_sum(self) -> int:
        return max(self.inputs[0].shape[-1], 2) << EXP_FRAC

    def check(self) -> None:
        super().check()
        self.log_curve.check(f"{self.op} '{self.name}': log_table", 0, LARGEST_LOG,
                             self._largest_sum)
        check_alignment(self, *self.alignment)

    @property
    def acc_frac(self) -> IntArray:
        return np.array([max(self.inputs[0].format.frac, LOG_FRAC)])

    @property
    def alignment(self) -> tuple[int, int]:
        """Left shifts of x and of the logarithm."""
        frac = int(self.acc_frac[0])
        return frac - self.inputs[0].format.frac, frac - LOG_FRAC

    def accumulators(self) -> list[Interval]:
        low, high = self.log_curve.span
        return [Interval(min(low, 0), 2 * high), *super().accumulators()]

    def logarithm(self, e: IntArray) -> IntArray:
        """log(sum(e)), the last axis kept."""
        curve = self.log_curve
        total = np.maximum(e.sum(-1, keepdims=True), curve.first)
        return requantize(curve(total), curve.step_log2, 0, LARGEST_LOG)

    def log_kernel(self, k: Builder, cells: Storage) -> None:
        """Statements that replace the sum in cells[1] by its logarithm."""
        curve = self.log_curve
        k.emit(Set("d", cells[1]), Max("d", curve.first))  # exp(0) may interpolate below 1
        curve.emit(k, "d", "log_table")
        k.emit(Requantize("d", (curve.step_log2,), Affine(), 0, LARGEST_LOG, curve.span),
               Store(cells[1], "d"))

    def log_carrier(self, b: Emitter, total: str) -> str:
        curve = self.log_curve
        total = b.node("Max", b.single(total), b.const(np.float32(curve.first)))
        return b.shift_round(curve.integer_onnx(b, total), curve.step_log2, 0, LARGEST_LOG)


@op
class LogSoftmax(Logarithmic):
    """y = requantize((x - max) - log(sum(e))), both at the finer of the two steps."""

    def reference(self, x: IntArray) -> IntArray:
        d, e = self.exponentials(x)
        i, j = self.alignment
        return requantize((d << i) - (self.logarithm(e) << j), self.shift, *self.limits)

    def accumulators(self) -> list[Interval]:
        fmt, (i, j) = self.inputs[0].format, self.alignment
        lowest = -((fmt.max - fmt.min) << i) - (LARGEST_LOG << j)
        return [Interval(lowest, half_step(int(self.shift[0]))), *super().accumulators()]

    def kernel(self, k: Builder) -> None:
        x, y = k[self.inputs[0]], k[self.output]
        i_shift, j_shift = self.alignment
        *lead, n = self.output.shape
        with k.loops(*lead) as at:
            cells, _ = self.exp_kernel(k, x, at)
            self.log_kernel(k, cells)
            with k.loop(n) as i:
                k.emit(Set("d", x[(*at, i)]), Add("d", cells[0], negate=True))
                if i_shift:  # d <<= i_shift
                    k.emit(Set("r", 0), Add("r", "d", i_shift), Set("d", "r"))
                k.emit(Add("d", cells[1], j_shift, negate=True))
                k.requantize("d", self, span(self.accumulators()[0]))
                k.emit(Store(y[(*at, i)], "d"))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        _, d, _, total = self.exp_carrier(b, x)
        i, j = self.alignment
        log = self.log_carrier(b, total)
        acc = b.node("Sub", b.double(b.scale(d, 2.0**i)), b.double(b.scale(log, 2.0**j)))
        return b.requantize(acc, self)
