"""LogSumExp: the logarithm of a sum of exponentials."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.logsumexp import LogSumExp as FixedLogSumExp
from dsplet.quantize.float.node import Computing, Maker, NoReal, Shape, op
from dsplet.quantize.float.writing import Writing


@op
class LogSumExp(NoReal, Computing):
    """Over the last axis, which goes."""

    def output_shape(self, xs: list[Shape]) -> Shape:
        return xs[0][:-1]

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs)

    def onnx(self, w: Writing) -> str:
        return w.emit("ReduceLogSumExp", *self.inputs, w.const([-1], np.int64), keepdims=0)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedLogSumExp.of(self.name, x[0], y)
