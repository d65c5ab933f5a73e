"""Gather: rows picked by an index that is data (embeddings, back-pointers, OneHot)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.kernel import Fetch, Set, Store
from dsplet.quantize.fixed.ops.gather import Gather as FixedGather
from dsplet.quantize.float.kernel import Linear, Place
from dsplet.quantize.float.node import FloatNode, Maker, Shape, op
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import cut
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class Gather(FloatNode):
    """data[index] along data's first axis. index: integers, clipped to it."""

    arity = 2

    def output_shape(self, xs: list[Shape]) -> Shape:
        return (*xs[1], *xs[0][1:])

    @property
    def passed(self) -> tuple[str, ...]:
        return self.inputs[:1]

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return xs[0]

    def choices(self, value: str, shapes: Mapping[str, Shape]) -> int:
        return shapes[self.inputs[0]][0] if value == self.inputs[1] else 0

    def onnx(self, w: Writing) -> str:
        data, index = self.inputs
        place = w.emit("Clip", index, w.const(0), w.const(w.shapes[data][0] - 1))
        place = w.emit("Unsqueeze", w.cast(place, 7), w.const([-1], np.int64))
        return w.emit("GatherND", data, place, batch_dims=1)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedGather(self.name, x, y)

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return _Real(self.name, x, y)


@dataclass(frozen=True, eq=False)
class _Real(Node):
    """The kernel in float arithmetic."""

    @property
    def op(self) -> str:
        return Gather.__name__

    def kernel(self, k: Builder) -> None:
        data, index, y = k[self.inputs[0]], k[self.inputs[1]], k[self.output]
        rows, *row_shape = self.inputs[0].shape
        with k.loops(*self.inputs[1].shape) as at:
            k.emit(Set("p", index[at]), Place("p", rows - 1),
                   Linear("p", float(data.strides[0])))
            with k.loops(*row_shape) as row:
                k.emit(Fetch("d", data[(0, *row)], "p"), Store(y[(*at, *row)], "d"))


@reads("Gather", anywhere=True)
def gather(r: Reading) -> None:
    if not r.is_const(1):
        pick(r)
        return
    place, index, batch = r.attr("axis", 0), r.const(1, "the indices"), r.layout()
    axis, place = r.axis(place), place % r.rank
    n = r.shape()[axis]
    if not n or not index.size:
        r.refuse(f"picks {index.size} of {n}")
    if ((index < -n) | (index >= n)).any():
        r.refuse(f"picks {index.reshape(-1).tolist()} of {n}")
    if batch and place < batch.axis:
        r.put_batch(replace(batch, axis=batch.axis + index.ndim - 1))
    flat = index.reshape(-1) % n
    step = int(flat[1] - flat[0]) if len(flat) > 1 else 1
    if index.ndim > 1 or step == 0 or (np.diff(flat) != step).any():
        pick_places(r, axis, index % n)
        return
    where = [slice(None)] * len(r.shape())
    end = int(flat[-1]) + (1 if step > 0 else -1)
    where[axis] = slice(int(flat[0]), end if end >= 0 else None, step)
    if index.ndim:
        cut(r, where, r.outputs[0])
    else:
        kept = [m for a, m in enumerate(r.shape()) if a != axis]
        r.give(Reshape, cut(r, where, None), shape=tuple(kept))


def pick(r: Reading) -> None:
    """Gather from a constant: an embedding."""
    if not r.is_const(0):
        r.refuse("picks the same places of every sample by an index that is data; of a sample's "
                 "own rows GatherElements or GatherND with batch_dims 1 picks")
    table = r.real(0)
    if not table.ndim:
        r.refuse("picks from a single number")
    if r.attr("axis", 0) % table.ndim:
        r.refuse(f"picks along axis {r.attr('axis')} of a constant; only axis 0 is supported")
    from_the_first(r, 1)
    r.put_batch(r.layout(1))
    r.give(Gather, r.emit(Constant, value=table), r.inputs[1])


def from_the_first(r: Reading, i: int) -> None:
    """Refuse an index that may be negative; of the network's own numbers those are cut to 0."""
    if not r.from_zero(i):
        r.refuse(f"picks by '{r.inputs[i]}', which may be negative, and ONNX counts such from the "
                 "last; clip it to 0 before")


def pick_places(r: Reading, axis: int, index: np.ndarray) -> None:
    """Gather from known places in any order, along one axis of a sample."""
    rank, m = len(r.shape()), index.ndim
    x = r.value()
    if axis:
        x = r.emit(Transpose, x, perm=(axis, *(a for a in range(rank) if a != axis)))
    places = r.emit(Constant, value=index.astype(float))
    if not axis:
        r.give(Gather, x, places)
    else:
        y = r.emit(Gather, x, places)
        before = tuple(range(m, m + axis))
        r.give(Transpose, y, perm=(*before, *range(m), *range(m + axis, m + rank - 1)))


@reads("GatherElements")
def gather_elements(r: Reading) -> None:
    if len(r.shape()) != 1 or r.is_const(0) or r.is_const(1) or r.batch() or r.batch(1):
        r.refuse("only picks numbers from a list for each sample, (N, n) by (N, m)")
    r.axis(r.attr("axis", 0))
    from_the_first(r, 1)
    r.give(Gather, *r.inputs)


@reads("GatherND")
def gather_nd(r: Reading) -> None:
    if r.attr("batch_dims", 0) != 1 or r.is_const(0) or r.is_const(1) or r.batch() or r.batch(1) \
            or r.shape(1)[-1] != 1:
        r.refuse("only picks rows of each sample: batch_dims 1, and one index for each")
    from_the_first(r, 1)
    r.give(Gather, r.inputs[0], r.emit(Reshape, r.inputs[1], shape=r.shape(1)[:-1]))


@reads("OneHot")
def one_hot(r: Reading) -> None:
    """Rows of a table that has `on` where the index is; nowhere in those beyond the depth."""
    depth, (off, on) = int(r.scalar(1, what="the depth")), r.real(2, "the values")
    if r.attr("axis", -1) not in (-1, r.rank):
        r.refuse("only a new last axis is supported")
    from_the_first(r, 0)
    rows = max(depth, r.places() or depth + 1)
    table = np.where(np.eye(rows, depth, dtype=bool), on, off)
    r.put_batch(r.batch())
    r.give(Gather, r.emit(Constant, value=table), r.value())
