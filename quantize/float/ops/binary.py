"""Add, Sub, Mul, Max of two values, element by element. With a constant, ONNX's (and Min)
are Linear or Clamp."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops import binary as fixed
from dsplet.quantize.float.node import Clampable, Maker, Shape, op
from dsplet.quantize.float.ops.clamp import bounded
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
class Max(Binary):
    """y = max(a, b)."""

    twin = fixed.Max

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return any(xs)


def between_values(r: Reading, kind: type[Binary]) -> None:
    rank = r.common_rank()
    r.give(kind, r.value(0, rank), r.value(1, rank))


@reads("Add", anywhere=True)
def add(r: Reading) -> None:
    if found := constant_operand(r):
        give_linear(r, found[0], offset=found[1])
    else:
        between_values(r, Add)


@reads("Sub", anywhere=True)
def sub(r: Reading) -> None:
    if not (found := constant_operand(r)):
        between_values(r, Sub)
    elif r.is_const(1):
        give_linear(r, found[0], offset=-found[1])
    else:
        give_linear(r, found[0], scale=-1.0, offset=found[1])


@reads("Mul", anywhere=True)
def mul(r: Reading) -> None:
    if found := constant_operand(r):
        give_linear(r, found[0], scale=found[1])
    else:
        between_values(r, Mul)


@reads("Min", anywhere=True)
def minimum(r: Reading) -> None:
    if not bounded(r):
        r.refuse("expected one value and one constant")


@reads("Max", anywhere=True)
def maximum(r: Reading) -> None:
    if len(r.inputs) == 2 and not r.is_const(0) and not r.is_const(1):
        between_values(r, Max)
    elif not bounded(r):
        r.refuse("expected one value and one constant, or two values")
