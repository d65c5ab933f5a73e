"""Linear: constant factors and offsets (BatchNormalization too), which passes put into weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsFloat

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.float import kernel
from dsplet.quantize.float.broadcast import broadcast_shape, fits
from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.node import Computing, Maker, NoFixed, Shape, op
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class Linear(NoFixed, Computing):
    """y = x * scale + offset, arrays that broadcast to x's shape."""

    scale: np.ndarray
    offset: np.ndarray

    def output_shape(self, xs: list[Shape]) -> Shape:
        if broadcast_shape(self.scale.shape, self.offset.shape, xs[0]) != xs[0]:
            self.refuse(f"a scale of shape {self.scale.shape} and an offset of shape "
                        f"{self.offset.shape} do not fit {xs[0]}")
        return xs[0]

    @property
    def uniform(self) -> bool:
        """Whether it does the same to every element."""
        return self.scale.size == 1 and self.offset.size == 1

    @property
    def expression(self) -> Expr | None:
        return Expr("Linear", (X,), (self.scale.item(), self.offset.item())) if self.uniform \
            else None

    def idle(self, x: Shape, y: Shape) -> bool:
        return bool((self.scale == 1).all() and (self.offset == 0).all())

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs) and bool((self.scale >= 0).all() and (self.offset >= 0).all())

    def onnx(self, w: Writing) -> str:
        y = w.emit("Mul", *self.inputs, w.const(self.scale))
        return w.emit("Add", y, w.const(self.offset))

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return Requantize(self.name, x, y)

    @property
    def refusal(self) -> str:
        return "" if self.uniform else "it is not the same for every element"

    def meaning(self, d: str, table: Callable[[np.ndarray], str]) -> list[kernel.RealStatement]:
        return [kernel.Linear(d, kernel.word(self.scale.item()), kernel.word(self.offset.item()))]


def linear(r: Reading, x: str, scale: SupportsFloat | np.ndarray = 1.0,
           offset: SupportsFloat | np.ndarray = 0.0, to: str | None = None) -> str:
    """x * scale + offset. to: the output that it is."""
    return r.emit(Linear, x, to=to, scale=np.asarray(scale, np.float64),
                  offset=np.asarray(offset, np.float64))


def give_linear(r: Reading, x: str, scale: SupportsFloat | np.ndarray = 1.0,
                offset: SupportsFloat | np.ndarray = 0.0) -> None:
    """x * scale + offset as the node's output."""
    linear(r, x, scale, offset, r.outputs[0])


def constant_operand(r: Reading) -> tuple[str, np.ndarray] | None:
    """(the value, the constant) where one operand is a constant that broadcasts to the other's
    shape."""
    i = 1 if r.is_const(1) else 0
    if not r.is_const(i):
        return None
    x = r.shape(1 - i)
    constant = r.sample_const(i, len(x))
    if not fits(constant.shape, x):
        return None
    return r.value(1 - i), constant.reshape(()) if constant.size == 1 else constant


@reads("Neg", anywhere=True)
def neg(r: Reading) -> None:
    give_linear(r, r.value(), scale=-1.0)


@reads("BatchNormalization")
def batch_normalization(r: Reading) -> None:
    if r.attr("training_mode", 0) or len([o for o in r.outputs if o]) > 1:
        r.refuse("is in training mode; export the model in evaluation mode")
    if r.batch():
        r.refuse(f"the batch is axis {r.batch()}; expected it first, the channels next")
    gamma, beta, mean, variance = (r.real(i, what) for i, what in
                                   enumerate(("scale", "B", "mean", "var"), 1))
    scale = gamma / np.sqrt(variance + r.attr("epsilon", 1e-5))
    per_channel = (-1, *(1,) * (len(r.shape()) - 1))
    give_linear(r, r.value(), scale.reshape(per_channel),
                (beta - mean * scale).reshape(per_channel))
