"""Transpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.movement import Transpose as FixedTranspose
from dsplet.quantize.float.node import Maker, Moving, Shape, op
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class Transpose(Moving):
    """Axis a of the output is axis perm[a] of the input."""

    perm: tuple[int, ...]

    keeps_order = True

    def check(self) -> None:
        if sorted(self.perm) != list(range(len(self.perm))):
            self.refuse(f"perm {self.perm} does not name every axis once")

    def output_shape(self, xs: list[Shape]) -> Shape:
        return tuple(xs[0][p] for p in self.perm)

    def idle(self, x: Shape, y: Shape) -> bool:
        return list(self.perm) == sorted(self.perm)

    def channels(self, owner: np.ndarray, shape: Shape) -> np.ndarray:
        return owner.transpose(self.perm)

    def onnx(self, w: Writing) -> str:
        return w.emit("Transpose", *self.inputs, perm=(0, *(p + 1 for p in self.perm)))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedTranspose(self.name, x, y, self.perm)


@reads("Transpose", anywhere=True)
def transpose(r: Reading) -> None:
    perm, batch = list(r.attr("perm", list(reversed(range(r.rank))))), r.layout()
    if sorted(perm) != list(range(r.rank)):
        r.refuse(f"perm {perm} does not name each of {r.rank} axes once")
    if batch:
        r.put_batch(replace(batch, axis=perm.index(batch.axis)))
        if not batch.merged:
            perm = [p - (p > batch.axis) for p in perm if p != batch.axis]
    r.give(Transpose, r.value(), perm=tuple(perm))
