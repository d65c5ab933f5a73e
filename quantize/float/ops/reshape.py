"""Reshape: the same numbers under another shape (Flatten, Squeeze, Unsqueeze, Identity too)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.movement import Reshape as FixedReshape
from dsplet.quantize.float.batch import Batch, place, sample_of
from dsplet.quantize.float.node import Maker, Moving, Shape, op
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


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


Target = Callable[[list[int], int], list[int]]
"""(the first input's shape, how many samples it holds) -> its new shape."""


def give_shape(r: Reading, target: Target) -> None:
    """Give the first input under another shape. The batch stays behind as many elements as before:
    as an axis of its own, or as a part of one."""
    batch = r.layout()
    stride = prod(r.full(1)[:batch.axis]) * batch.before if batch else 1
    full = {n: target(r.full(n), n) for n in {1, *r.counts}}
    fits = {n for n in full if prod(full[n]) == prod(r.full(n))}
    if many := fits & {*r.counts} - {1} if batch else ():
        count = min(many)
        places = {place(full[n], stride, n) if n in fits else None for n in r.counts if n > 1}
    else:  # a file for one sample, whatever it says of its inputs
        count = 1
        if 1 not in fits:
            r.refuse(f"cannot turn {tuple(r.full())} into {tuple(full[r.counts[0]])}")
        places = {place(full[1], stride, 1) if batch else None}
        if places == {None} and full[1][:1] == [1] and len(full[1]) > 1:
            places = {Batch()}
    found = places.pop()
    if places or many and found is None:
        r.refuse(f"turns {tuple(r.full())} into {tuple(full[r.counts[0]])}, which mixes the batch, "
                 f"axis {r.batch()}, with others; samples must stay independent")
    r.put_batch(found)
    r.give(Reshape, r.value(), shape=sample_of(full[count], found))


@reads("Identity", "Dropout", anywhere=True)
def identity(r: Reading) -> None:
    if any(r.outputs[1:]):
        r.refuse("its mask output is not supported; export the model in evaluation mode")
    if r.op == "Dropout" and r.scalar(2, 0.0, "the mode") and r.scalar(1, 0.5, "the ratio"):
        r.refuse("is in training mode; export the model in evaluation mode")
    r.put_batch(r.layout())
    r.give(Reshape, r.value(), shape=r.shape())


@reads("Reshape", anywhere=True)
def reshape(r: Reading) -> None:
    if r.has(1) and not r.is_const(1):
        r.const(1, "the shape")  # refuses

    def target(full: list[int], count: int) -> list[int]:
        wanted = r.at(1, count) if r.has(1) else r.needed("shape", 1)
        if not r.attr("allowzero", 0):
            wanted = [full[i] if n == 0 and i < len(full) else n for i, n in enumerate(wanted)]
        if wanted.count(-1) == 1:
            rest = prod(n for n in wanted if n != -1)
            wanted[wanted.index(-1)] = prod(full) // max(rest, 1)
        return wanted

    give_shape(r, target)


@reads("Flatten", anywhere=True)
def flatten(r: Reading) -> None:
    axis = r.attr("axis", 1)
    if not -r.rank <= axis <= r.rank:
        r.refuse(f"axis {axis} is outside a tensor of {r.rank} axes")
    axis += r.rank if axis < 0 else 0
    give_shape(r, lambda full, _: [prod(full[:axis]), prod(full[axis:])])


@reads("Squeeze", anywhere=True)
def squeeze(r: Reading) -> None:
    axes = r.ints("axes", 1)

    def target(full: list[int], count: int) -> list[int]:
        batch = r.layout()
        drop = {a for a in range(r.rank) if full[a] == 1 and not (batch and a == batch.axis)
                } if axes is None else {a % r.rank for a in axes}
        return [n for a, n in enumerate(full) if a not in drop]

    give_shape(r, target)


@reads("Unsqueeze", anywhere=True)
def unsqueeze(r: Reading) -> None:
    axes = r.needed("axes", 1)
    rank = r.rank + len(axes)
    if len({a % rank for a in axes}) < len(axes) or any(not -rank <= a < rank for a in axes):
        r.refuse(f"{axes} are not new axes among {rank}")
    new = {a % rank for a in axes}

    def target(full: list[int], count: int) -> list[int]:
        old = iter(full)
        return [1 if a in new else next(old) for a in range(rank)]

    if batch := r.layout():  # the new axes could be taken for the batch
        old = [a for a in range(rank) if a not in new]
        if batch.axis >= len(old):
            r.refuse(f"has the batch at axis {batch.axis} of {len(old)}")
        r.put_batch(replace(batch, axis=old[batch.axis]))
        r.give(Reshape, r.value(), shape=sample_of(target(r.full(1), 1), r.layout_of(r.outputs[0])))
    else:
        give_shape(r, target)
