"""Add, Sub, Mul, Div, Neg, Pow: with constants they are `Linear`, between values they are ops."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.readers.reading import Reading, reads


def constant_operand(r: Reading) -> tuple[str, np.ndarray] | None:
    """(the value, the constant) where one operand is a constant that broadcasts to the other's
    shape."""
    i = 1 if r.is_const(1) else 0
    if not r.is_const(i):
        return None
    x = r.shape(1 - i)
    constant = r.sample_const(i, len(x))
    if np.broadcast_shapes(constant.shape, x) != x:
        return None
    return r.value(1 - i), constant.reshape(()) if constant.size == 1 else constant


def between_values(r: Reading) -> None:
    rank = max(len(r.shape(i)) for i in (0, 1) if not r.is_const(i))
    if any(len(r.shape(i)) != rank for i in (0, 1) if not r.is_const(i)):
        r.refuse(f"its operands have shapes {r.shape(0)} and {r.shape(1)} without the batch; "
                 "expected the same number of axes")
    r.give(r.op, r.value(0, rank), r.value(1, rank))


def linear(r: Reading, x: str, scale=1.0, offset=0.0) -> None:
    r.give("Linear", x, scale=np.asarray(scale, np.float64), offset=np.asarray(offset, np.float64))


@reads("Add")
def add(r: Reading) -> None:
    if found := constant_operand(r):
        linear(r, found[0], offset=found[1])
    else:
        between_values(r)


@reads("Sub")
def sub(r: Reading) -> None:
    if not (found := constant_operand(r)):
        between_values(r)
    elif r.is_const(1):
        linear(r, found[0], offset=-found[1])
    else:
        linear(r, found[0], scale=-1.0, offset=found[1])


@reads("Mul")
def mul(r: Reading) -> None:
    if found := constant_operand(r):
        linear(r, found[0], scale=found[1])
    else:
        between_values(r)


@reads("Div")
def div(r: Reading) -> None:
    found = constant_operand(r)
    if not found:
        r.refuse("one operand must be a constant; a quotient of two activations is not supported")
    x, constant = found
    if r.is_const(1):
        if (constant == 0).any():
            r.refuse(f"divides by the constant '{r.inputs[1]}', which contains 0")
        linear(r, x, scale=1 / constant)
    else:
        linear(r, r.emit("Function", x, expr=Expr("Reciprocal", (X,))), scale=constant)


@reads("Neg")
def neg(r: Reading) -> None:
    linear(r, r.value(), scale=-1.0)


@reads("Pow")
def power(r: Reading) -> None:
    if r.is_const(0):
        r.refuse("a constant to the power of an activation is not supported; use Exp")
    exponent = r.scalar(1, what="the exponent")
    r.give("Function", r.value(), expr=Expr("Pow", (X,), (exponent,)))
