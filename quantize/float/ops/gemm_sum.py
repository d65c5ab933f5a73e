"""GemmSum: several fully connected layers into one exact accumulator, as gates need them. ONNX has
none: `quantize.float.passes` makes it of sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum as FixedGemmSum
from dsplet.quantize.float.node import Maker, NoReal, Shape, Weighted, op
from dsplet.quantize.float.ops.gemm import absorbed, check_columns
from dsplet.quantize.float.writing import Writing


@op
class GemmSum(NoReal, Weighted):
    """A Gemm of its inputs side by side. weight: (M, sum of K). bias: (M,)."""

    arity = None

    def check(self) -> None:
        check_columns(self)

    def output_shape(self, xs: list[Shape]) -> Shape:
        return (*xs[0][:-1], len(self.weight))

    def absorbing(self, scale: np.ndarray, offset: np.ndarray, y: Shape) -> Self | None:
        found = absorbed(self, scale, offset, y)
        return found and replace(self, **found)

    def onnx(self, w: Writing) -> str:
        y = w.emit("Concat", *self.inputs, axis=-1)
        y = w.emit("MatMul", y, w.const(self.weight.T))
        return w.emit("Add", y, w.const(self.bias))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedGemmSum(self.name, x, y, *make.sums(self, x, y), clamp=make.clamp(self, y))
