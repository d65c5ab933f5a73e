"""Networks with seeded random weights in the geometry of real ones: tests need no data."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Graph, Value, Weight
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.movement import Pad, Reshape
from dsplet.quantize.fixed.ops.pool import MaxPool
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.qformat import QFormat

PIXELS, SIGNED, PRE = QFormat(8, 8, signed=False), QFormat(8, 7), QFormat(10, 7)


class Stack:
    """Layers one after another; the last value is `self.value`."""

    def __init__(self, name: str, shape: tuple[int, ...], fmt: QFormat, seed: int) -> None:
        self.name, self.rng = name, np.random.default_rng(seed)
        self.input = self.value = Value("x", shape, fmt)
        self.nodes: list = []

    def _add(self, make, shape: tuple[int, ...], fmt: QFormat, **attributes) -> Stack:
        name = f"{make.__name__.lower()}{len(self.nodes)}"
        y = Value(name, shape, fmt)
        self.nodes.append(make(name, (self.value,), y, **attributes))
        self.value = y
        return self

    def _weight(self, shape: tuple[int, ...]) -> Weight:
        """8-bit weights whose outputs neither vanish nor all saturate."""
        fan_in = int(np.prod(shape[1:]))
        w = self.rng.normal(0, 127 / 4, shape).round().clip(-127, 127).astype(np.int64)
        frac = 7 + int(np.log2(max(fan_in, 4)) / 2)
        return Weight(w, 8, np.full(shape[0], frac))

    def pad(self, before: int, after: int, value: int) -> Stack:
        c, *spatial = self.value.shape
        n = len(spatial)
        return self._add(Pad, (c, *(s + before + after for s in spatial)), self.value.format,
                         before=(0, *(before,) * n), after=(0, *(after,) * n), value=value)

    def conv(self, channels: int, kernel: int, stride: int, fmt: QFormat, per_unit: bool = False,
             relu: bool = False) -> Stack:
        c, *spatial = self.value.shape
        shape = (channels, *((s - kernel) // stride + 1 for s in spatial))
        bias = self.rng.integers(-2000, 2000, shape if per_unit else (channels, 1, 1))
        return self._add(Conv, shape, fmt, weight=self._weight((channels, c, kernel, kernel)),
                         bias=bias, strides=(stride,) * 2, dilations=(1, 1),
                         clamp=(0, fmt.max) if relu else None)

    def gemm(self, units: int, fmt: QFormat) -> Stack:
        weight = self._weight((units, self.value.shape[-1]))
        return self._add(Gemm, (units,), fmt, weight=weight,
                         bias=self.rng.integers(-2000, 2000, units))

    def tanh(self) -> Stack:
        y = Value(f"tanh{len(self.nodes)}", self.value.shape, SIGNED)
        self.nodes.append(Table.of(np.tanh, y.name, self.value, y))
        self.value = y
        return self

    def pool(self) -> Stack:
        c, *spatial = self.value.shape
        return self._add(MaxPool, (c, *(s // 2 for s in spatial)), self.value.format,
                         window=(2, 2), strides=(2, 2))

    def flatten(self) -> Stack:
        return self._add(Reshape, (self.value.size,), self.value.format)

    def graph(self) -> Graph:
        return Graph(self.name, (self.input,), tuple(self.nodes), (self.value,))

    def samples(self, count: int) -> np.ndarray:
        fmt = self.input.format
        return self.rng.integers(fmt.min, fmt.max + 1, (count, *self.input.shape))


def zip_like() -> Stack:
    """The stride-2 tanh geometry of the 1989 zip-code net, with full connections."""
    return (Stack("zip_like", (1, 16, 16), SIGNED, 1)
            .pad(2, 1, -128).conv(12, 5, 2, PRE, per_unit=True).tanh()
            .pad(2, 1, -128).conv(12, 5, 2, PRE, per_unit=True).tanh()
            .flatten().gemm(30, PRE).tanh().gemm(10, PRE).tanh())


def lenet_like() -> Stack:
    """6/16/120/84/10 with ReLU and max pooling on 32x32."""
    relu = QFormat(8, 6, signed=False)
    return (Stack("lenet_like", (1, 32, 32), PIXELS, 2)
            .conv(6, 5, 1, relu).pool().conv(16, 5, 1, relu).pool().conv(120, 5, 1, relu)
            .flatten().gemm(84, relu).gemm(10, QFormat(16, 8)))


def lenet_small() -> Stack:
    """The same layers on 20x20, of a seventh of the products: for what is interpreted."""
    relu = QFormat(8, 6, signed=False)
    return (Stack("lenet_small", (1, 20, 20), PIXELS, 2)
            .conv(4, 5, 1, relu).pool().conv(16, 5, 1, relu).pool().conv(60, 2, 1, relu)
            .flatten().gemm(40, relu).gemm(10, QFormat(16, 8)))


def tiny() -> Stack:
    """Small enough to read the listing."""
    return (Stack("tiny", (1, 6, 6), SIGNED, 3)
            .pad(1, 1, 0).conv(2, 3, 1, SIGNED, relu=True).pool().flatten().gemm(4, PRE).tanh())
