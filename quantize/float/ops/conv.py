"""Conv: 1-D, 2-D and 3-D, strided, dilated, in groups. Padding is Pad's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.conv import Conv as FixedConv
from dsplet.quantize.float.broadcast import per_channel
from dsplet.quantize.float.node import Layer, Maker, Shape, Weighted, op
from dsplet.quantize.float.ops.window import explicit_pads, padded, places, spatial_window
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@dataclass(frozen=True, eq=False)
class Filters(Weighted):
    """weight: (C_out, C_in/groups, *window). bias: (C_out or 1, 1.. or *places)."""

    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int

    def check(self) -> None:
        axes = self.weight.ndim - 2
        if axes not in (1, 2, 3) or len(self.strides) != axes or len(self.dilations) != axes:
            self.refuse(f"weights {self.weight.shape}, strides {self.strides} and dilations "
                        f"{self.dilations} do not fit together")
        if self.bias.ndim != axes + 1 or len(self.bias) not in (1, len(self.weight)):
            self.refuse(f"a bias of shape {self.bias.shape} does not fit weights "
                        f"{self.weight.shape}")
        if self.groups < 1 or len(self.weight) % self.groups:
            self.refuse(f"{len(self.weight)} channels cannot be in {self.groups} groups")

    def absorbing(self, scale: np.ndarray, offset: np.ndarray, y: Shape) -> Self | None:
        factor = per_channel(scale, y)
        if factor is None:
            return None
        columns = factor.reshape(-1, *(1,) * (len(y) - 1))
        return replace(self, weight=self.weight * columns[..., None],
                       bias=self.bias * columns + offset)


@op
class Conv(Filters, Layer):
    """Each filter at every place of its window in the input."""

    channel_axis = 0

    @property
    def group_count(self) -> int:
        return self.groups

    def output_shape(self, xs: list[Shape]) -> Shape:
        w = self.weight.shape
        if len(xs[0]) != len(w) - 1 or xs[0][0] != w[1] * self.groups:
            self.refuse(f"an input of shape {xs[0]} (of one sample) does not fit weights {w} in "
                        f"{self.groups} groups")
        return (w[0], *places(xs[0][1:], w[2:], self.strides, self.dilations))

    def windows(self, x: np.ndarray, group: int) -> np.ndarray:
        fan_in, taps = self.weight.shape[1], self.weight.shape[2:]
        axes = tuple(range(2, x.ndim))
        window = tuple((k - 1) * d + 1 for k, d in zip(taps, self.dilations, strict=True))
        x = x[:, group * fan_in:(group + 1) * fan_in]
        v = np.lib.stride_tricks.sliding_window_view(x, window, axes)
        every = [slice(None, None, s) for s in (*self.strides, *self.dilations)]
        return np.moveaxis(v[(slice(None), slice(None), *every)], 1, len(axes) + 1)

    def spread_bias(self, y: Shape) -> np.ndarray:
        flat = self.bias.shape[1:] == (1,) * (len(y) - 1)
        return np.broadcast_to(self.bias, (y[0], *self.bias.shape[1:]) if flat else y)

    def onnx(self, w: Writing) -> str:
        y = w.emit("Conv", *self.inputs, w.const(self.weight), strides=self.strides,
                   dilations=self.dilations, group=self.groups)
        return w.emit("Add", y, w.const(self.bias))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        clamp = make.clamp(self, y)
        return FixedConv(self.name, x, y, *make.weights(self, x[0], y, clamp), self.strides,
                         self.dilations, self.groups, clamp=clamp)


@reads("Conv")
def conv(r: Reading) -> None:
    weight = r.real(1, "the weights")
    window = list(weight.shape[2:])
    strides, dilations = spatial_window(r, window)
    x = padded(r, *explicit_pads(r, window, strides, dilations), 0.0)
    bias = r.real(2, "the bias") if r.has(2) else np.zeros(len(weight))
    r.give(Conv, x, weight=weight, bias=bias.reshape(-1, *(1,) * len(window)),
           strides=tuple(strides), dilations=tuple(dilations), groups=r.attr("group", 1))
