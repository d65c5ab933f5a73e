"""Resize (Upsample too): to the nearest, which moves numbers, and linear, which weighs them."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from dsplet.quantize.fixed.graph import Node, Value
from dsplet.quantize.fixed.ops.resize import Resize as FixedResize
from dsplet.quantize.float.broadcast import plane_owners
from dsplet.quantize.float.node import Clampable, Maker, NoReal, Reads, Shape, op
from dsplet.quantize.float.ops.conv import Conv
from dsplet.quantize.float.ops.interleave import Interleave
from dsplet.quantize.float.ops.pick import picked, repeats
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing

MOST_PHASES = 16
"""An enlarged value has at most so many phases that are convolutions."""
TOLERANCE = 1e-4
"""Places are computed in single precision."""


@op
class Resize(NoReal, Clampable):
    """x multiplied by a matrix (n, its size), rows of weights >= 0 that add up to 1, along each of
    `axes`."""

    axes: tuple[int, ...]
    matrices: tuple[np.ndarray, ...]

    reads = Reads.PRODUCT

    def output_shape(self, xs: list[Shape]) -> Shape:
        shape = list(xs[0])
        for axis, m in zip(self.axes, self.matrices, strict=True):
            shape[axis] = len(m)
        return tuple(shape)

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs)

    def channels(self, owner: np.ndarray, shape: Shape) -> np.ndarray | None:
        return None if 0 in self.axes else plane_owners(owner, shape)

    def onnx(self, w: Writing) -> str:
        x, last = self.inputs[0], len(w.shapes[self.output])
        for axis, m in zip(self.axes, self.matrices, strict=True):
            perm = [*range(last + 1)]
            perm[axis + 1], perm[last] = last, axis + 1
            x = w.emit("Transpose", x, perm=perm)
            x = w.emit("Transpose", w.emit("MatMul", x, w.const(m.T)), perm=perm)
        return x

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return FixedResize.of(self.name, x[0], y, self.axes, self.matrices, make.clamp(self, y))


@reads("Resize", "Upsample")
def resize(r: Reading) -> None:
    mode = r.attr("mode", "nearest")
    if mode not in ("nearest", "linear"):
        r.refuse(f"mode '{mode}' is not supported; expected 'nearest' or 'linear'")
    if mode == "linear" and r.in_integers():
        r.refuse("weighs integers, of which runtimes keep the whole part alone; cast them to "
                 "float before")
    sizes, scales = _targets(r)
    if mode == "linear" and r.attr("antialias", 0) and any(s < 1 for s in scales):
        r.refuse("a smaller result with antialias is not supported")
    axes = [a for a, n in enumerate(r.shape()) if (sizes[a], scales[a]) != (n, 1)]
    if axes and tuple(sizes) == r.shape():
        r.refuse(f"by factors of {scales} no size changes, which means different things to "
                 "different runtimes; leave it out")
    where = {a: _places(r, r.shape()[a], sizes[a], scales[a]) for a in axes}
    if mode == "nearest":
        value = _nearest(r, where, scales)
    else:
        value = _phased(r, where) or _weighed(r, where)
    r.give(Reshape, value, shape=r.shape_of(value))


def _nearest(r: Reading, where: dict[int, np.ndarray], scales: list[float]) -> str:
    """Whole numbers of times by one Interleave, the others axis by axis."""
    x, shape = r.value(), r.shape()
    factors = [1] * len(shape)
    for axis, places in where.items():
        index = np.clip(_rounded(r, places, scales[axis] < 1), 0, shape[axis] - 1)
        if times := repeats(index, shape[axis]):
            factors[axis] = times
        else:
            x = picked(r, x, axis, index)
    return r.emit(Interleave, *[x] * int(np.prod(factors)), factors=tuple(factors))


def _rounded(r: Reading, places: np.ndarray, shrinks: bool) -> np.ndarray:
    mode = r.attr("nearest_mode", "round_prefer_floor")
    if r.op == "Upsample" or r.opset < 11:
        mode = "ceil" if shrinks else "floor"
    ways = {"round_prefer_floor": np.ceil(places - 0.5), "round_prefer_ceil":
            np.floor(places + 0.5), "floor": np.floor(places), "ceil": np.ceil(places)}
    if mode not in ways:
        r.refuse(f"nearest_mode '{mode}' is not known")
    found: np.ndarray = ways[mode].astype(np.int64)
    return found


def _phased(r: Reading, where: dict[int, np.ndarray]) -> str | None:
    """Whole numbers of times along spatial axes: each phase is a convolution of the channels by
    themselves with 1 or 2 taps an axis, which costs less than looking the places up. None where it
    is not so, or there are too many phases."""
    (c, *spatial), x = r.shape(), r.value()
    axes = [_stencils(where.get(a, np.arange(n)), n) for a, n in enumerate(spatial, 1)]
    if 0 in where or not 1 <= len(axes) <= 3 or not all(axes) or not (
            1 < prod(map(len, axes)) <= MOST_PHASES):
        return None
    before = [max(-min(first for first, _ in phases), 0) for phases in axes]
    for axis, (n, b, phases) in enumerate(zip(spatial, before, axes, strict=True), 1):
        after = max(first + len(taps) - 1 for first, taps in phases)
        x = picked(r, x, axis, np.pad(np.arange(n), (b, max(after, 0)), mode="edge"))
    parts, ones = [], (1,) * len(axes)
    for stencils in product(*axes):
        weight = np.ones(())
        for _, taps in stencils:
            weight = np.multiply.outer(weight, taps)
        part = r.emit(
            Slice, x, starts=(0, *(b + first for b, (first, _) in zip(before, stencils,
                                                                      strict=True))),
            sizes=(c, *(n + len(taps) - 1 for n, (_, taps) in zip(spatial, stencils,
                                                                  strict=True))),
            steps=(1, *ones))
        parts.append(r.emit(
            Conv, part, weight=np.broadcast_to(weight, (c, 1, *weight.shape)),
            bias=np.zeros((c, *ones)), strides=ones, dilations=ones, groups=c))
    return r.emit(Interleave, *parts, factors=(1, *map(len, axes)))


def _stencils(places: np.ndarray, n: int) -> list[tuple[int, np.ndarray]]:
    """Of each of the phases that repeat with every one of n elements: its first tap, counted from
    the element, and the weights of its taps. Nothing where they do not repeat."""
    times = len(places) // n
    if times * n != len(places) or np.abs(places[times:] - places[:-times] - 1).max(
            initial=0) > TOLERANCE:
        return []
    found = []
    for place in places[:times].astype(np.float64):
        first = int(np.floor(place + TOLERANCE))
        rest = place - first
        found.append((first, np.array([1 - rest, rest] if rest > TOLERANCE else [1.0])))
    return found


def _weighed(r: Reading, where: dict[int, np.ndarray]) -> str:
    matrices, axes = [], []
    for axis, places in where.items():
        n = r.shape()[axis]
        places = np.clip(places, 0, n - 1)
        first = np.minimum(np.floor(places).astype(np.int64), max(n - 2, 0))
        matrix, rows = np.zeros((len(places), n)), np.arange(len(places))
        matrix[rows, first] += 1 - (places - first)
        matrix[rows, np.minimum(first + 1, n - 1)] += places - first
        if not np.array_equal(matrix, np.eye(n)):
            matrices.append(matrix)
            axes.append(axis)
    if not axes:
        return r.value()
    return r.emit(Resize, r.value(), axes=tuple(axes), matrices=tuple(matrices))


def _targets(r: Reading) -> tuple[list[int], list[float]]:
    """The size of every axis of one sample, and by how much it grows."""
    full = r.full()
    named = [a % r.rank for a in r.attr("axes", range(r.rank))]
    at = 1 if r.op == "Upsample" or r.opset < 11 else 2
    sizes, scales = list(full), [1.0] * r.rank
    given = r.attr("scales") if r.op == "Upsample" and r.opset < 9 else (
        r.real(at, "the scales") if r.has(at) and r.const(at, "the scales").size else None)
    if given is not None:
        for a, s in zip(named, given, strict=True):
            scales[a], sizes[a] = float(s), int(np.float32(s) * np.float32(full[a]))
    else:
        wanted = [int(n) for n in r.const(3, "the sizes")]
        policy = r.attr("keep_aspect_ratio_policy", "stretch")
        ratios = [n / full[a] for a, n in zip(named, wanted, strict=True)]
        if policy != "stretch":
            ratios = [(min if policy == "not_larger" else max)(ratios)] * len(named)
            wanted = [int(np.floor(s * full[a] + 0.5)) for a, s in zip(named, ratios, strict=True)]
        for a, s, n in zip(named, ratios, wanted, strict=True):
            scales[a], sizes[a] = s, n
    if (sizes.pop(r.batch()), scales.pop(r.batch())) != (1, 1.0):
        r.refuse(f"resizes axis {r.batch()}, which is the batch")
    return sizes, scales


def _places(r: Reading, n: int, size: int, scale: float) -> np.ndarray:
    """Where each of `size` elements lies between n of the input, in single precision."""
    i, s = np.arange(size, dtype=np.float32), np.float32(scale)
    mode = r.attr("coordinate_transformation_mode", "half_pixel")
    if r.op == "Upsample" or r.opset < 11:
        mode = "asymmetric"
    match mode:
        case "asymmetric":
            return i / s
        case "half_pixel":
            return (i + np.float32(0.5)) / s - np.float32(0.5)
        case "pytorch_half_pixel":
            return (i + np.float32(0.5)) / s - np.float32(0.5) if size > 1 else i
        case "half_pixel_symmetric" if r.attr("mode") == "linear":
            offset = np.float32(n) / 2 * (1 - np.float32(size) / (s * np.float32(n)))
            return offset + (i + np.float32(0.5)) / s - np.float32(0.5)
        case "align_corners":
            if not np.isclose(scale * n, size):
                r.refuse(f"align_corners by a factor of {scale:g} from {n} elements, no whole "
                         "number, means different things to different runtimes; export sizes")
            return i * np.float32(n - 1) / np.float32(max(size - 1, 1))
        case "tf_half_pixel_for_nn":
            return (i + np.float32(0.5)) / s
    r.refuse(f"coordinate_transformation_mode '{mode}' is not supported for the mode "
             f"'{r.attr('mode', 'nearest')}'")
