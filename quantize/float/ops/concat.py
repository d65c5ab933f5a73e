"""Concat."""

from __future__ import annotations

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.movement import Concat as FixedConcat
from dsplet.quantize.float.node import Maker, Moving, Shape, op
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class Concat(Moving):
    """The inputs one after another along `axis`."""

    axis: int

    arity = None

    def check(self) -> None:
        if self.axis < 0:
            self.refuse(f"axis {self.axis} is not counted from the first")

    def output_shape(self, xs: list[Shape]) -> Shape:
        total = list(xs[0])
        total[self.axis] = sum(x[self.axis] for x in xs)
        return tuple(total)

    def idle(self, x: Shape, y: Shape) -> bool:
        return len(self.inputs) == 1

    def onnx(self, w: Writing) -> str:
        return w.emit("Concat", *self.inputs, axis=self.axis + 1)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedConcat(self.name, x, y, self.axis)


@reads("Concat", anywhere=True)
def concat(r: Reading) -> None:
    first = next((i for i in range(len(r.inputs)) if not r.is_const(i) and r.layout(i)),
                 next(i for i in range(len(r.inputs)) if not r.is_const(i)))
    rank = len(r.shape(first))
    values = [r.value(i, rank) for i in range(len(r.inputs))]
    axis = r.axis(r.attr("axis"), i=first)
    shapes = {s[:axis] + s[axis + 1:] for s in map(r.shape_of, values)}
    if len(shapes) > 1:
        r.refuse(f"its operands have the shapes {[r.shape_of(v) for v in values]} without the "
                 f"batch, which differ beside axis {axis}")
    r.give(Concat, *values, axis=axis)
