"""Pad: a border of one number, or of the value's own."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.movement import Pad as FixedPad
from dsplet.quantize.float.broadcast import plane_owners
from dsplet.quantize.float.node import Maker, Moving, Shape, op
from dsplet.quantize.float.ops.pick import picked
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import cut
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class Pad(Moving):
    """x with `before` and `after` elements of `value` around it, for each axis; -inf is the least
    number that there is."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: float

    def check(self) -> None:
        if len(self.before) != len(self.after) or min((0, *self.before, *self.after)) < 0:
            self.refuse(f"cannot put {self.before} before and {self.after} after")

    def output_shape(self, xs: list[Shape]) -> Shape:
        return tuple(n + a + b for n, a, b in zip(xs[0], self.before, self.after, strict=True))

    def idle(self, x: Shape, y: Shape) -> bool:
        return x == y

    @property
    def holds(self) -> np.ndarray | None:
        return np.array(self.value) if np.isfinite(self.value) else None

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs) and (self.value >= 0 or self.value == -np.inf)

    def channels(self, owner: np.ndarray, shape: Shape) -> np.ndarray | None:
        if self.value not in (0.0, -np.inf) or self.before[0] or self.after[0]:
            return None
        return plane_owners(owner, shape)

    def onnx(self, w: Writing) -> str:
        pads = [0, *self.before, 0, *self.after]
        return w.emit("Pad", *self.inputs, w.const(pads, np.int64), w.const(self.value))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedPad(self.name, x, y, self.before, self.after, make.fill(self.value, y))


MIRRORS = ("reflect", "edge", "wrap")
"""ONNX's names of the borders that repeat the value, which are NumPy's, too."""


@reads("Pad")
def pad(r: Reading) -> None:
    mode = r.attr("mode", "constant")
    if mode not in ("constant", *MIRRORS):
        r.refuse(f"mode '{mode}' is not supported; expected 'constant', 'reflect', 'edge' or "
                 "'wrap'")
    pads = r.needed("pads", 1)
    value = r.scalar(2, r.attr("value", 0.0), "the padding value")
    axes = r.ints("axes", 3, list(range(r.rank)))
    if len(pads) != 2 * len(axes) or any(not -r.rank <= a < r.rank for a in axes):
        r.refuse(f"has {len(pads)} pads for the axes {axes} of {r.rank}")
    before, after = [0] * r.rank, [0] * r.rank
    for i, axis in enumerate(axes):
        before[axis % r.rank], after[axis % r.rank] = pads[i], pads[i + len(axes)]
    batch = r.batch()
    if before.pop(batch) or after.pop(batch):
        r.refuse("pads the batch axis")
    x = r.value()
    if min([0, *before, *after]) < 0:
        where = [slice(max(-a, 0), n - max(-b, 0)) for n, a, b in
                 zip(r.shape(), before, after, strict=True)]
        x = cut(r, where, None)
    before, after = ([max(n, 0) for n in ends] for ends in (before, after))
    if mode == "constant":
        r.give(Pad, x, before=tuple(before), after=tuple(after), value=value)
        return
    for axis, ends in enumerate(zip(before, after, strict=True)):
        index = np.arange(r.shape_of(x)[axis])
        if mode == "reflect" and max(ends) >= len(index):
            r.refuse(f"mirrors more than axis {axis} of a sample has beside its border: {ends} of "
                     f"{len(index)}")
        if any(ends):
            x = picked(r, x, axis, np.pad(index, ends, mode=mode))
    r.give(Reshape, x, shape=r.shape_of(x))
