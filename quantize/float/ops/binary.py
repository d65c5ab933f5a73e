"""Add, Sub, Mul, Div, Max, Min of two values, element by element. With a constant, ONNX's are
Linear or Clamp; of several they are one after the other."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops import binary as fixed
from dsplet.quantize.fixed.ops.div import Div as FixedDiv
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.batch import Batch
from dsplet.quantize.float.broadcast import broadcast_shape, fits
from dsplet.quantize.float.functions import Expr, X, whole
from dsplet.quantize.float.node import Clampable, FloatNode, Maker, NoReal, Reads, Shape, op
from dsplet.quantize.float.ops.clamp import Clamp, bounded
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.linear import constant_operand, give_linear, linear
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing

DIVIDES = "divides integers by something other than one constant number that is not 0"


class Binary(Clampable):
    """Two values of equal rank that broadcast; one of them may be a Constant's."""

    arity = 2
    twin: ClassVar[type[fixed.Elementwise]]
    """The fixed-point op."""

    def output_shape(self, xs: list[Shape]) -> Shape:
        return broadcast_shape(*xs)

    def onnx(self, w: Writing) -> str:
        return w.emit(self.op, *self.inputs)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return self.twin(self.name, x, y, clamp=make.clamp(self, y))


class Arithmetic(Binary):
    """Can be part of a function of one variable, by its own name in `functions.BINARY`."""

    @property
    def combination(self) -> str:
        return self.op


@op
class Add(Arithmetic):
    """y = a + b."""

    twin = fixed.Add

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs)


@op
class Sub(Arithmetic):
    """y = a - b."""

    twin = fixed.Sub


@op
class Mul(Arithmetic):
    """y = a * b."""

    twin = fixed.Mul

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs)


@op
class Div(NoReal, Arithmetic):
    """y = a / b."""

    twin = FixedDiv

    def reads_as(self, value: str) -> Reads:
        return Reads.DIVISOR if value == self.inputs[1] else Reads.USUAL

    def fracs(self, xs: tuple[QFormat, ...]) -> tuple[int, int]:
        return FixedDiv.fracs(*xs)

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs)


@op
class Max(Binary):
    """y = max(a, b)."""

    twin = fixed.Max

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return any(xs)


@op
class Min(Binary):
    """y = min(a, b)."""

    twin = fixed.Min

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs)


def between(r: Reading, kind: type[FloatNode], swapped: bool = False, **attributes: Any) -> None:
    """The op of both operands, constants among them."""
    rank = r.common_rank()
    x = [r.value(i, rank) for i in (0, 1)]
    r.give(kind, *(reversed(x) if swapped else x), **attributes)


def among(r: Reading, kind: type[Binary]) -> None:
    """The op of all operands, one after the other."""
    rank = r.common_rank()
    first, *rest, last = (r.value(i, rank) for i in range(len(r.inputs)))
    for x in rest:
        first = r.emit(kind, first, x)
    r.give(kind, first, last)


@reads("Add", anywhere=True)
def add(r: Reading) -> None:
    if found := constant_operand(r):
        give_linear(r, found[0], offset=found[1])
    else:
        between(r, Add)


@reads("Sub", anywhere=True)
def sub(r: Reading) -> None:
    if not (found := constant_operand(r)):
        between(r, Sub)
    elif r.is_const(1):
        give_linear(r, found[0], offset=-found[1])
    else:
        give_linear(r, found[0], scale=-1.0, offset=found[1])


@reads("Mul", anywhere=True)
def mul(r: Reading) -> None:
    if found := constant_operand(r):
        give_linear(r, found[0], scale=found[1])
    else:
        between(r, Mul)


@reads("Div", anywhere=True)
def div(r: Reading) -> None:
    if not (found := constant_operand(r)):
        if r.in_integers():
            r.refuse(DIVIDES)
        between(r, Div)
        return
    x, constant = found
    if r.in_integers():
        divide_integers(r, x, constant)
    elif not r.is_const(1):
        give_linear(r, r.emit(Function, x, expr=Expr("Reciprocal", (X,))), scale=constant)
    elif (constant == 0).any():
        r.refuse(f"divides by the constant '{r.inputs[1]}', which contains 0")
    else:
        give_linear(r, x, scale=1 / constant)


def divide_integers(r: Reading, x: str, divisor: np.ndarray) -> None:
    """The whole part of quotients."""
    if not r.is_const(1) or divisor.size > 1 or not divisor.any():
        r.refuse(DIVIDES)
    quotient = Expr("Div", (X, Expr("Const", (), (divisor.item(),))))
    r.give(Function, x, expr=whole(quotient))


@reads("Min", "Max", anywhere=True)
def extreme(r: Reading) -> None:
    if len(r.inputs) == 1:
        give_linear(r, r.value())
    elif not bounded(r):
        among(r, Min if r.op == "Min" else Max)


@reads("Sum", "Mean", anywhere=True)
def total(r: Reading) -> None:
    n, found = len(r.inputs), np.zeros(())
    values = [i for i in range(n) if not r.is_const(i)]
    rank = r.common_rank()
    x, *rest = (r.value(i, rank) for i in values)
    for other in rest:
        x = r.emit(Add, x, other)
    for i in set(range(n)) - set(values):
        found = found + r.sample_const(i, rank)
    if not fits(found.shape, r.shape_of(x)):
        r.refuse("a constant among its operands has more elements than the values")
    scale = 1 / n if r.op == "Mean" else 1.0
    give_linear(r, x, scale=scale, offset=found * scale)


@reads("PRelu", anywhere=True)
def prelu(r: Reading) -> None:
    """x + (slope - 1) * min(x, 0), unless there is one slope for all."""
    x, shape, slope = r.value(), r.shape(), r.real(1, "the slopes")
    if slope.shape == shape[:1] and not fits(slope.shape, shape) and r.layout() == Batch():
        # one for each channel, as it was before opset 7 and PyTorch went on spelling it
        slope = slope.reshape(-1, *(1,) * (len(shape) - 1))
    else:
        slope = r.sample_const(1, len(shape))
    if slope.size == 1:
        r.give(Function, x, expr=Expr("LeakyRelu", (X,), (slope.item(),)))
    elif not fits(slope.shape, shape):
        r.refuse(f"slopes of shape {slope.shape} for values {shape} without the batch")
    else:
        negative = r.emit(Clamp, x, low=-np.inf, high=0.0)
        r.give(Add, x, linear(r, negative, slope - 1))


@reads("com.microsoft::FastGelu", "com.microsoft::BiasGelu", anywhere=True)
def gelu_of_sum(r: Reading) -> None:
    """Of x and a bias, which FastGelu need not have."""
    x = r.value()
    if r.has(1):
        x = linear(r, x, offset=r.sample_const(1, len(r.shape())))
    kind = "tanh" if r.op.endswith("FastGelu") else "none"
    r.give(Function, x, expr=Expr("Gelu", (X,), (kind,)))
