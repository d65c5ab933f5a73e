"""Interleave: several values of one shape, as phases of a larger one; DepthToSpace and its like."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.movement import Interleave as FixedInterleave
from dsplet.quantize.float.node import Maker, Moving, Shape, op
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class Interleave(Moving):
    """y[m * factors + j] = inputs[j][m]: one input for each phase j below `factors`, which has a
    number for each axis; the last axis' phase runs fastest."""

    factors: tuple[int, ...]

    arity = None

    def check(self) -> None:
        if len(self.inputs) != np.prod(self.factors):
            self.refuse(f"{len(self.inputs)} inputs are not the phases of {self.factors}")

    def output_shape(self, xs: list[Shape]) -> Shape:
        return tuple(n * f for n, f in zip(xs[0], self.factors, strict=True))

    def idle(self, x: Shape, y: Shape) -> bool:
        return len(self.inputs) == 1

    def onnx(self, w: Writing) -> str:
        shape, rank = w.shapes[self.inputs[0]], len(self.factors)
        y = w.emit("Concat", *self.inputs, axis=1)
        y = w.emit("Reshape", y, w.const([-1, *self.factors, *shape], np.int64))
        y = w.emit("Transpose", y, perm=(0, *(a for i in range(rank) for a in
                                              (1 + rank + i, 1 + i))))
        return w.emit("Reshape", y, w.const([-1, *self.output_shape([shape])], np.int64))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedInterleave(self.name, x, y, self.factors)


@reads("DepthToSpace")
def depth_to_space(r: Reading) -> None:
    c, h, w = _planes(r)
    b, columns = r.attr("blocksize"), r.attr("mode", "DCR") == "CRD"
    if c % (b * b):
        r.refuse(f"{c} channels are no multiple of {b} * {b}")
    apart, perm = ((c // (b * b), b, b, h, w), (0, 3, 1, 4, 2)) if columns else (
        (b, b, c // (b * b), h, w), (2, 3, 0, 4, 1))
    y = r.emit(Transpose, r.emit(Reshape, r.value(), shape=apart), perm=perm)
    r.give(Reshape, y, shape=(c // (b * b), h * b, w * b))


@reads("SpaceToDepth")
def space_to_depth(r: Reading) -> None:
    (c, h, w), b = _planes(r), r.attr("blocksize")
    if h % b or w % b:
        r.refuse(f"planes of {h} by {w} have no whole number of blocks of {b} by {b}")
    y = r.emit(Reshape, r.value(), shape=(c, h // b, b, w // b, b))
    y = r.emit(Transpose, y, perm=(0, 2, 4, 1, 3) if r.attr("mode", "DCR") == "CRD" else
               (2, 4, 0, 1, 3))
    r.give(Reshape, y, shape=(b * b * c, h // b, w // b))


def _planes(r: Reading) -> Shape:
    if len(r.shape()) != 3 or r.batch():
        r.refuse(f"expected (batch, channels, height, width); a sample has shape {r.shape()}")
    return r.shape()
