"""MaxPool and AveragePool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.pool import AveragePool as FixedAveragePool
from dsplet.quantize.fixed.ops.pool import MaxPool as FixedMaxPool
from dsplet.quantize.float import kernel
from dsplet.quantize.float.broadcast import plane_owners
from dsplet.quantize.float.node import NO_CLAMP, Clampable, FloatNode, Maker, Moving, Shape, op
from dsplet.quantize.float.ops.window import explicit_pads, padded, places, spatial_window
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@dataclass(frozen=True, eq=False)
class Pool(FloatNode):
    """One number for each place of a window, in each channel."""

    window: tuple[int, ...]
    strides: tuple[int, ...]

    def check(self) -> None:
        if len(self.window) != len(self.strides) or min(*self.window, *self.strides) < 1:
            self.refuse(f"a window {self.window} and strides {self.strides} do not fit together")

    def output_shape(self, xs: list[Shape]) -> Shape:
        ones = (1,) * len(self.window)
        return (xs[0][0], *places(xs[0][1:], self.window, self.strides, ones))

    def idle(self, x: Shape, y: Shape) -> bool:
        return set(self.window) | set(self.strides) == {1} and self.bounds == NO_CLAMP

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs)

    def channels(self, owner: np.ndarray, shape: Shape) -> np.ndarray | None:
        return plane_owners(owner, shape)

    def onnx(self, w: Writing) -> str:
        return w.emit(self.op, *self.inputs, kernel_shape=self.window, strides=self.strides)


@op
class MaxPool(Pool, Moving):
    """The largest number of the window."""

    keeps_order = True

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedMaxPool(self.name, x, y, self.window, self.strides)


@op
class AveragePool(Pool, Clampable):
    """The mean of the window."""

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedAveragePool(self.name, x, y, self.window, self.strides,
                                clamp=make.clamp(self, y))

    def meaning(self, d: str, table: Callable[[np.ndarray], str]) -> list[kernel.RealStatement]:
        return [kernel.Linear(d, kernel.word(1 / prod(self.window))), *super().meaning(d, table)]


def _geometry(r: Reading) -> tuple[list[int], list[int], list[int]]:
    window = list(r.attr("kernel_shape"))
    strides, dilations = spatial_window(r, window)
    if any(d != 1 for d in dilations):
        r.refuse(f"dilations {dilations} are not supported; expected 1")
    return window, strides, dilations


@reads("MaxPool")
def max_pool(r: Reading) -> None:
    window, strides, dilations = _geometry(r)
    if len([o for o in r.outputs if o]) > 1:
        r.refuse("its second output, the indices, is not supported")
    pads = explicit_pads(r, window, strides, dilations, bool(r.attr("ceil_mode", 0)))
    r.give(MaxPool, padded(r, *pads, -np.inf), window=tuple(window), strides=tuple(strides))


@reads("AveragePool")
def average_pool(r: Reading) -> None:
    window, strides, dilations = _geometry(r)
    before, after = explicit_pads(r, window, strides, dilations)
    rounded_up = explicit_pads(r, window, strides, dilations, bool(r.attr("ceil_mode", 0)))
    padding = any(before) or any(after)
    if rounded_up != (before, after) or padding and not r.attr("count_include_pad", 0):
        r.refuse("averages over fewer elements at the border; set count_include_pad=1 and "
                 "ceil_mode=0, or pad beforehand")
    r.give(AveragePool, padded(r, before, after, 0.0), window=tuple(window),
           strides=tuple(strides))
