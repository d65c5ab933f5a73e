"""Compare: whether a relation holds between two values, 1 or 0; and what is made of such truths."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops import binary as fixed
from dsplet.quantize.fixed.ops.compare import Compare as FixedCompare
from dsplet.quantize.float.broadcast import broadcast_shape
from dsplet.quantize.float.element_types import FLOATS, INDEX_TYPES, TRUTH, numbers, type_name
from dsplet.quantize.float.functions import RELATIONS, X, related, whole
from dsplet.quantize.float.node import Computing, Maker, NoReal, Reads, Shape, op
from dsplet.quantize.float.ops.binary import Binary, between
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.reshape import identity
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class Compare(NoReal, Computing):
    """relation: a name in `functions.RELATIONS`, between two values that broadcast."""

    relation: str

    arity = 2
    reads = Reads.ORDER

    def check(self) -> None:
        if self.relation not in RELATIONS:
            self.refuse(f"no relation is called '{self.relation}'")

    def output_shape(self, xs: list[Shape]) -> Shape:
        return broadcast_shape(*xs)

    @property
    def combination(self) -> str:
        return self.relation

    def integer(self, of: Callable[[str], bool]) -> bool:
        return True

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return True

    def choices(self, value: str, shapes: Mapping[str, Shape]) -> int:
        return 2 * (value == self.output)

    def onnx(self, w: Writing) -> str:
        return related(self.relation, self.inputs, w.emit, w.const)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedCompare(self.name, x, y, self.relation)


class Logic(Binary):
    """Of two values that are 0 or 1."""

    def integer(self, of: Callable[[str], bool]) -> bool:
        return True

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return True

    def choices(self, value: str, shapes: Mapping[str, Shape]) -> int:
        return 2


@op
class And(Logic):
    """y = a and b: their product."""

    twin = fixed.Mul
    combination = "Mul"

    def onnx(self, w: Writing) -> str:
        return w.emit("Mul", *self.inputs)


@op
class Or(Logic):
    """y = a or b: the larger."""

    twin = fixed.Max
    combination = "Max"

    def onnx(self, w: Writing) -> str:
        return w.emit("Max", *self.inputs)


@reads("Greater", "GreaterOrEqual", "Equal", anywhere=True)
def compare(r: Reading) -> None:
    between(r, Compare, relation=r.op)


@reads("Less", "LessOrEqual", anywhere=True)
def less(r: Reading) -> None:
    between(r, Compare, swapped=True, relation=r.op.replace("Less", "Greater"))


@reads("And", anywhere=True)
def both(r: Reading) -> None:
    between(r, And)


@reads("Or", anywhere=True)
def either(r: Reading) -> None:
    between(r, Or)


@reads("Xor", anywhere=True)
def one(r: Reading) -> None:
    between(r, Compare, relation="NotEqual")


@reads("Not", anywhere=True)
def negation(r: Reading) -> None:
    with_zero(r, "Equal")


def with_zero(r: Reading, relation: str) -> None:
    """The input compared with 0."""
    zero = r.emit(Constant, value=np.zeros((1,) * len(r.shape())))
    r.give(Compare, r.value(), zero, relation=relation)


@reads("Cast", "CastLike", anywhere=True)
def cast(r: Reading) -> None:
    """Of the network's own numbers those that are integers stay; the others lose their fractions.
    """
    to = r.attr("to") if r.op == "Cast" else r.element_type(1)
    if to == TRUTH and not r.truth():
        with_zero(r, "NotEqual")
    elif to in (TRUTH, *FLOATS):
        identity(r)
    elif not r.integer():
        if not r.integer(given=True):
            r.refuse("casts an activation that may hold fractions to something other than float")
        if to not in INDEX_TYPES:
            r.refuse(f"casts an input of the network to {type_name(to)}, which may not hold it")
        r.give(Function, r.value(), expr=whole(X))
    elif holds(r, to):
        identity(r)
    else:
        r.refuse(f"casts integers to {type_name(to)}, which may not hold them")


def holds(r: Reading, to: int) -> bool:
    """Whether a type of integers holds those of the first input."""
    if to in INDEX_TYPES:
        return True
    most, own = np.iinfo(numbers(to)).max, r.element_type()
    return 0 < r.places() <= most + 1 or own not in FLOATS and np.can_cast(
        numbers(own), numbers(to))
