"""Softmax and LogSoftmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.kernel import Add, Max, Mul, Set, Store
from dsplet.quantize.fixed.ops import softmax as fixed
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.kernel import InterpolateReal, tabulate
from dsplet.quantize.float.node import Computing, Maker, Reads, Shape, op
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing

LOWEST_EXPONENT = -16.0


class Normalizing(Computing):
    """Over the last axis: differences from the largest, their exponentials, the sum of these."""

    reads = Reads.SCORES
    twin: ClassVar[type[fixed.Softmax | fixed.LogSoftmax]]
    """The fixed-point op."""

    def output_shape(self, xs: list[Shape]) -> Shape:
        return xs[0]

    def onnx(self, w: Writing) -> str:
        return w.emit(self.op, *self.inputs, axis=-1)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return self.twin.of(self.name, x[0], y)

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return _Real(self.name, x, y, self)

    def curve(self, role: str, n: int) -> tuple[np.ndarray, InterpolateReal]:
        """A table of its kernel over reals, and how that is read. n: along the axis."""
        f, low, high = {"exp": (np.exp, LOWEST_EXPONENT, 0.0), "log": (np.log, 1.0, n + 1.0),
                        "inverse": (np.reciprocal, 1.0, n + 1.0)}[role]
        return tabulate(f, low, high)

    @property
    def roles(self) -> tuple[str, str]:
        """Of the two curves: the exponential, and what becomes of the sum."""
        return "exp", "log" if self.twin is fixed.LogSoftmax else "inverse"

    def constants(self, xs: list[Shape], y: Shape) -> dict[str, np.ndarray]:
        return {role: self.curve(role, y[-1])[0] for role in self.roles}


@op
class Softmax(Normalizing):
    """exp(x) / sum(exp(x))."""

    twin = fixed.Softmax

    def fracs(self, xs: tuple[QFormat, ...]) -> tuple[int, int]:
        return 0, 15

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return True


@op
class LogSoftmax(Normalizing):
    """x - log(sum(exp(x)))."""

    twin = fixed.LogSoftmax


@dataclass(frozen=True, eq=False)
class _Real(Node):
    """The kernel in float arithmetic: x - max, exp, sum, and the logarithm or the reciprocal of
    the sum, by interpolation."""

    of: Normalizing

    @property
    def op(self) -> str:
        return self.of.op

    def kernel(self, k: Builder) -> None:
        x, y, (*lead, n) = k[self.inputs[0]], k[self.output], self.output.shape

        def curve(d: str, role: str) -> InterpolateReal:
            table, made = self.of.curve(role, n)
            buffer = k.const(role, np.zeros(table.size, np.int64)).buffer
            return InterpolateReal(d, buffer, made.scale, made.offset, made.last)

        first, second = self.of.roles
        exp, end = curve("d", first), curve("s", second)
        with k.loops(*lead) as at:
            k.emit(Set("m", x[(*at, 0)]))
            with k.loop(n) as j:
                k.emit(Max("m", x[(*at, j)]))
            k.emit(Set("s", 0))
            with k.loop(n) as j:
                k.emit(Set("d", x[(*at, j)]), Add("d", "m", negate=True), exp, Add("s", "d"))
            k.emit(end)
            if second == "log":
                k.emit(Add("s", "m"))
            with k.loop(n) as j:
                k.emit(Set("d", x[(*at, j)]))
                if second == "log":
                    k.emit(Add("d", "s", negate=True))
                else:
                    k.emit(Add("d", "m", negate=True), exp, Mul("d", "s"))
                k.emit(Store(y[(*at, j)], "d"))


@reads("Softmax", "LogSoftmax", anywhere=True)
def softmax(r: Reading) -> None:
    kind = Softmax if r.op == "Softmax" else LogSoftmax
    along_axis(r, lambda x, to: r.emit(kind, x, to=to))


def along_axis(r: Reading, make: Callable[[str, str | None], str]) -> None:
    """What `make` gives along the last axis of a value, as the output `to` or none, along the axis
    that the node names."""
    x, n, to = r.shape(), len(r.shape()), r.outputs[0]
    axis = r.axis(r.attr("axis", -1 if r.opset >= 13 else 1))
    if axis == n - 1:
        make(r.value(), to)
    elif r.opset < 13:  # over all axes from `axis` on
        flat = r.emit(Reshape, r.value(), shape=(*x[:axis], int(np.prod(x[axis:]))))
        r.give(Reshape, make(flat, None), shape=x)
    else:
        swap = list(range(n))
        swap[axis], swap[-1] = swap[-1], swap[axis]
        last = r.emit(Transpose, r.value(), perm=tuple(swap))
        r.give(Transpose, make(last, None), perm=tuple(swap))
