"""Words to write small graphs with: formats, values, seeded weights, whole layers."""

from __future__ import annotations

import zlib

import numpy as np

from dsplet.quantize.fixed.graph import Graph, Node, Value, Weight
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.qformat import QFormat

Q7 = QFormat(8, 7)
Q15 = QFormat(16, 15)
U8 = QFormat(8, 8, signed=False)
Q5 = QFormat(8, 5)


def value(name: str, *shape: int, fmt: QFormat = Q7) -> Value:
    return Value(name, shape, fmt)


def graph(name: str, *nodes: Node, inputs: tuple[Value, ...] = (),
          outputs: tuple[Value, ...] = ()) -> Graph:
    """inputs, outputs: by default what no node gives, and what no node reads."""
    given = {v.name for n in nodes for v in n.outputs}
    read = {v.name: v for n in nodes for v in n.inputs}
    return Graph(name, inputs or tuple(v for v in read.values() if v.name not in given), nodes,
                 outputs or tuple(v for n in nodes for v in n.outputs if v.name not in read))


def random(name: str, low: int, high: int, *shape: int) -> np.ndarray:
    """Integers in [low, high]; the same name gives the same."""
    return np.random.default_rng(zlib.crc32(name.encode())).integers(low, high + 1, shape)


def weight(name: str, *shape: int, bits: int = 8, frac: int | tuple[int, ...] = 7) -> Weight:
    limit = (1 << bits - 1) - 1
    return Weight(random(name, -limit, limit, *shape), bits, np.atleast_1d(frac))


def bias(name: str, x: Value, w: Weight, *shape: int) -> np.ndarray:
    """Of the order of one product, so that it neither vanishes nor drowns the sum."""
    limit = min(999, x.format.max * int(np.abs(w.q).max()) // 8)
    return random(f"{name}.bias", -limit, limit, *shape)


def conv(name: str, x: Value, w: Weight, y: str = "y", strides=None, dilations=None, groups=1,
         per_unit=False, fmt=Q5, clamp=None) -> Conv:
    axes = len(x.shape) - 1
    strides, dilations = strides or (1,) * axes, dilations or (1,) * axes
    spatial = [(n - d * (k - 1) + s - 1) // s for n, k, s, d in
               zip(x.shape[1:], w.q.shape[2:], strides, dilations, strict=True)]
    out = Value(y, (len(w.q), *spatial), fmt)
    b = bias(name, x, w, *(out.shape if per_unit else (len(w.q), *(1,) * axes)))
    return Conv(name, (x,), out, w, b, strides, dilations, groups, clamp=clamp)


def gemm(name: str, x: Value, w: Weight, y: str = "y", fmt=Q5, clamp=None) -> Gemm:
    out = Value(y, (*x.shape[:-1], len(w.q)), fmt)
    return Gemm(name, (x,), out, w, bias(name, x, w, len(w.q)), clamp=clamp)
