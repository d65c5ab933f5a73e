"""ArgMax, and what asks for places otherwise: ArgMin, TopK of one, Hardmax."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.kernel import Add, Max, Mul, Set, Store
from dsplet.quantize.fixed.ops.argmax import ArgMax as FixedArgMax
from dsplet.quantize.float.kernel import Clamp, Linear
from dsplet.quantize.float.node import Computing, Maker, Reads, Shape, op
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.gather import Gather
from dsplet.quantize.float.ops.linear import linear
from dsplet.quantize.float.ops.reduce import extreme
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.ops.softmax import along_axis
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing

STEEP = 2.0**60
"""Times this, the difference of two numbers that are not equal is beyond 1."""


@op
class ArgMax(Computing):
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

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return _Real(self.name, x, y)

    def constants(self, xs: list[Shape], y: Shape) -> dict[str, np.ndarray]:
        return {"left": np.arange(xs[0][-1], 0, -1.0)}


@dataclass(frozen=True, eq=False)
class _Real(Node):
    """The kernel in float arithmetic: how many places are left from the first of the largest on,
    which is the most that any of them has left."""

    @property
    def op(self) -> str:
        return ArgMax.__name__

    def kernel(self, k: Builder) -> None:
        x, y, n = k[self.inputs[0]], k[self.output], self.inputs[0].shape[-1]
        left = k.const("left", np.zeros(n, np.int64))
        with k.loops(*self.output.shape) as at:
            k.emit(Set("m", x[(*at, 0)]))
            with k.loop(n) as i:
                k.emit(Max("m", x[(*at, i)]))
            k.emit(Set("most", 0))
            with k.loop(n) as i:
                k.emit(Set("d", x[(*at, i)]), Add("d", "m", negate=True), Linear("d", STEEP, 1.0),
                       Clamp("d", 0.0, None), Mul("d", left[i]), Max("most", "d"))
            k.emit(Set("d", n), Add("d", "most", negate=True), Store(y[at], "d"))


def place(r: Reading, axis: int, kind: str, keep: bool, to: str, last: bool = False) -> None:
    """Where along an axis of a sample the largest number stands, or the smallest (kind "Min").
    keep: the axis stays, with a size of 1. to: the output that it is. last: the last of equals."""
    x, shape, batch = r.value(), r.shape(), r.layout()
    rank, n = len(shape), shape[axis]
    if kind == "Min":
        x = linear(r, x, -1.0)
    if axis != rank - 1:
        x = r.emit(Transpose, x, perm=(*(a for a in range(rank) if a != axis), axis))
    if last:
        lead = r.shape_of(x)[:-1]
        x = r.emit(Slice, x, starts=(*(0,) * len(lead), n - 1), sizes=(*lead, n),
                   steps=(*(1,) * len(lead), -1))
    if batch and not keep:
        batch = replace(batch, axis=batch.axis - (axis < batch.axis))
    r.put_batch(batch, to)
    if not keep and not last:
        r.emit(ArgMax, x, to=to)
        return
    y = r.emit(ArgMax, x)
    if last:
        y = r.emit(Gather, r.emit(Constant, value=np.arange(n - 1, -1, -1.0)), y,
                   to=None if keep else to)
    if keep:
        r.emit(Reshape, y, to=to, shape=tuple(1 if a == axis else m for a, m in enumerate(shape)))


@reads("ArgMax", "ArgMin", anywhere=True)
def argmax(r: Reading) -> None:
    place(r, r.axis(r.attr("axis", 0)), r.op.removeprefix("Arg"), bool(r.attr("keepdims", 1)),
          r.outputs[0], bool(r.attr("select_last_index", 0)))


@reads("TopK", anywhere=True)
def top_k(r: Reading) -> None:
    k = int(r.attr("k", 0)) or int(r.scalar(1, what="k"))
    if k != 1:
        r.refuse(f"only the first of each is supported (k = 1), not {k}")
    axis, kind = r.axis(r.attr("axis", -1)), "Max" if r.attr("largest", 1) else "Min"
    values, places = [*r.outputs, ""][:2]
    if values:
        extreme(r, kind, [axis], True, values)
    if places:
        place(r, axis, kind, True, places)


@reads("Hardmax", anywhere=True)
def hardmax(r: Reading) -> None:
    """1 where the largest number stands, 0 elsewhere."""
    def one(x: str, to: str | None) -> str:
        n = r.shape_of(x)[-1]
        return r.emit(Gather, r.emit(Constant, value=np.eye(n)), r.emit(ArgMax, x), to=to)
    along_axis(r, one)
