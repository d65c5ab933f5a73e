"""Resize: numbers in between the input's, along some axes, as weighted sums of a few of them."""

from __future__ import annotations

from math import prod
from typing import Self

import numpy as np

from dsplet.quantize.fixed.arithmetic import (
    IntArray,
    RealArray,
    StoredArray,
    half_step,
    round_half_up,
)
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Interval, Requantizing, Value
from dsplet.quantize.fixed.kernel import Add, Fetch, Mul, Set, Store
from dsplet.quantize.fixed.ops.op import check_lengths, op, span

MOST_BITS = 15
"""Weights have at most so many bits."""


@op
class Resize(Requantizing):
    """y[.., i, ..] = requantize(sum over t of weights[i, t] * x[.., places[i, t], ..]) along each
    of `axes`, the weights of several axes multiplied.

    places, weights: an array (n, taps) for each axis, n being the output's size along it. Weights
    are integers at the step 2**-fracs[axis], none of them negative.
    """

    axes: tuple[int, ...]
    places: tuple[StoredArray, ...]
    weights: tuple[StoredArray, ...]
    fracs: tuple[int, ...]

    @classmethod
    def of(cls, name: str, x: Value, y: Value, axes: tuple[int, ...],
           matrices: tuple[RealArray, ...], clamp: tuple[int, int] | None = None) -> Self:
        """matrices: (n, x's size) for each axis, rows of weights >= 0 that add up to 1, few of them
        not 0. The step is the finest that 31 bits allow or the coarsest that is exact; the weights
        of a row still add up to 1."""
        room = 30 - max(-x.format.min, x.format.max).bit_length()
        found = [_sparse(m, min(MOST_BITS, room // len(axes))) for m in matrices]
        places, weights, fracs = zip(*found, strict=True)
        return cls(name, (x,), y, axes, places, weights, fracs, clamp=clamp)

    def check(self) -> None:
        shape, n = list(self.inputs[0].shape), len(self.axes)
        check_lengths(self, n, places=self.places, weights=self.weights, fracs=self.fracs)
        if not n or len(set(self.axes)) < n or not 0 <= min(self.axes) <= max(self.axes) < len(
                shape):
            raise ValueError(f"Resize '{self.name}': {self.axes} are no axes of "
                             f"{self.inputs[0].shape}")
        for axis, places, weights in zip(self.axes, self.places, self.weights, strict=True):
            if places.shape != weights.shape or places.ndim != 2 or not (
                    0 <= weights.min() <= weights.max() <= 1 << MOST_BITS) or not (
                    0 <= places.min() <= places.max() < shape[axis]):
                raise ValueError(f"Resize '{self.name}': places {places.shape} from "
                                 f"{places.min()} to {places.max()} and weights {weights.shape} "
                                 f"do not fit axis {axis} of {self.inputs[0].shape}")
            shape[axis] = len(places)
        if not 0 <= min(self.fracs) <= max(self.fracs) <= MOST_BITS:
            raise ValueError(f"Resize '{self.name}' has the fracs {self.fracs}; expected 0 to "
                             f"{MOST_BITS}")
        self.expect_shape(tuple(shape))

    @property
    def acc_frac(self) -> IntArray:
        return np.array([self.inputs[0].format.frac + sum(self.fracs)])

    @property
    def macs(self) -> int:
        return self.output.size * int(np.prod([w.shape[1] for w in self.weights]))

    @property
    def matrices(self) -> list[IntArray]:
        """(n, the input's size) for each axis."""
        found = []
        for axis, places, weights in zip(self.axes, self.places, self.weights, strict=True):
            whole = np.zeros((len(places), self.inputs[0].shape[axis]), np.int64)
            np.add.at(whole, (np.arange(len(places))[:, None], places), weights)
            found.append(whole)
        return found

    def accumulate(self, x: IntArray) -> IntArray:
        for axis, m in zip(self.axes, self.matrices, strict=True):
            x = np.moveaxis(np.moveaxis(x, axis + 1, -1) @ m.T, -1, axis + 1)
        return x

    def accumulators(self) -> list[Interval]:
        fmt = self.inputs[0].format
        scale = prod(max(1, int(w.sum(1).max())) for w in self.weights)
        return [Interval(min(fmt.min * scale, 0), fmt.max * scale + half_step(int(self.shift[0])))]

    def kernel(self, k: Builder) -> None:
        x, y = k[self.inputs[0]], k[self.output]
        offsets = [k.const(f"place_{i}", p.astype(np.int64) * x.strides[a]) for i, (a, p) in
                   enumerate(zip(self.axes, self.places, strict=True))]
        weights = [k.const(f"weight_{i}", w) for i, w in enumerate(self.weights)]
        with k.loops(*self.output.shape) as at:
            k.emit(Set("acc", 0))
            with k.loops(*(w.shape[1] for w in self.weights)) as taps:
                where = [(at[a], t) for a, t in zip(self.axes, taps, strict=True)]
                k.emit(Set("p", offsets[0][where[0]]))
                for offset, i in zip(offsets[1:], where[1:], strict=True):
                    k.emit(Add("p", offset[i]))
                corner = tuple(0 if a in self.axes else i for a, i in enumerate(at))
                k.emit(Fetch("d", x[corner], "p"))
                for weight, i in zip(weights, where, strict=True):
                    k.emit(Mul("d", weight[i]))
                k.emit(Add("acc", "d"))
            k.requantize("acc", self, span(self.accumulators()[0]))
            k.emit(Store(y[at], "acc"))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        if b.wide(self):
            x = b.double(x)
        last = len(self.output.shape)
        for axis, m in zip(self.axes, self.matrices, strict=True):
            perm = [*range(last + 1)]
            perm[axis + 1], perm[last] = last, axis + 1
            x = b.node("Transpose", x, perm=perm)
            x = b.node("MatMul", x, b.const(m.T.astype(b.types[x])))
            x = b.node("Transpose", x, perm=perm)
        return b.requantize(x, self)


def _sparse(matrix: RealArray, most: int) -> tuple[IntArray, IntArray, int]:
    """Places, weights and their frac, of at most so many bits."""
    taps = int((matrix != 0).sum(1).max())
    places = np.sort(np.argsort(matrix == 0, axis=1, kind="stable")[:, :taps], 1)
    real = np.take_along_axis(matrix, places, 1)
    exact = (f for f in range(most) if not (real * 2.0**f % 1).any())
    frac = next(exact, most)
    weights = round_half_up(real * 2.0**frac)
    rows = np.arange(len(weights))
    weights[rows, np.abs(weights).argmax(1)] += (1 << frac) - weights.sum(1)
    return places, weights, frac
