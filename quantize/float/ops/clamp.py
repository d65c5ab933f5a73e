"""Clamp: what ReLU, ReLU6, Clip, and Min and Max with a constant become."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.float.functions import Expr, X, spell
from dsplet.quantize.float.node import NO_CLAMP, Bounds, Computing, Maker, Shape, op
from dsplet.quantize.float.reading import LARGEST, Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class Clamp(Computing):
    """y = min(max(x, low), high). Infinite bounds make it a mere change of format."""

    low: float
    high: float

    def check(self) -> None:
        if not self.low <= self.high:
            self.refuse(f"its bounds [{self.low:g}, {self.high:g}] are empty")

    def output_shape(self, xs: list[Shape]) -> Shape:
        return xs[0]

    @property
    def bounds(self) -> Bounds:
        return self.low, self.high

    @property
    def expression(self) -> Expr:
        return Expr("Clamp", (X,), self.bounds)

    def idle(self, x: Shape, y: Shape) -> bool:
        return self.bounds == NO_CLAMP

    def integer(self, of: Callable[[str], bool]) -> bool:
        return all(np.isinf(b) or b % 1 == 0 for b in self.bounds) and of(self.inputs[0])

    def channels(self, owner: np.ndarray, shape: Shape) -> np.ndarray:
        return owner

    def onnx(self, w: Writing) -> str:
        return spell(self.expression, self.inputs[0], w.emit, w.const)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return Requantize(self.name, x, y, clamp=make.clamp(self, y))

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return self.fixed(make, x, y)


@reads("Relu", anywhere=True)
def relu(r: Reading) -> None:
    r.give(Clamp, r.value(), low=0.0, high=np.inf)


@reads("Clip", anywhere=True)
def clip(r: Reading) -> None:
    low = bound(r.scalar(1, r.attr("min", -np.inf), "the lower bound"))
    high = bound(r.scalar(2, r.attr("max", np.inf), "the upper bound"))
    if low > high:
        r.refuse(f"its bounds [{low:g}, {high:g}] are empty")
    r.give(Clamp, r.value(), low=low, high=high)


def bound(limit: float) -> float:
    """The limit; infinite where no float32 is beyond it, which is how exporters spell none."""
    return limit if abs(limit) < LARGEST else np.copysign(np.inf, limit).item()


def bounded(r: Reading) -> bool:
    """Min and Max of one value and one number that adds no axes to it; False where the operands are
    not that."""
    constants = [i for i in range(len(r.inputs)) if r.is_const(i)]
    if len(r.inputs) != 2 or len(constants) != 1 or r.const(constants[0]).size != 1 or (
            r.rank_of(constants[0]) > r.rank_of(1 - constants[0])):
        return False
    limit = bound(r.scalar(constants[0], what="the bound"))
    low, high = (-np.inf, limit) if r.op == "Min" else (limit, np.inf)
    r.give(Clamp, r.value(1 - constants[0]), low=low, high=high)
    return True
