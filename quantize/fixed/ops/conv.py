"""Conv: 1-D, 2-D and 3-D cross-correlation with stride, dilation and groups. Padding is a Pad node.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords, Words
from dsplet.quantize.fixed.graph import Interval, Requantizing, Weight
from dsplet.quantize.fixed.kernel import Mac, Set, Store
from dsplet.quantize.fixed.ops.op import (
    check_axes,
    check_positive,
    op,
    span,
    weighted_interval,
)


@op
class Conv(Requantizing):
    """y[c, p] = requantize(bias[c, p] + sum(weight[c, i, t] * x[i, p*stride + t*dilation])).

    The sum is over input channels i of the group and taps t.
    x: (C_in, *spatial), or several of one format whose channels follow each other (one group).
    weight: (C_out, C_in / groups, *kernel).
    bias: integers at the accumulator's step: (C_out, 1, ..) per channel, (C_out, *spatial) per
    unit.
    """

    weight: Weight
    bias: IntArray
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int = 1

    def check(self) -> None:
        check_axes(self, 2)
        x, w = self.inputs[0].shape, self.weight.q.shape
        if len(self.inputs) > 1:
            x = sum(v.shape[0] for v in self.inputs), *x[1:]
            if self.groups > 1 or len({(v.format, v.shape[1:]) for v in self.inputs}) > 1:
                raise ValueError(f"Conv '{self.name}': several inputs must have one format, one "
                                 "plane size and one group")
        if len(w) != len(x) + 1 or len(x) not in (2, 3, 4):
            raise ValueError(f"Conv '{self.name}' needs a 1-D, 2-D or 3-D input with channels, got "
                             f"{x}")
        check_positive(self, groups=(self.groups,))
        if x[0] != w[1] * self.groups or w[0] % self.groups:
            raise ValueError(f"Conv '{self.name}': {x[0]} channels do not fit weights {w} "
                             f"in {self.groups} groups")
        if {len(self.strides), len(self.dilations)} != {len(x) - 1}:
            raise ValueError(f"Conv '{self.name}': strides {self.strides} and dilations "
                             f"{self.dilations} over {x[1:]}")
        check_positive(self, strides=self.strides, dilations=self.dilations)
        spatial = tuple((n - (k - 1) * d - 1) // s + 1 for n, k, s, d in
                        zip(x[1:], w[2:], self.strides, self.dilations, strict=True))
        self.expect_shape((w[0], *spatial))
        if self.bias.shape not in ((w[0], *(1,) * len(spatial)), self.output.shape):
            raise ValueError(f"Conv '{self.name}': bias has shape {self.bias.shape}")

    @property
    def acc_frac(self) -> IntArray:
        return self.inputs[0].format.frac + self.weight.frac

    @property
    def macs(self) -> int:
        return self.output.size * int(np.prod(self.weight.q.shape[1:]))

    @property
    def aligned_shift(self) -> IntArray:
        return self.shift.reshape(-1, *(1,) * (len(self.output.shape) - 1))

    def accumulate(self, *xs: IntArray) -> IntArray:
        x = np.concatenate(xs, 1)
        w, axes = self.weight.q.astype(np.int64), tuple(range(2, x.ndim))
        window = tuple((k - 1) * d + 1 for k, d in zip(w.shape[2:], self.dilations, strict=True))
        v = np.lib.stride_tricks.sliding_window_view(x, window, axes)
        steps: Any = (slice(None, None, s) for s in (*self.strides, *self.dilations))
        v = v[(..., *steps)]
        per = w.shape[0] // self.groups
        channels = []
        for g in range(self.groups):
            xg = v[:, g * w.shape[1]:(g + 1) * w.shape[1]]
            wg = w[g * per:(g + 1) * per]
            taps = tuple(range(xg.ndim - len(axes), xg.ndim))
            channels.append(np.moveaxis(
                np.tensordot(xg, wg, ((1, *taps), tuple(range(1, wg.ndim)))), -1, 1))
        return np.concatenate(channels, 1) + self.bias

    def accumulators(self) -> list[Interval]:
        n = self.output.shape[0]
        bias = np.broadcast_to(self.bias, (n, *self.bias.shape[1:])).reshape(n, -1)
        return [weighted_interval(self.shift, bias, (
            self.inputs[0], self.weight.q.reshape(n, -1).astype(np.int64)))]

    def kernel(self, k: Builder) -> None:
        y, first = k[self.output], [0, *np.cumsum([v.shape[0] for v in self.inputs]).tolist()]
        w, b = k.const("weight", self.weight.q), k.const("bias", self.bias)
        out, per_group, *taps = self.weight.q.shape
        with k.loops(self.groups, out // self.groups) as (g, o):
            c = g * (out // self.groups) + o
            with k.loops(*self.output.shape[1:]) as at:
                unit = [i if n > 1 else 0 for i, n in zip(at, self.bias.shape[1:], strict=True)]
                k.emit(Set("acc", b[(c, *unit)]))
                for x, j in zip(self.inputs, first, strict=False):
                    with k.loops(x.shape[0] // self.groups, *taps) as (i, *t):
                        place = [p * s + u * d for p, s, u, d in
                                 zip(at, self.strides, t, self.dilations, strict=True)]
                        k.emit(Mac("acc", k[x][(g * per_group + i, *place)], w[(c, i + j, *t)]))
                k.requantize("acc", self, span(self.accumulators()[0]), c)
                k.emit(Store(y[(c, *at)], "acc"))

    def _attributes(self) -> dict[str, Any]:
        return {"strides": self.strides, "dilations": self.dilations, "group": self.groups}

    def integer_onnx(self, b: Emitter, *xs: str) -> str:
        return b.weighted("Conv", self, _joined(b, xs), self.weight.q, self.bias,
                          **self._attributes())

    def qdq(self, b: RealWords, *xs: str) -> str:
        return b.affine("Conv", self, _joined(b, xs), **self._attributes())


def _joined(b: Words, xs: tuple[str, ...]) -> str:
    return xs[0] if len(xs) == 1 else b.node("Concat", *xs, axis=1)
