"""ArgMax."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.argmax import ArgMax as FixedArgMax
from dsplet.quantize.float.node import Computing, Maker, NoReal, Reads, Shape, op
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class ArgMax(NoReal, Computing):
    """The place of the largest along the last axis, which goes: an integer."""

    reads = Reads.ORDER

    def output_shape(self, xs: list[Shape]) -> Shape:
        return xs[0][:-1]

    def integer(self, of: Callable[[str], bool]) -> bool:
        return True

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return True

    def choices(self, value: str, shapes: Mapping[str, Shape]) -> int:
        return shapes[self.inputs[0]][-1] if value == self.output else 0

    def onnx(self, w: Writing) -> str:
        return w.cast(w.emit("ArgMax", *self.inputs, axis=-1, keepdims=0))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedArgMax(self.name, x, y)


@reads("ArgMax")
def argmax(r: Reading) -> None:
    if r.attr("select_last_index", 0):
        r.refuse("takes the last of equals; only the first (select_last_index 0) is supported")
    axis, rank, batch = r.axis(r.attr("axis", 0)), len(r.shape()), r.batch()
    perm = (*(a for a in range(rank) if a != axis), axis)
    x = r.value() if axis == rank - 1 else r.emit(Transpose, r.value(), perm=perm)
    if r.attr("keepdims", 1):
        kept = tuple(1 if a == axis else n for a, n in enumerate(r.shape()))
        r.put_batch(batch)
        r.give(Reshape, r.emit(ArgMax, x), shape=kept)
    else:
        r.put_batch(batch - (axis < batch))
        r.give(ArgMax, x)
