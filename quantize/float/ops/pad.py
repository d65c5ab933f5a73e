"""Pad: a border of one number."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.movement import Pad as FixedPad
from dsplet.quantize.float.broadcast import plane_owners
from dsplet.quantize.float.node import Maker, Moving, Shape, op
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
        if len(self.before) != len(self.after) or min(*self.before, *self.after) < 0:
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


@reads("Pad")
def pad(r: Reading) -> None:
    if r.attr("mode", "constant") != "constant":
        r.refuse(f"mode '{r.attr('mode')}' is not supported; expected 'constant'")
    pads = r.needed("pads", 1)
    value = r.scalar(2, r.attr("value", 0.0), "the padding value")
    axes = r.ints("axes", 3, list(range(r.rank)))
    before, after = [0] * r.rank, [0] * r.rank
    for i, axis in enumerate(axes):
        before[axis % r.rank], after[axis % r.rank] = pads[i], pads[i + len(axes)]
    batch = r.batch()
    if before.pop(batch) or after.pop(batch):
        r.refuse("pads the batch axis")
    x = r.value()
    if min(before + after) < 0:
        where = [slice(max(-a, 0), n - max(-b, 0)) for n, a, b in
                 zip(r.shape(), before, after, strict=True)]
        x = cut(r, where, None)
    r.give(Pad, x, before=tuple(max(a, 0) for a in before),
           after=tuple(max(b, 0) for b in after), value=value)
