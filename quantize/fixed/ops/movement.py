"""Reshape, Transpose, Slice, Pad, Concat, Interleave: numbers move, their values stay the same."""

from __future__ import annotations

from math import prod

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.emitter import RealWords, Words
from dsplet.quantize.fixed.kernel import Storage, contiguous
from dsplet.quantize.fixed.ops.op import Moving, check_lengths, check_positive, op


@op
class Reshape(Moving):
    """The same numbers in row-major order under another shape (Flatten, Squeeze, ... too)."""

    def check(self) -> None:
        super().check()
        if self.inputs[0].size != self.output.size:
            raise ValueError(f"Reshape '{self.name}': {self.inputs[0].shape} has not the size of "
                             f"{self.output.shape}")

    def reference(self, x: IntArray) -> IntArray:
        return x.reshape(len(x), *self.output.shape)

    def view(self, x: Storage) -> Storage | None:
        if x.strides != contiguous(self.inputs[0].shape):
            return None
        return Storage(x.buffer, x.offset, contiguous(self.output.shape))

    def parts(self, y: Storage) -> list[Storage]:
        if y.strides != contiguous(self.output.shape):
            return []
        return [Storage(y.buffer, y.offset, contiguous(self.inputs[0].shape))]

    def integer_onnx(self, b: Words, x: str) -> str:
        return b.node("Reshape", x, b.const(np.array([-1, *self.output.shape], np.int64)))

    qdq = integer_onnx


@op
class Transpose(Moving):
    """y axis a is x axis perm[a]; the batch axis is not among them."""

    perm: tuple[int, ...]

    def check(self) -> None:
        super().check()
        if sorted(self.perm) != [*range(len(self.inputs[0].shape))]:
            raise ValueError(f"Transpose '{self.name}': {self.perm} is no order of "
                             f"{len(self.inputs[0].shape)} axes")
        self.expect_shape(tuple(self.inputs[0].shape[p] for p in self.perm))

    def reference(self, x: IntArray) -> IntArray:
        return x.transpose(0, *(p + 1 for p in self.perm))

    def view(self, x: Storage) -> Storage:
        return Storage(x.buffer, x.offset, tuple(x.strides[p] for p in self.perm))

    def integer_onnx(self, b: Words, x: str) -> str:
        return b.node("Transpose", x, perm=(0, *(p + 1 for p in self.perm)))

    qdq = integer_onnx


@op
class Slice(Moving):
    """y[i, ..] = x[starts + i*steps, ..]: a start and a step, perhaps negative, for each axis."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]

    def check(self) -> None:
        super().check()
        check_lengths(self, len(self.inputs[0].shape), starts=self.starts, steps=self.steps,
                      axes=self.output.shape)
        if 0 in self.steps:
            raise ValueError(f"Slice '{self.name}' has the step 0")
        for n, m, a, s in zip(self.inputs[0].shape, self.output.shape, self.starts, self.steps,
                              strict=True):
            if not (0 <= a < n and 0 <= a + (m - 1) * s < n):
                raise ValueError(f"Slice '{self.name}' leaves the axis of size {n}")

    def reference(self, x: IntArray) -> IntArray:
        for axis, (a, s, m) in enumerate(zip(self.starts, self.steps, self.output.shape,
                                             strict=True), 1):
            x = x.take(a + s * np.arange(m), axis)
        return x

    def view(self, x: Storage) -> Storage:
        offset = x.offset + sum(a * t for a, t in zip(self.starts, x.strides, strict=True))
        return Storage(x.buffer, offset, tuple(s * t for s, t in zip(self.steps, x.strides,
                                                                     strict=True)))

    def integer_onnx(self, b: Words, x: str) -> str:
        rank = len(self.starts)
        ends = [a + s * m for a, s, m in zip(self.starts, self.steps, self.output.shape,
                                             strict=True)]
        ends = [e if e >= 0 else -(1 << 31) for e in ends]
        return b.node("Slice", x, *(b.const(np.array(v, np.int64)) for v in
                                    (self.starts, ends, range(1, rank + 1), self.steps)))

    qdq = integer_onnx


@op
class Pad(Moving):
    """x with `before` and `after` elements of the integer `value` around it, per axis."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: int

    def check(self) -> None:
        super().check()
        check_lengths(self, len(self.inputs[0].shape), before=self.before, after=self.after)
        if min((0, *self.before, *self.after)) < 0:
            raise ValueError(f"Pad '{self.name}' takes elements away: {self.before}, {self.after}")
        self.expect_shape(tuple(n + a + b for n, a, b in zip(
            self.inputs[0].shape, self.before, self.after, strict=True)))
        if not self.output.format.min <= self.value <= self.output.format.max:
            raise ValueError(f"Pad '{self.name}': {self.value} does not fit {self.output.format}")

    @property
    def fill(self) -> int:
        return self.value

    def reference(self, x: IntArray) -> IntArray:
        pads = [(0, 0), *zip(self.before, self.after, strict=True)]
        return np.pad(x, pads, constant_values=self.value)

    def parts(self, y: Storage) -> list[Storage]:
        offset = y.offset + sum(a * s for a, s in zip(self.before, y.strides, strict=True))
        return [Storage(y.buffer, offset, y.strides)]

    def _pad(self, b: Words, x: str, value: float) -> str:
        pads = np.array([0, *self.before, 0, *self.after], np.int64)
        return b.node("Pad", x, b.const(pads), b.const(np.float32(value)))

    def integer_onnx(self, b: Words, x: str) -> str:
        return self._pad(b, x, self.value)

    def qdq(self, b: RealWords, x: str) -> str:
        return self._pad(b, x, self.value * self.output.format.step)


