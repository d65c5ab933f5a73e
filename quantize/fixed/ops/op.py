"""What the op files share: registration and the facts of multiply-accumulate ops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, half_step
from dsplet.quantize.fixed.fields import LARGEST_INTEGER
from dsplet.quantize.fixed.graph import Interval, Node, Requantizing
from dsplet.quantize.fixed.kernel import Storage
from dsplet.quantize.fixed.qformat import RangeError

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


def check_bias(node: Node, bias: IntArray) -> None:
    """ValueError where a bias does not fit 32 bits."""
    if np.abs(bias).max() > LARGEST_INTEGER:
        raise ValueError(f"{node.op} '{node.name}' has a bias that 32 bits do not hold")


def dot_interval(products_high: IntArray, products_low: IntArray, bias: IntArray,
                 shift: IntArray) -> Interval:
    """The range of every partial sum of a dot product, in any order of summation.

    products_high, products_low: per channel, the sums of the products' largest and smallest
    values, each at least / at most 0 (a prefix may hold only the positive or negative ones).
    """
    half = np.array([half_step(int(s)) for s in np.broadcast_to(shift, products_high.shape)])
    return Interval(products_low + np.minimum(bias.min(axis=1), 0),
                    products_high + np.maximum(bias.max(axis=1), 0) + half)


def weighted_interval(node: Requantizing, weight: IntArray, bias: IntArray) -> Interval:
    """The proof for a node whose accumulator c is sum(weight[c] * x) + bias[c].

    weight: (C, fan-in). bias: (C, anything). x: the node's first input, anywhere in its format.
    """
    fmt = node.inputs[0].format
    ends = np.stack([weight * fmt.min, weight * fmt.max])
    return dot_interval(np.maximum(ends.max(0), 0).sum(1), np.minimum(ends.min(0), 0).sum(1),
                        bias, node.shift)


def span(interval: Interval) -> tuple[int, int]:
    """The interval over all channels."""
    return int(np.min(interval.low)), int(np.max(interval.high))
