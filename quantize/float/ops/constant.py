"""Constant: numbers known beforehand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.constant import Constant as FixedConstant
from dsplet.quantize.float.node import Computing, Maker, Shape, op
from dsplet.quantize.float.writing import Writing


@op
class Constant(Computing):
    """value: the numbers."""

    value: np.ndarray

    arity = 0

    def output_shape(self, xs: list[Shape]) -> Shape:
        return self.value.shape

    @property
    def holds(self) -> np.ndarray:
        return self.value

    def integer(self, of: Callable[[str], bool]) -> bool:
        return bool((self.value % 1 == 0).all())

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return bool((self.value >= 0).all())

    def onnx(self, w: Writing) -> str:
        return w.repeat(self.value)

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedConstant(self.name, x, y, make.integers(self.value, y))

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return self.fixed(make, x, y)
