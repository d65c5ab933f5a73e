"""MaxPool and AveragePool, their global forms, and what reduces whole axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.pool import AveragePool as FixedAveragePool
from dsplet.quantize.fixed.ops.pool import MaxPool as FixedMaxPool
from dsplet.quantize.float import kernel
from dsplet.quantize.float.broadcast import plane_owners
from dsplet.quantize.float.node import NO_CLAMP, Clampable, FloatNode, Maker, Moving, Shape, op
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.transpose import Transpose
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


POOLS: dict[str, type[Pool]] = {"Average": AveragePool, "Mean": AveragePool, "Max": MaxPool}


@reads("GlobalAveragePool", "GlobalMaxPool")
def global_pool(r: Reading) -> None:
    spatial_window(r, list(r.shape()[1:]))
    kind = POOLS[r.op.removeprefix("Global").removesuffix("Pool")]
    reduce(r, kind, list(range(1, len(r.shape()))), True)


@reads("ReduceMean", "ReduceMax")
def reduce_mean_max(r: Reading) -> None:
    reduce(r, POOLS[r.op.removeprefix("Reduce")], *reduced_axes(r))


def reduced_axes(r: Reading) -> tuple[list[int], bool]:
    """The axes that a reduction names, of one sample, and whether they stay with a size of 1."""
    axes = r.ints("axes", 1)
    if not axes:
        r.refuse("reduces over every axis, the batch too; name the axes")
    return sorted(r.axis(a) for a in axes), bool(r.attr("keepdims", 1))


def reduce(r: Reading, kind: type[FloatNode], axes: list[int], keep: bool) -> None:
    """Whole axes of one sample become one number, by a pooling, or by an op that takes the last
    axis away."""
    x, rank, pooling = r.shape(), len(r.shape()), issubclass(kind, Pool)
    kept = [a for a in range(rank) if a not in axes]
    target = tuple(1 if a in axes else n for a, n in enumerate(x) if keep or a not in axes)
    if kept == [0] and rank in (2, 3) and pooling:
        value, window = r.value(), x[1:]
    else:
        value = r.emit(Transpose, r.value(), perm=(*kept, *axes))
        window = (int(np.prod([x[a] for a in axes])),)
        value = r.emit(Reshape, value, shape=(int(np.prod([x[a] for a in kept])), *window))
    if not target:
        r.refuse("leaves one number for each sample; keep its axes (keepdims=1)")
    geometry: dict[str, Any] = {"window": window, "strides": (1,) * len(window)} if pooling else {}
    r.give(Reshape, r.emit(kind, value, **geometry), shape=target)
