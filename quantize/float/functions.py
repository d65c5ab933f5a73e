"""Functions of one variable as expressions: what they compute, and how ONNX spells them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Expr:
    """A function of the variable x. op: "x", "Const" (params value), "Linear" (params scale,
    offset), "Clamp" (params low, high), "Pow" (params exponent), a name in BINARY (two arguments)
    or in RELATIONS (two arguments; 1 where it holds, else 0), "Where" (three arguments), or a name
    in FUNCTIONS, whose params are the values of its ONNX attributes."""

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
            case "Const", (value,):
                return np.full(x.shape, value)
            case "Where", _:
                return np.where(args[0] != 0, *args[1:])
            case "Linear", (scale, offset):
                return args[0] * scale + offset
            case "Clamp", (low, high):
                return np.clip(args[0], low, high)
            case "Pow", (exponent,):
                return args[0] ** exponent
        if self.op in RELATIONS:
            return RELATIONS[self.op](*args).astype(np.float64)
        if self.op in BINARY:
            return BINARY[self.op](*args)
        return FUNCTIONS[self.op].compute(*args, *self.params)

    def of(self, inner: Expr) -> Expr:
        """The composition: this function of `inner`."""
        if self == X:
            return inner
        return Expr(self.op, tuple(a.of(inner) for a in self.args), self.params)

    @property
    def truth(self) -> bool:
        """Whether its values are 0 and 1 alone."""
        return self.op in RELATIONS or self.op in ("Mul", "Max") and all(
            a.truth for a in self.args)

    @property
    def jumps(self) -> bool:
        """Whether it may have jumps."""
        return self.op in (*RELATIONS, *JUMPING, "Where") or any(a.jumps for a in self.args)

    @property
    def steep(self) -> bool:
        """Whether it may have jumps, poles or a slope without end."""
        return self.jumps or self.op in STEEP or any(a.steep for a in self.args)

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
            case "Const", (value,):
                return f"{value:.6g}"
            case "Where", _:
                return f"({args[0]} ? {args[1]} : {args[2]})"
            case "Linear", (scale, offset):
                product = args[0] if scale == 1 else f"{scale:.6g}*{args[0]}"
                return f"({product}{offset:+.6g})" if offset else product
            case "Clamp", (low, high):
                return f"clamp({args[0]}, {low:.6g}, {high:.6g})"
            case "Pow", (exponent,):
                return f"{args[0]}^{exponent:.6g}"
        if self.op in SIGNS:
            return f"({args[0]} {SIGNS[self.op]} {args[1]})"
        return f"{self.op.lower()}({', '.join(args)})"


def whole(f: Expr) -> Expr:
    """The function without its fractions, rounded towards zero."""
    positive = Expr("Greater", (f, Expr("Const", (), (0.0,))))
    return Expr("Where", (positive, Expr("Floor", (f,)), Expr("Ceil", (f,))))


X = Expr("x")
BINARY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide,
          "Max": np.maximum, "Min": np.minimum}
RELATIONS = {"Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Equal": np.equal,
             "NotEqual": np.not_equal}
SIGNS = dict(zip(("Add", "Sub", "Mul", "Div", *RELATIONS), "+ - * / > >= = !=".split(),
                 strict=True))
STEEP = ("Acos", "Acosh", "Asin", "Atanh", "Div", "Log", "Pow", "Reciprocal", "Sqrt", "Tan")
JUMPING = ("Ceil", "Floor", "Round", "Shrink", "Sign", "ThresholdedRelu")


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
    "Acos": Function(np.arccos),
    "Acosh": Function(np.arccosh),
    "Asin": Function(np.arcsin),
    "Asinh": Function(np.arcsinh),
    "Atanh": Function(np.arctanh),
    "Atan": Function(np.arctan),
    "Celu": Function(lambda x, a: np.maximum(x, 0) + np.minimum(0, a * np.expm1(x / a)),
                     (("alpha", 1.0),)),
    "Ceil": Function(np.ceil),
    "Cos": Function(np.cos),
    "Cosh": Function(np.cosh),
    "Elu": Function(lambda x, a: np.where(x < 0, a * np.expm1(x), x), (("alpha", 1.0),)),
    "Erf": Function(_erf),
    "Exp": Function(np.exp),
    "Floor": Function(np.floor),
    "Gelu": Function(_gelu, (("approximate", "none"),)),
    "HardSigmoid": Function(lambda x, a, b: np.clip(a * x + b, 0, 1),
                            (("alpha", 0.2), ("beta", 0.5))),
    "HardSwish": Function(lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "LeakyRelu": Function(lambda x, a: np.where(x < 0, a * x, x), (("alpha", 0.01),)),
    "Log": Function(np.log),
    "Mish": Function(lambda x: x * np.tanh(np.logaddexp(0, x))),
    "Reciprocal": Function(lambda x: 1 / x),
    "Round": Function(np.round),
    "Selu": Function(lambda x, a, g: g * np.where(x <= 0, a * np.expm1(x), x),
                     (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875))),
    "Shrink": Function(lambda x, b, t: np.where(x < -t, x + b, np.where(x > t, x - b, 0)),
                       (("bias", 0.0), ("lambd", 0.5))),
    "Sigmoid": Function(_sigmoid),
    "Sign": Function(np.sign),
    "Sin": Function(np.sin),
    "Sinh": Function(np.sinh),
    "Softplus": Function(lambda x: np.logaddexp(0, x)),
    "Softsign": Function(lambda x: x / (1 + np.abs(x))),
    "Sqrt": Function(np.sqrt),
    "Tan": Function(np.tan),
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
        case "Const", (value,):
            return const(value)
        case "Where", _:
            return emit("Where", emit("Greater", args[0], const(0.5)), *args[1:])
        case "Linear", (scale, offset):
            y = args[0] if scale == 1 else emit("Mul", args[0], const(scale))
            return y if offset == 0 else emit("Add", y, const(offset))
        case "Clamp", (low, high):
            return emit("Clip", args[0], *(const(v) if math.isfinite(v) else "" for v in
                                           (low, high)))
        case "Pow", (exponent,):
            return emit("Pow", args[0], const(exponent))
    if expr.op in RELATIONS:
        return related(expr.op, args, emit, const)
    if expr.op in BINARY:
        return emit(expr.op, *args)
    names = [name for name, _ in FUNCTIONS[expr.op].attributes]
    return emit(expr.op, *args, **dict(zip(names, expr.params, strict=True)))


def related(relation: str, args: Sequence[str], emit: Callable[..., str],
            const: Callable[[object], str]) -> str:
    """Print a relation of two values as ONNX nodes: 1 where it holds, else 0."""
    equal = relation.endswith("Equal") and relation != "GreaterOrEqual"
    ends = (0.0, 1.0) if relation == "NotEqual" else (1.0, 0.0)
    return emit("Where", emit("Equal" if equal else relation, *args), *map(const, ends))
