"""MatMul: the product of two values; with a constant on the right it is a Gemm."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.matmul import MatMul as FixedMatMul
from dsplet.quantize.float.node import Clampable, Maker, Reads, Shape, op
from dsplet.quantize.float.ops.gemm import Gemm
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class MatMul(Clampable):
    """(*lead, n, k) by (*lead, k, m)."""

    arity = 2
    reads = Reads.PRODUCT

    def output_shape(self, xs: list[Shape]) -> Shape:
        return (*xs[0][:-1], xs[1][-1])

    def onnx(self, w: Writing) -> str:
        return w.emit("MatMul", *self.inputs)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedMatMul(self.name, x, y, clamp=make.clamp(self, y))


@reads("MatMul")
def matmul(r: Reading) -> None:
    if r.is_const(0):
        r.refuse("a constant on the left is not supported; transpose the product so that the "
                 "weights stand on the right")
    if r.is_const(1):
        weight = r.real(1)
        while weight.ndim > 2 and weight.shape[0] == 1:
            weight = weight[0]
        if weight.ndim != 2:
            r.refuse(f"the weights have shape {weight.shape}; expected two axes")
        r.give(Gemm, r.value(), weight=weight.T, bias=np.zeros(weight.shape[1]))
        return
    a, b = r.shape(0), r.shape(1)
    if len(a) != len(b) or len(a) < 2 or a[:-2] != b[:-2]:
        r.refuse(f"the product of two activations needs equal leading axes; got {a} and {b} "
                 "without the batch")
    r.give(MatMul, r.value(0), r.value(1))