@op
class Concat(Moving):
    """The inputs one after another along `axis`."""

    axis: int

    def check(self) -> None:
        super().check()
        shape, axis = list(self.inputs[0].shape), self.axis
        if not 0 <= axis < len(shape) or len({(len(x.shape), x.shape[:axis], x.shape[axis + 1:])
                                              for x in self.inputs}) > 1:
            raise ValueError(f"Concat '{self.name}' cannot join {[x.shape for x in self.inputs]} "
                             f"along axis {axis}")
        shape[self.axis] = sum(x.shape[self.axis] for x in self.inputs)
        self.expect_shape(tuple(shape))

    def reference(self, *xs: IntArray) -> IntArray:
        n = max(len(x) for x in xs)
        return np.concatenate([np.broadcast_to(x, (n, *x.shape[1:])) for x in xs], self.axis + 1)

    def parts(self, y: Storage) -> list[Storage]:
        starts = np.cumsum([0, *(x.shape[self.axis] for x in self.inputs)])
        return [Storage(y.buffer, y.offset + int(s) * y.strides[self.axis], y.strides)
                for s in starts[:-1]]

    def integer_onnx(self, b: Words, *xs: str) -> str:
        return b.node("Concat", *xs, axis=self.axis + 1)

    qdq = integer_onnx


@op
class Interleave(Moving):
    """y[m * factors + j] = inputs[j][m]: one input for each phase j below `factors`, which has a
    number for each axis; the last axis' phase runs fastest."""

    factors: tuple[int, ...]

    def check(self) -> None:
        super().check()
        shape = self.inputs[0].shape
        check_positive(self, factors=self.factors)
        if len(self.factors) != len(shape) or len(self.inputs) != prod(self.factors) or any(
                x.shape != shape for x in self.inputs):
            raise ValueError(f"Interleave '{self.name}': {[x.shape for x in self.inputs]} are not "
                             f"the phases of {self.factors}")
        self.expect_shape(tuple(n * f for n, f in zip(shape, self.factors, strict=True)))

    def reference(self, *xs: IntArray) -> IntArray:
        y = np.zeros((max(len(x) for x in xs), *self.output.shape), np.int64)
        for phase, x in zip(np.ndindex(self.factors), xs, strict=True):
            y[(slice(None), *(slice(j, None, f) for j, f in
                              zip(phase, self.factors, strict=True)))] = x
        return y

    def parts(self, y: Storage) -> list[Storage]:
        strides = tuple(f * s for f, s in zip(self.factors, y.strides, strict=True))
        return [Storage(y.buffer, y.offset + sum(j * s for j, s in
                                                 zip(phase, y.strides, strict=True)), strides)
                for phase in np.ndindex(self.factors)]

    def integer_onnx(self, b: Words, *xs: str) -> str:
        shape, rank = self.inputs[0].shape, len(self.factors)
        together = b.node("Concat", *xs, axis=1)
        apart = b.node("Reshape", together, b.const(np.array([-1, *self.factors, *shape])))
        pairs = (a for i in range(rank) for a in (1 + rank + i, 1 + i))
        mixed = b.node("Transpose", apart, perm=(0, *pairs))
        return b.node("Reshape", mixed, b.const(np.array([-1, *self.output.shape])))

    qdq = integer_onnx
