"""Reshape: the same numbers under another shape (Flatten, Squeeze, Unsqueeze, Identity too)."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.movement import Reshape as FixedReshape
from dsplet.quantize.float.node import Maker, Moving, Shape, op
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing

FLOATS, INTEGERS = (1, 10, 11), (6, 7)
"""ONNX's codes of types."""


@op
class Reshape(Moving):
    """shape: of the output, in row-major order."""

    shape: Shape

    keeps_order = True

    def output_shape(self, xs: list[Shape]) -> Shape:
        return self.shape

    def idle(self, x: Shape, y: Shape) -> bool:
        return x == y

    def channels(self, owner: np.ndarray, shape: Shape) -> np.ndarray:
        return owner.reshape(shape)

    def onnx(self, w: Writing) -> str:
        return w.emit("Reshape", *self.inputs, w.const([-1, *self.shape], np.int64))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedReshape(self.name, x, y)


def give_shape(r: Reading, full: list[int]) -> None:
    """Give the first input under the shape `full`, which includes a batch of 1. The batch stays
    behind as many elements as before."""
    before = np.prod(r.full()[:r.batch()], dtype=int)
    at = next((a for a, n in enumerate(full) if n == 1 and np.prod(full[:a], dtype=int) == before),
              None)
    if at is None:
        r.refuse(f"turns one sample of shape {tuple(r.full())} into {tuple(full)}: the first axis "
                 "must stay the batch" if r.batch() == 0 else
                 f"mixes the batch, axis {r.batch()}, with others: {tuple(r.full())} becomes "
                 f"{tuple(full)}")
    r.put_batch(at)
    r.give(Reshape, r.value(), shape=tuple(n for a, n in enumerate(full) if a != at))


@reads("Identity", "Dropout")
def identity(r: Reading) -> None:
    if any(r.outputs[1:]):
        r.refuse("its mask output is not supported; export the model in evaluation mode")
    if r.op == "Dropout" and r.scalar(2, 0.0, "the mode") and r.scalar(1, 0.5, "the ratio"):
        r.refuse("is in training mode; export the model in evaluation mode")
    give_shape(r, r.full())


@reads("Reshape")
def reshape(r: Reading) -> None:
    full, target = r.full(), r.needed("shape", 1)
    if not r.attr("allowzero", 0):
        target = [full[i] if n == 0 and i < len(full) else n for i, n in enumerate(target)]
    if -1 in target:
        rest = int(np.prod([n for n in target if n != -1]))
        target[target.index(-1)] = int(np.prod(full)) // max(rest, 1)
    if np.prod(target) != np.prod(full):
        r.refuse(f"cannot turn {tuple(full)} into {tuple(target)}")
    give_shape(r, target)


@reads("Flatten")
def flatten(r: Reading) -> None:
    full, axis = r.full(), r.attr("axis", 1)
    if axis % r.rank == 0:
        r.refuse("axis 0 merges the batch into the features; use axis 1")
    axis %= r.rank
    give_shape(r, [int(np.prod(full[:axis])), int(np.prod(full[axis:]))])


@reads("Squeeze")
def squeeze(r: Reading) -> None:
    axes = r.ints("axes", 1)
    full, batch = r.full(), r.batch()
    if axes is None:
        drop = [a for a in range(r.rank) if full[a] == 1 and a != batch]
    else:
        drop = [a % r.rank for a in axes]
    if batch in drop or any(full[a] != 1 for a in drop):
        r.refuse(f"removes axes {drop} of {tuple(full)}, axis {batch} being the batch")
    r.put_batch(batch - sum(a < batch for a in drop))
    r.give(Reshape, r.value(), shape=tuple(n for a, n in enumerate(full)
                                           if a not in drop and a != batch))


@reads("Unsqueeze")
def unsqueeze(r: Reading) -> None:
    axes = r.needed("axes", 1)
    rank = r.rank + len(axes)
    if len({a % rank for a in axes}) < len(axes) or any(not -rank <= a < rank for a in axes):
        r.refuse(f"{axes} are not new axes among {rank}")
    new = {a % rank for a in axes}
    old = [a for a in range(rank) if a not in new]
    batch, sizes = old[r.batch()], dict(zip(old, r.full(), strict=True))
    r.put_batch(batch)
    r.give(Reshape, r.value(), shape=tuple(sizes.get(a, 1) for a in range(rank) if a != batch))
