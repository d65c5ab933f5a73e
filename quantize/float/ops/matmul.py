"""MatMul: the product of two values."""

from __future__ import annotations

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.matmul import MatMul as FixedMatMul
from dsplet.quantize.float.broadcast import broadcast_shape
from dsplet.quantize.float.node import Clampable, Maker, Reads, Shape, op
from dsplet.quantize.float.writing import Writing


@op
class MatMul(Clampable):
    """(*lead, n, k) by (*lead, k, m); leading axes broadcast."""

    arity = 2
    reads = Reads.PRODUCT

    def output_shape(self, xs: list[Shape]) -> Shape:
        a, b = xs
        return (*broadcast_shape(a[:-2], b[:-2]), a[-2], b[-1])

    def onnx(self, w: Writing) -> str:
        return w.emit("MatMul", *self.inputs)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedMatMul(self.name, x, y, clamp=make.clamp(self, y))
