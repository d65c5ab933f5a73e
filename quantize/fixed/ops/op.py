"""What the op files share: registration and the facts of multiply-accumulate ops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, half_step
from dsplet.quantize.fixed.graph import Interval, Node, Value
from dsplet.quantize.fixed.kernel import Storage
from dsplet.quantize.fixed.qformat import QFormat, RangeError

C = TypeVar("C", bound=Node)


@dataclass_transform(frozen_default=True, eq_default=False)
def op(cls: type[C]) -> type[C]:
    """Make a class an op: a frozen dataclass, found by its name in `Node.registry`."""
    cls = dataclass(frozen=True, eq=False)(cls)
    Node.registry[cls.__name__] = cls
    return cls


@dataclass(frozen=True, eq=False)
class Moving(Node):
    """An op that moves numbers and computes nothing: it costs nothing where a view will do."""

    def check(self) -> None:
        if any(x.format != self.output.format for x in self.inputs):
            raise ValueError(f"{self.op} '{self.name}' cannot change the format "
                             f"{self.inputs[0].format} to {self.output.format}")

    def view(self, x: Storage) -> Storage | None:
        """Where the output lies inside the stored input; None where only a copy will do."""
        return None

    def parts(self, y: Storage) -> list[Storage]:
        """Where each input lies inside the stored output; nothing where that has no meaning."""
        return []

    @property
    def fill(self) -> int | None:
        """The integer that fills the output outside its parts."""
        return None


MOST_LEFT = 31
"""Operands are shifted left by so many bits at most to meet at one step."""


def check_alignment(node: Node, *shifts: int) -> None:
    """RangeError where operands that meet at one step have steps too far apart."""
    if max(shifts) > MOST_LEFT:
        raise RangeError(f"{node.op} '{node.name}' meets steps 2**{max(shifts)} apart",
                         expected=f"at most 2**{MOST_LEFT}",
                         remedy="scale what the network computes")


def check_positive(node: Node, **numbers: Sequence[int]) -> None:
    """ValueError where one of the numbers is below 1."""
    for name, several in numbers.items():
        if min(several, default=1) < 1:
            raise ValueError(f"{node.op} '{node.name}' has the {name} {tuple(several)}; expected "
                             "numbers of at least 1")


def check_axes(node: Node, least: int = 1) -> None:
    """ValueError where an input has fewer axes."""
    for x in node.inputs:
        if len(x.shape) < least:
            raise ValueError(f"{node.op} '{node.name}' needs {least} or more axes; '{x.name}' has "
                             f"{len(x.shape)}")


def check_lengths(node: Node, length: int, **several: Sequence[object]) -> None:
    """ValueError where one of these lists has another length."""
    for name, found in several.items():
        if len(found) != length:
            raise ValueError(f"{node.op} '{node.name}' has {len(found)} {name}; expected {length}")


def weighted_interval(shift: IntArray, bias: IntArray, *terms: tuple[Value, IntArray]) -> Interval:
    """The proof for an accumulator c that is bias[c] + the sum of weight[c] * x over the terms (x,
    weight): the range of every partial sum, in any order of summation.

    weight: (C, fan-in), of 32 bits. bias: (C, anything). x: anywhere in its format.
    """
    low, high = np.minimum(bias.min(1), 0).astype(object), np.maximum(bias.max(1), 0).astype(object)
    for x, weight in terms:
        # at most 2**28 weights, whose sum int64 holds; times x it may not
        up, down = (f(weight, 0).sum(1).astype(object) for f in (np.maximum, np.minimum))
        low = low + up * x.format.min + down * x.format.max
        high = high + up * x.format.max + down * x.format.min
    return Interval(low, high + np.array([half_step(int(s)) for s in
                                          np.broadcast_to(shift, high.shape)], object))


def aligned_range(values: Sequence[Value], shifts: Sequence[int]) -> tuple[int, int]:
    """The least and the largest of all these values' integers, each value shifted left by its own
    number of bits; 0 is between them."""
    return (min(v.format.min << s for v, s in zip(values, shifts, strict=True)),
            max(v.format.max << s for v, s in zip(values, shifts, strict=True)))


def product_range(a: QFormat, b: QFormat, terms: int = 1) -> tuple[int, int]:
    """The least and the largest of the partial sums of so many products of the formats' integers;
    0 is between them."""
    ends = [p * q for p in (a.min, a.max) for q in (b.min, b.max)]
    return terms * min(*ends, 0), terms * max(ends)


def span(interval: Interval) -> tuple[int, int]:
    """The interval over all channels."""
    return int(np.min(interval.low)), int(np.max(interval.high))
