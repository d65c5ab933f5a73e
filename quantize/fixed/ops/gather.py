"""Gather: rows picked by an index that is data (embeddings, back-pointers)."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Node
from dsplet.quantize.fixed.kernel import Fetch, Mul, Requantize, Set, Store
from dsplet.quantize.fixed.ops.op import op
from dsplet.quantize.fixed.statement import Affine


@op
class Gather(Node):
    """y[i.., r..] = data[clip(index[i..], 0, n - 1), r..], n being data's first axis.

    inputs: data, and the index, whose frac is 0. The output has data's format.
    """

    def check(self) -> None:
        data, index = self.inputs
        if not data.shape:
            raise ValueError(f"Gather '{self.name}' cannot pick from a single number")
        self.expect_shape((*index.shape, *data.shape[1:]))
        if index.format.frac or self.output.format != data.format:
            raise ValueError(f"Gather '{self.name}' cannot pick from {data.format} by "
                             f"{index.format} into {self.output.format}")

    @property
    def last(self) -> int:
        return self.inputs[0].shape[0] - 1

    def reference(self, data: IntArray, index: IntArray) -> IntArray:
        batch = max(len(data), len(index))
        data, index = (np.broadcast_to(a, (batch, *a.shape[1:])) for a in (data, index))
        sample = np.arange(batch).reshape(-1, *(1,) * (index.ndim - 1))
        return data[sample, np.clip(index, 0, self.last)]

    def kernel(self, k: Builder) -> None:
        data, index, y = k[self.inputs[0]], k[self.inputs[1]], k[self.output]
        fmt, stride = self.inputs[1].format, data.strides[0]
        with k.loops(*self.inputs[1].shape) as at:
            k.emit(Set("p", index[at]))
            if fmt.min < 0 or fmt.max > self.last:
                k.emit(Requantize("p", (0,), Affine(), 0, self.last, (fmt.min, fmt.max)))
            if stride != 1:
                k.emit(Mul("p", stride))
            with k.loops(*self.inputs[0].shape[1:]) as row:
                k.emit(Fetch("d", data[(0, *row)], "p"), Store(y[(*at, *row)], "d"))

    def integer_onnx(self, b: Emitter, data: str, index: str) -> str:
        index = b.clip(index, 0, self.last)
        place = b.node("Unsqueeze", b.node("Cast", index, to=7), b.const(np.array([-1])))
        y = b.node("GatherND", data, place, batch_dims=1)
        b.types[y] = b.types[data]
        return y
