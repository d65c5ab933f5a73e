"""Functions of one variable as expressions: what they compute, and how ONNX spells them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Expr:
    """A function of the variable x. op: "x", "Linear" (params scale, offset), "Clamp" (params low,
    high), "Add", "Sub", "Mul", "Div" (two arguments), "Pow" (params exponent) or a name in FUNCTIONS,
    whose params are the values of its ONNX attributes."""

    op: str
    args: tuple[Expr, ...] = ()
    params: tuple[Any, ...] = ()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The function in double precision; nan or inf where it is not defined."""
        with np.errstate(all="ignore"):
            y: np.ndarray = self._at(np.asarray(x, np.float64))
        return y

    def _at(self, x: np.ndarray) -> Any:
        args = [a._at(x) for a in self.args]
        match self.op, self.params:
            case "x", _:
                return x
            case "Linear", (scale, offset):
                return args[0] * scale + offset
            case "Clamp", (low, high):
                return np.clip(args[0], low, high)
            case "Pow", (exponent,):
                return args[0] ** exponent
        if self.op in BINARY:
            return BINARY[self.op](*args)
        return FUNCTIONS[self.op].compute(*args, *self.params)

    def of(self, inner: Expr) -> Expr:
        """The composition: this function of `inner`."""
        if self == X:
            return inner
        return Expr(self.op, tuple(a.of(inner) for a in self.args), self.params)

    @property
    def linear(self) -> bool:
        """Whether it only scales, shifts and clamps."""
        return self.op in ("x", "Linear", "Clamp") and all(a.linear for a in self.args)

    @property
    def inverts(self) -> bool:
        """Whether it divides by something."""
        return self.op in ("Reciprocal", "Div") or self.op == "Pow" and self.params[0] < 0 or any(
            a.inverts for a in self.args)

    def __str__(self) -> str:
        args = [str(a) for a in self.args]
        match self.op, self.params:
            case "x", _:
                return "x"
            case "Linear", (scale, offset):
                product = args[0] if scale == 1 else f"{scale:.6g}*{args[0]}"
                return f"({product}{offset:+.6g})" if offset else product
            case "Clamp", (low, high):
                return f"clamp({args[0]}, {low:.6g}, {high:.6g})"
            case "Pow", (exponent,):
                return f"{args[0]}^{exponent:.6g}"
        if self.op in BINARY:
            return f"({args[0]} {'+-*/'[list(BINARY).index(self.op)]} {args[1]})"
        return f"{self.op.lower()}({args[0]})"


X = Expr("x")
BINARY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}


@dataclass(frozen=True)
class Function:
    """compute(x, *attributes) in double precision; attributes: ONNX names with their defaults."""

    compute: Callable[..., np.ndarray]
    attributes: tuple[tuple[str, object], ...] = ()


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _erf(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x))


def _gelu(x: np.ndarray, approximate: str) -> np.ndarray:
    y: np.ndarray = 0.5 * x * (
        1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)) if approximate == "tanh" else
        1 + _erf(x / math.sqrt(2)))
    return y


FUNCTIONS = {
    "Abs": Function(np.abs),
    "Atan": Function(np.arctan),
    "Celu": Function(lambda x, a: np.maximum(x, 0) + np.minimum(0, a * np.expm1(x / a)),
                     (("alpha", 1.0),)),
    "Cos": Function(np.cos),
    "Elu": Function(lambda x, a: np.where(x < 0, a * np.expm1(x), x), (("alpha", 1.0),)),
    "Erf": Function(_erf),
    "Exp": Function(np.exp),
    "Gelu": Function(_gelu, (("approximate", "none"),)),
    "HardSigmoid": Function(lambda x, a, b: np.clip(a * x + b, 0, 1),
                            (("alpha", 0.2), ("beta", 0.5))),
    "HardSwish": Function(lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "LeakyRelu": Function(lambda x, a: np.where(x < 0, a * x, x), (("alpha", 0.01),)),
    "Log": Function(np.log),
    "Mish": Function(lambda x: x * np.tanh(np.logaddexp(0, x))),
    "Reciprocal": Function(lambda x: 1 / x),
    "Selu": Function(lambda x, a, g: g * np.where(x <= 0, a * np.expm1(x), x),
                     (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875))),
    "Sigmoid": Function(_sigmoid),
    "Sin": Function(np.sin),
    "Softplus": Function(lambda x: np.logaddexp(0, x)),
    "Softsign": Function(lambda x: x / (1 + np.abs(x))),
    "Sqrt": Function(np.sqrt),
    "Tanh": Function(np.tanh),
    "ThresholdedRelu": Function(lambda x, a: np.where(x > a, x, 0), (("alpha", 1.0),)),
}


def spell(expr: Expr, x: str, emit: Callable[..., str], const: Callable[[object], str]) -> str:
    """Print the expression as ONNX nodes. emit(op, *inputs, **attributes) and const(value) give
    tensor names."""
    args = [spell(a, x, emit, const) for a in expr.args]
    match expr.op, expr.params:
        case "x", _:
            return x
        case "Linear", (scale, offset):
            y = args[0] if scale == 1 else emit("Mul", args[0], const(scale))
            return y if offset == 0 else emit("Add", y, const(offset))
        case "Clamp", (low, high):
            return emit("Clip", args[0], *(const(v) if math.isfinite(v) else "" for v in
                                           (low, high)))
        case "Pow", (exponent,):
            return emit("Pow", args[0], const(exponent))
    if expr.op in BINARY:
        return emit(expr.op, *args)
    names = [name for name, _ in FUNCTIONS[expr.op].attributes]
    return emit(expr.op, *args, **dict(zip(names, expr.params, strict=True)))
