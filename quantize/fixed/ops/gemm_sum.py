"""GemmSum: several fully connected layers into one exact accumulator, as gates need them."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.graph import Interval, Requantizing, Weight
from dsplet.quantize.fixed.kernel import Mac, Set, Store
from dsplet.quantize.fixed.ops.op import (
    check_alignment,
    check_axes,
    check_lengths,
    op,
    span,
    weighted_interval,
)

SPARE_BITS = 15
"""Weights have so many already when they are shifted: 32 bits hold them then, too."""


@op
class GemmSum(Requantizing):
    """y[.., m] = requantize(bias[m] + sum over j, i of (weights[j][m, i] << a[j, m]) * x_j[.., i]).

    x_j: (*lead, K_j). weights[j]: (M, K_j). The shifts a bring every product to the finest step
    among them, channel by channel. bias: (M,) integers at that step. y: (*lead, M).
    """

    weights: tuple[Weight, ...]
    bias: IntArray

    def check(self) -> None:
        check_axes(self)
        check_lengths(self, len(self.inputs), weights=self.weights)
        lead = self.inputs[0].shape[:-1]
        for x, w in zip(self.inputs, self.weights, strict=True):
            if w.q.ndim != 2 or x.shape != (*lead, w.q.shape[1]):
                raise ValueError(f"GemmSum '{self.name}': an input {x.shape} does not fit weights "
                                 f"{w.q.shape} and leading axes {lead}")
            if w.q.shape[:1] != self.bias.shape:
                raise ValueError(f"GemmSum '{self.name}': weights {w.q.shape} do not fit a bias of "
                                 f"shape {self.bias.shape}")
        self.expect_shape((*lead, len(self.bias)))
        check_alignment(self, int((self._fracs.max(0) - self._fracs).max()) + SPARE_BITS)

    @property
    def _fracs(self) -> IntArray:
        """frac of each product: (inputs, M)."""
        return np.stack([np.broadcast_to(x.format.frac + w.frac, self.bias.shape)
                         for x, w in zip(self.inputs, self.weights, strict=True)])

    @property
    def acc_frac(self) -> IntArray:
        frac: IntArray = self._fracs.max(0)
        return frac[:1] if (frac == frac[0]).all() else frac

    @property
    def aligned(self) -> list[IntArray]:
        """The weights at the accumulator's step, int64."""
        return [w.q.astype(np.int64) << (self.acc_frac - f)[:, None]
                for w, f in zip(self.weights, self._fracs, strict=True)]

    @property
    def macs(self) -> int:
        return self.output.size * sum(int(w.q.shape[1]) for w in self.weights)

    def accumulate(self, *xs: IntArray) -> IntArray:
        y: IntArray = sum(x @ w.T for x, w in zip(xs, self.aligned, strict=True)) + self.bias
        return y

    def accumulators(self) -> list[Interval]:
        return [weighted_interval(self.shift, self.bias[:, None],
                                  *zip(self.inputs, self.aligned, strict=True))]

    def kernel(self, k: Builder) -> None:
        y, b = k[self.output], k.const("bias", self.bias)
        terms = [(k[x], k.const(f"weight{j}", w)) for j, (x, w) in
                 enumerate(zip(self.inputs, self.aligned, strict=True))]
        with k.loops(*self.output.shape[:-1]) as at, k.loop(len(self.bias)) as o:
            k.emit(Set("acc", b[o]))
            for x, w in terms:
                with k.loop(w.strides[0]) as i:
                    k.emit(Mac("acc", x[(*at, i)], w[o, i]))
            k.requantize("acc", self, span(self.accumulators()[0]), o)
            k.emit(Store(y[(*at, o)], "acc"))

    def integer_onnx(self, b: Emitter, *xs: str) -> str:
        x = b.node("Concat", *xs, axis=-1)
        return b.weighted("Gemm", self, x, np.concatenate(self.aligned, 1), self.bias)

    def qdq(self, b: RealWords, *xs: str) -> str | None:
        if len(self.output.shape) > 1:
            return None
        terms = [b.term(self, j, x) for j, x in enumerate(xs)]
        total = terms[0]
        for term in terms[1:]:
            total = b.node("Add", total, term)
        return b.add_bias(self, total)
