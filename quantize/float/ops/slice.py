"""Slice (Split too): elements at a regular distance along each axis."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.movement import Slice as FixedSlice
from dsplet.quantize.float.node import Maker, Moving, Shape, op
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing

ALL = (1 << 31) - 1
"""An end at least as large as this one is the axis' own."""


@op
class Slice(Moving):
    """y[i, ..] = x[starts + i*steps, ..] for i below sizes: one of each for every axis."""

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: tuple[int, ...]

    def check(self) -> None:
        if not len(self.starts) == len(self.sizes) == len(self.steps) or 0 in self.steps:
            self.refuse(f"starts {self.starts}, sizes {self.sizes} and steps {self.steps} do not "
                        "fit together")

    def output_shape(self, xs: list[Shape]) -> Shape:
        return self.sizes

    def idle(self, x: Shape, y: Shape) -> bool:
        return x == y and all(s == 1 for s in self.steps)

    def onnx(self, w: Writing) -> str:
        ends = [a + m * s for a, m, s in zip(self.starts, self.sizes, self.steps, strict=True)]
        ends = [e if e >= 0 else -(1 << 31) for e in ends]
        axes = range(1, len(ends) + 1)
        return w.emit("Slice", *self.inputs, *(w.const(v, np.int64) for v in
                                               (self.starts, ends, axes, self.steps)))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedSlice(self.name, x, y, self.starts, self.steps)


def cut(r: Reading, where: list[slice], output: str | None) -> str:
    """x[where] of the first input, without the batch axis."""
    ranges = [range(*s.indices(n)) for s, n in zip(where, r.shape(), strict=True)]
    if any(not len(a) for a in ranges):
        r.refuse(f"takes nothing from a sample of shape {r.shape()}")
    return r.emit(Slice, r.value(), to=output, starts=tuple(a.start for a in ranges),
                  sizes=tuple(map(len, ranges)), steps=tuple(a.step for a in ranges))


@reads("Slice", anywhere=True)
def slice_node(r: Reading) -> None:
    starts, ends = r.needed("starts", 1), r.needed("ends", 2)
    axes = r.ints("axes", 3, list(range(len(starts))))
    steps = r.ints("steps", 4, [1] * len(starts))
    if not len(axes) == len(starts) == len(ends) == len(steps):
        r.refuse(f"has {len(starts)} starts, {len(ends)} ends, {len(axes)} axes and {len(steps)} "
                 "steps; expected as many of each")
    if 0 in steps:
        r.refuse("has the step 0")
    where, batch = [slice(None)] * len(r.shape()), r.layout()
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if batch and axis % r.rank == batch.axis and (start, step) == (0, 1) and end >= ALL:
            continue
        # an end below -n means "past the first element", which Python spells None
        low = end < -r.shape()[r.axis(axis)] and step < 0
        where[r.axis(axis)] = slice(start, None if low else end, step)
    cut(r, where, r.outputs[0])


@reads("Split", anywhere=True)
def split(r: Reading) -> None:
    axis = r.axis(r.attr("axis", 0))
    n, parts = r.shape()[axis], len(r.outputs)
    each, start = -(-n // parts), 0
    sizes = r.ints("split", 1, [min(each, n - i * each) for i in range(parts)])
    if len(sizes) != parts or min(sizes) < 0 or sum(sizes) != n:
        r.refuse(f"splits {n} into {sizes}; expected {parts} sizes that add up to it")
    for size, output in zip(sizes, r.outputs, strict=True):
        where = [slice(None)] * len(r.shape())
        where[axis] = slice(start, start + size)
        if output:
            cut(r, where, output)
        start += size
