"""Function: any function of one variable, which becomes a table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.float import kernel
from dsplet.quantize.float.functions import FUNCTIONS, Expr, X, spell
from dsplet.quantize.float.node import Computing, Maker, Reads, Shape, op
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing

PROBE = np.linspace(-1, 1, 4097)
FLAT = (-8.0, 8.0)
"""Where functions are tabulated in float arithmetic: outside they must have come to rest."""
AT_REST = 1e-3


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

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        reach = 2.0 ** np.ceil(np.log2(max(abs(low), abs(high), 1.0)) + 3)
        y = self.expr(np.abs(PROBE * reach) if all(xs) else PROBE * reach)
        return low >= 0 and bool((np.nan_to_num(y) >= 0).all())

    def onnx(self, w: Writing) -> str:
        return spell(self.expr, self.inputs[0], w.emit, w.const)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return Table.of(self._finite, self.name, x[0], y, str(self.expr))

    def _finite(self, x: np.ndarray) -> np.ndarray:
        """With its poles at the ends of every format, and 0 where it is not defined at all."""
        y: np.ndarray = np.nan_to_num(self.expr(x), nan=0.0, posinf=2.0**40, neginf=-(2.0**40))
        return y

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return Requantize(self.name, x, y)

    @property
    def refusal(self) -> str:
        f, ends = self.expr, np.array(FLAT)
        if f.linear:
            return ""
        with np.errstate(invalid="ignore"):
            rests = np.all(np.abs(f(4 * ends) - f(ends)) < AT_REST)
        return "" if rests else f"{f} is not at rest outside {FLAT[0]:g}..{FLAT[1]:g}"

    def meaning(self, d: str, table: Callable[[np.ndarray], str]) -> list[kernel.RealStatement]:
        if self.expr.linear:
            return _linear(d, self.expr)
        pairs, made = kernel.tabulate(self.expr, *FLAT)
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
    r.give(Function, r.value(), expr=Expr(r.op, (X,), params))


@reads("PRelu", anywhere=True)
def prelu(r: Reading) -> None:
    r.give(Function, r.value(),
           expr=Expr("LeakyRelu", (X,), (r.scalar(1, what="the slope"),)))


@reads("Pow", anywhere=True)
def power(r: Reading) -> None:
    if r.is_const(0):
        r.refuse("a constant to the power of an activation is not supported; use Exp")
    exponent = r.scalar(1, what="the exponent")
    r.give(Function, r.value(), expr=Expr("Pow", (X,), (exponent,)))
