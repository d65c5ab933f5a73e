"""GemmSum: several fully connected layers into one exact accumulator, as gates need them. ONNX has
none: `quantize.float.passes` makes it of sums."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum as FixedGemmSum
from dsplet.quantize.float.node import Maker, Shape, op
from dsplet.quantize.float.ops.gemm import Columns
from dsplet.quantize.float.writing import Writing


@op
class GemmSum(Columns):
    """A Gemm of its inputs side by side, K being the sum of theirs."""

    arity = None

    def onnx(self, w: Writing) -> str:
        y = w.emit("Concat", *self.inputs, axis=-1)
        y = w.emit("MatMul", y, w.const(self.weight.T))
        return w.emit("Add", y, w.const(self.bias))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedGemmSum(self.name, x, y, *make.sums(self, x, y), clamp=make.clamp(self, y))

    def constants(self, xs: list[Shape], y: Shape) -> dict[str, np.ndarray]:
        parts = np.split(self.weight, np.cumsum([x[-1] for x in xs])[:-1], 1)
        return {"bias": self.bias} | {f"weight{j}": part for j, part in enumerate(parts)}
