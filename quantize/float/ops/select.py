"""Select: one of two values, as a third one says (ONNX's Where)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.select import Select as FixedSelect
from dsplet.quantize.float.broadcast import broadcast_shape
from dsplet.quantize.float.node import Clampable, Maker, NoReal, Shape, op
from dsplet.quantize.float.ops.linear import give_linear
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class Select(NoReal, Clampable):
    """y = a where c is 1, b where it is 0, for inputs (c, a, b) of equal rank that broadcast."""

    arity = 3
    combination = "Where"

    def output_shape(self, xs: list[Shape]) -> Shape:
        return broadcast_shape(*xs)

    def choices(self, value: str, shapes: Mapping[str, Shape]) -> int:
        return 2 * (value == self.inputs[0])

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs[1:])

    def onnx(self, w: Writing) -> str:
        c, a, b = self.inputs
        return w.emit("Where", w.emit("Greater", c, w.const(0.5)), a, b)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedSelect(self.name, x, y, clamp=make.clamp(self, y))


@reads("Where", anywhere=True)
def where(r: Reading) -> None:
    rank = r.common_rank()
    constants = [r.sample_const(i, rank) for i in range(3) if r.is_const(i)]
    x = next((i for i in (1, 2) if not r.is_const(i)), None)
    if r.is_const(0) and len(constants) == 2 and x is not None:
        known, other = constants
        known = known.astype(bool) == (x == 1)  # where the value that is no constant is chosen
        if broadcast_shape(known.shape, other.shape, r.shape(x)) == r.shape(x):
            give_linear(r, r.value(x), scale=known.astype(float),
                        offset=np.where(known, 0.0, other))
            return
    r.give(Select, *(r.value(i, rank) for i in range(3)))
