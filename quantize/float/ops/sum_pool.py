"""SumPool: the sum of a window. ONNX has none: sums over axes, norms and LpPool are made of it."""

from __future__ import annotations

from math import prod

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.sum_pool import SumPool as FixedSumPool
from dsplet.quantize.float.node import Clampable, Maker, op
from dsplet.quantize.float.ops.pool import Pool
from dsplet.quantize.float.writing import Writing


@op
class SumPool(Pool, Clampable):
    """The sum of the window."""

    def onnx(self, w: Writing) -> str:
        mean = w.emit("AveragePool", *self.inputs, kernel_shape=self.window, strides=self.strides,
                      dilations=self.spacing)
        return w.emit("Mul", mean, w.const(prod(self.window)))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedSumPool(self.name, x, y, self.window, self.strides, dilations=self.dilations,
                            clamp=make.clamp(self, y))
