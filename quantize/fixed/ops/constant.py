"""Constant: integers known beforehand, used as an activation."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, StoredArray
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Node
from dsplet.quantize.fixed.ops.op import op


@op
class Constant(Node):
    """y = q, the same for every sample. q: integers of the output's shape and format."""

    q: StoredArray

    def check(self) -> None:
        self.expect_shape(self.q.shape)
        fmt = self.output.format
        if self.q.min() < fmt.min or self.q.max() > fmt.max:
            raise ValueError(f"Constant '{self.name}' does not fit {fmt}")

    def reference(self) -> IntArray:
        return self.q.astype(np.int64)[None]

    def integer_onnx(self, b: Emitter) -> str:
        return b.repeat(b.const(self.q[None].astype(np.float32)), self.q.ndim)
