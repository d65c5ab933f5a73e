"""Gemm: a fully connected layer, along the last axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.gemm import Gemm as FixedGemm
from dsplet.quantize.float.broadcast import full, per_channel
from dsplet.quantize.float.node import Layer, Maker, Shape, Weighted, op
from dsplet.quantize.float.writing import Writing


@dataclass(frozen=True, eq=False)
class Columns(Weighted):
    """weight: (M, K). bias: (M,). It acts on the last axis."""

    def check(self) -> None:
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            self.refuse(f"weights {self.weight.shape} and a bias of shape {self.bias.shape} do not "
                        "fit together")

    def output_shape(self, xs: list[Shape]) -> Shape:
        return (*xs[0][:-1], len(self.weight))

    def absorbing(self, scale: np.ndarray, offset: np.ndarray, y: Shape) -> Self | None:
        factor, shift = (per_channel(full(a, y).T, y[::-1]) for a in (scale, offset))
        if factor is None or shift is None:
            return None
        return replace(self, weight=self.weight * factor[:, None], bias=self.bias * factor + shift)


@op
class Gemm(Columns, Layer):
    """y = weight x + bias."""

    channel_axis = -1

    def windows(self, x: np.ndarray, group: int) -> np.ndarray:
        return x

    def spread_bias(self, y: Shape) -> np.ndarray:
        return self.bias

    def onnx(self, w: Writing) -> str:
        y = w.emit("MatMul", *self.inputs, w.const(self.weight.T))
        return w.emit("Add", y, w.const(self.bias))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        clamp = make.clamp(self, y)
        return FixedGemm(self.name, x, y, *make.weights(self, x[0], y, clamp), clamp=clamp)
