"""Function: any function of one variable, which becomes a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from dsplet.quantize.fixed.curve import EXACT_BITS
from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.binary import Mul
from dsplet.quantize.fixed.ops.patched_table import SMOOTH, STEEP, fitted
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.float import kernel
from dsplet.quantize.float.functions import FUNCTIONS, Expr, X, spell, whole
from dsplet.quantize.float.node import Computing, Maker, Reads, Shape, op
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing

SQUARES = Expr("Mul", (X, X)), Expr("Pow", (X,), (2.0,))
"""Of what is too wide for an exact table, a product is exact."""
PROBE = np.linspace(-1, 1, 4097)
REACHES = (8.0, 16.0)
"""Functions are tabulated between minus and plus one of these in float arithmetic: outside they
must have come to rest."""
AT_REST = 1e-5
"""By how much at most they still move between there and four times as far out."""


@op
class Function(Computing):
    """expr: a function of one variable, element by element."""

    expr: Expr

    reads = Reads.CURVE

    def output_shape(self, xs: list[Shape]) -> Shape:
        return xs[0]

    @property
    def expression(self) -> Expr:
        return self.expr

    def choices(self, value: str, shapes: Mapping[str, Shape]) -> int:
        return 2 * (self.expr.truth and value == self.output)

    def integer(self, of: Callable[[str], bool]) -> bool:
        return self.expr.truth

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        reach = 2.0 ** np.ceil(np.log2(max(abs(low), abs(high), 1.0)) + 3)
        y = self.expr(np.abs(PROBE * reach) if all(xs) else PROBE * reach)
        return low >= 0 and bool((np.nan_to_num(y) >= 0).all())

    def onnx(self, w: Writing) -> str:
        return spell(self.expr, self.inputs[0], w.emit, w.const)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        fmt = x[0].format
        if self.expr in SQUARES and fmt.bits > EXACT_BITS and fmt.max < 1 << 15:
            return Mul(self.name, (x[0], x[0]), y)
        table, worst = fitted(self._finite, self.name, x[0], y, str(self.expr),
                              STEEP if self.expr.steep else SMOOTH, self.expr.inverts)
        if worst:
            make.note(self, f"{self.expr} bends too much for a table of {len(table.table)} nodes: "
                            f"at {worst[0]:g} it errs by {worst[1]:g}; of an input of at most "
                            f"{EXACT_BITS} bits (preactivation_bits) it would be exact")
        return table

    def _finite(self, x: np.ndarray) -> np.ndarray:
        """With its poles at the ends of every format, and 0 where it is not defined at all."""
        y: np.ndarray = np.nan_to_num(self.expr(x), nan=0.0, posinf=2.0**40, neginf=-(2.0**40))
        return y

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return Requantize(self.name, x, y)

    @property
    def refusal(self) -> str:
        f = self.expr
        if f.linear:
            return ""
        if f.jumps:
            return f"{f} may jump"
        end = REACHES[-1]
        return "" if self._reach else f"{f} is not at rest outside {-end:g}..{end:g}"

    @property
    def _reach(self) -> float:
        """The first of REACHES that is enough; 0 where none is."""
        ends = np.array([-1.0, 1.0])
        with np.errstate(invalid="ignore", over="ignore"):
            return next((r for r in REACHES if np.all(
                np.abs(self.expr(4 * r * ends) - self.expr(r * ends)) < AT_REST)), 0.0)

    def meaning(self, d: str, table: Callable[[np.ndarray], str]) -> list[kernel.RealStatement]:
        if self.expr.linear:
            return _linear(d, self.expr)
        pairs, made = kernel.tabulate(self.expr, -self._reach, self._reach)
        return [kernel.InterpolateReal(d, table(pairs), made.scale, made.offset, made.last)]


def _linear(d: str, expr: Expr) -> list[kernel.RealStatement]:
    """The statements of an expression that only scales, shifts and clamps."""
    before = [s for inner in expr.args for s in _linear(d, inner)]
    if expr.op == "Linear":
        return [*before, kernel.Linear(d, *map(kernel.word, expr.params))]
    return [*before, *(kernel.clamped(d, *expr.params) if expr.op == "Clamp" else [])]


@reads(*FUNCTIONS, anywhere=True)
def function(r: Reading) -> None:
    params = tuple(r.attr(name, default) for name, default in FUNCTIONS[r.op].attributes)
    if r.op == "Gelu" and params[0] not in ("none", "tanh"):
        r.refuse(f"approximate is {params[0]!r}; expected 'none' or 'tanh'")
    r.give(Function, r.value(), expr=Expr(r.op, (X,), params))


def beside(r: Reading, i: int, what: str) -> float:
    """Constant operand i of two, one number that adds no axes to the other."""
    if r.is_const(i) and r.rank_of(i) > r.rank_of(1 - i):
        r.refuse(f"{what} has {r.rank_of(i)} axes, more than the value it meets")
    return r.scalar(i, what=what)


@reads("Pow", anywhere=True)
def power(r: Reading) -> None:
    if not r.is_const(0):
        exponent = beside(r, 1, "the exponent")
        expr = Expr("Pow", (X,), (exponent,))
        if r.in_integers() and (exponent < 0 or exponent % 1):
            r.refuse(f"takes a power of integers, {exponent:g}, that is a fraction, of which "
                     "runtimes keep the whole part alone; cast them to float before")
    elif r.in_integers() and not r.places(1):
        r.refuse(f"takes a power of an integer, '{r.inputs[1]}', that may be negative or a "
                 "fraction, of which runtimes keep the whole part alone; cast the base to float "
                 "before")
    elif (base := beside(r, 0, "the base")) > 0:
        expr = Expr("Exp", (Expr("Linear", (X,), (math.log(base), 0.0)),))
    else:
        r.refuse(f"takes a power of {base:g}; only of numbers above 0 every power is a number")
    r.give(Function, r.value(1 if r.is_const(0) else 0), expr=expr)


@reads("Swish", "com.microsoft::QuickGelu", anywhere=True)
def swish(r: Reading) -> None:
    scaled = Expr("Linear", (X,), (r.attr("alpha", 1.0 if r.op == "Swish" else 1.702), 0.0))
    r.give(Function, r.value(), expr=Expr("Mul", (X, Expr("Sigmoid", (scaled,), ()))))


@reads("com.microsoft::Gelu", anywhere=True)
def gelu(r: Reading) -> None:
    r.give(Function, r.value(), expr=Expr("Gelu", (X,), ("none",)))


@reads("Mod", anywhere=True)
def modulo(r: Reading) -> None:
    """x - divisor * whole(x / divisor), which rounds towards zero for fmod and else down."""
    divisor = Expr("Const", (), (beside(r, 1, "the divisor"),))
    quotient = Expr("Div", (X, divisor))
    times = whole(quotient) if r.attr("fmod", 0) else Expr("Floor", (quotient,))
    r.give(Function, r.value(), expr=Expr("Sub", (X, Expr("Mul", (times, divisor)))))
