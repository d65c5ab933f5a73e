"""Add, Sub, Mul, Div, Max of two values, element by element. With a constant, ONNX's (and Min)
are Linear or Clamp."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops import binary as fixed
from dsplet.quantize.fixed.ops.div import Div as FixedDiv
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.node import Clampable, Maker, NoReal, Reads, Shape, op
from dsplet.quantize.float.ops.clamp import bounded
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.linear import constant_operand, give_linear
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


class Binary(Clampable):
    """Two values of equal rank that broadcast; one of them may be a Constant's."""

    arity = 2
    twin: ClassVar[type[fixed.Binary]]
    """The fixed-point op."""

    def output_shape(self, xs: list[Shape]) -> Shape:
        return np.broadcast_shapes(*xs)

    def onnx(self, w: Writing) -> str:
        return w.emit(self.op, *self.inputs)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return self.twin(self.name, x, y, clamp=make.clamp(self, y))


class Arithmetic(Binary):
    """Can be part of a function of one variable, by its own name in `functions.BINARY`."""


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


def between_values(r: Reading, kind: type[Binary]) -> None:
    rank = max(len(r.shape(i)) for i in (0, 1) if not r.is_const(i))
    if any(len(r.shape(i)) != rank for i in (0, 1) if not r.is_const(i)):
        r.refuse(f"its operands have shapes {r.shape(0)} and {r.shape(1)} without the batch; "
                 "expected the same number of axes")
    r.give(kind, r.value(0, rank), r.value(1, rank))


@reads("Add")
def add(r: Reading) -> None:
    if found := constant_operand(r):
        give_linear(r, found[0], offset=found[1])
    else:
        between_values(r, Add)


@reads("Sub")
def sub(r: Reading) -> None:
    if not (found := constant_operand(r)):
        between_values(r, Sub)
    elif r.is_const(1):
        give_linear(r, found[0], offset=-found[1])
    else:
        give_linear(r, found[0], scale=-1.0, offset=found[1])


@reads("Mul")
def mul(r: Reading) -> None:
    if found := constant_operand(r):
        give_linear(r, found[0], scale=found[1])
    else:
        between_values(r, Mul)


@reads("Div")
def div(r: Reading) -> None:
    if not (found := constant_operand(r)):
        between_values(r, Div)
        return
    x, constant = found
    if not r.is_const(1):
        give_linear(r, r.emit(Function, x, expr=Expr("Reciprocal", (X,))), scale=constant)
    elif (constant == 0).any():
        r.refuse(f"divides by the constant '{r.inputs[1]}', which contains 0")
    else:
        give_linear(r, x, scale=1 / constant)


@reads("Min")
def minimum(r: Reading) -> None:
    if not bounded(r):
        r.refuse("expected one value and one constant")


@reads("Max")
def maximum(r: Reading) -> None:
    if len(r.inputs) == 2 and not r.is_const(0) and not r.is_const(1):
        between_values(r, Max)
    elif not bounded(r):
        r.refuse("expected one value and one constant, or two values")
