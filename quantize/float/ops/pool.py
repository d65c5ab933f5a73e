"""MaxPool and AveragePool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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
    """One number for each place of a window, in each channel. dilations: () is 1 along each axis.
    """

    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...] = field(default=(), kw_only=True)

    def check(self) -> None:
        numbers = self.window, self.strides, self.spacing
        if len(set(map(len, numbers))) > 1 or min(map(min, numbers)) < 1:
            self.refuse(f"a window {self.window}, strides {self.strides} and dilations "
                        f"{self.spacing} do not fit together")

    @property
    def spacing(self) -> Shape:
        return self.dilations or (1,) * len(self.window)

    def output_shape(self, xs: list[Shape]) -> Shape:
        return (xs[0][0], *places(xs[0][1:], self.window, self.strides, self.spacing))

    def idle(self, x: Shape, y: Shape) -> bool:
        return set(self.window) | set(self.strides) == {1} and self.bounds == NO_CLAMP

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs)

    def channels(self, owner: np.ndarray, shape: Shape) -> np.ndarray | None:
        return plane_owners(owner, shape)

    def onnx(self, w: Writing) -> str:
        return w.emit(self.op, *self.inputs, kernel_shape=self.window, strides=self.strides,
                      dilations=self.spacing)


@op
class MaxPool(Pool, Moving):
    """The largest number of the window."""

    keeps_order = True

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedMaxPool(self.name, x, y, self.window, self.strides, dilations=self.dilations)


@op
class AveragePool(Pool, Clampable):
    """The mean of the window, or of `counts` of its elements, (*places), where a border does not
    count: the others are a Pad's zeros. No counts: every element, everywhere."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros(0), kw_only=True)

    def onnx(self, w: Writing) -> str:
        y = super().onnx(w)
        if not self.counts.size:
            return y
        return w.emit("Mul", y, w.const(np.prod(self.window) / self.counts))

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        counts = self.counts.astype(np.int64) if self.counts.size else None
        return FixedAveragePool(self.name, x, y, self.window, self.strides, counts=counts,
                                dilations=self.dilations, clamp=make.clamp(self, y))

    def meaning(self, d: str, table: Callable[[np.ndarray], str]) -> list[kernel.RealStatement]:
        mean = [] if self.counts.size else [kernel.Linear(d, kernel.word(1 / prod(self.window)))]
        return [*mean, *super().meaning(d, table)]

    def constants(self, xs: list[Shape], y: Shape) -> dict[str, np.ndarray]:
        return {"factor": 1 / self.counts} if self.counts.size else {}


def geometry(r: Reading) -> tuple[list[int], list[int], list[int]]:
    """Window, strides and dilations, which all runtimes take alike."""
    window = list(r.attr("kernel_shape"))
    strides, dilations = spatial_window(r, window)
    if r.attr("auto_pad", "NOTSET").startswith("SAME") and any(
            d > 1 or (-(-n // s) - 1) * s + k < n for n, k, s, d in
            zip(r.shape()[1:], window, strides, dilations, strict=True)):
        r.refuse(f"auto_pad of a window {window} with strides {strides} and dilations {dilations} "
                 "means different things to different runtimes; export it with pads")
    return window, strides, dilations


def spaced(dilations: list[int]) -> Shape:
    """The dilations of a `Pool`."""
    return () if set(dilations) == {1} else tuple(dilations)


@reads("MaxPool")
def max_pool(r: Reading) -> None:
    window, strides, dilations = geometry(r)
    if len([o for o in r.outputs if o]) > 1:
        r.refuse("its second output, the indices, is not supported")
    pads = explicit_pads(r, window, strides, dilations, bool(r.attr("ceil_mode", 0)))
    r.give(MaxPool, padded(r, *pads, -np.inf), window=tuple(window), strides=tuple(strides),
           dilations=spaced(dilations))


@reads("AveragePool")
def average_pool(r: Reading) -> None:
    window, strides, dilations = geometry(r)
    before, after = explicit_pads(r, window, strides, dilations)
    _, reach = explicit_pads(r, window, strides, dilations, bool(r.attr("ceil_mode", 0)))
    counts = np.ones(())
    for n, b, a, end, k, s, d in zip(r.shape()[1:], before, after, reach, window, strides,
                                     dilations, strict=True):
        if b + n + end <= (k - 1) * d:
            r.refuse(f"its window {window} is larger than its input {r.shape()}")
        counted = np.zeros(b + n + end)
        counted[slice(0, b + n + a) if r.attr("count_include_pad", 0) else slice(b, b + n)] = 1
        found = sliding_window_view(counted, (k - 1) * d + 1)[::s, ::d].sum(1)
        counts = np.multiply.outer(counts, found)
    if not counts.all():
        r.refuse("has a window that lies outside its input altogether")
    r.give(AveragePool, padded(r, before, reach, 0.0), window=tuple(window),
           strides=tuple(strides), dilations=spaced(dilations),
           counts=np.zeros(0) if (counts == prod(window)).all() else counts)
