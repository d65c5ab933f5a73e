"""Ops as PyTorch: what they print as ONNX nodes is computed at once, with gradients.

`Node.qdq` and `Node.integer_onnx` speak to an emitter in the words of ONNX. This emitter's tensor
names are tensors, so that a new op trains as soon as it has printed itself.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from dsplet.base.errors import UserError
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.train.qat.straight_through import floor, lookup

DTYPES = {1: torch.float32, 7: torch.int64, 11: torch.float64}  # onnx.TensorProto's codes
CONVOLUTIONS = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}
MAX_POOLS = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}


class UntrainableError(UserError):
    """An op that has no gradient here."""


class _Types(dict):
    """numpy's type of a tensor; the emitter's own notes are not needed."""

    def __getitem__(self, x: torch.Tensor) -> type:
        return np.float64 if x.dtype == torch.float64 else np.float32

    def __setitem__(self, x: torch.Tensor, dtype: type) -> None:
        pass


class Eager(Emitter):
    """slopes: id of a table -> the slope at each of its entries; None: differences of the table.

    affine: called for Conv and Gemm with (op, node, x, **attributes).
    """

    def __init__(self, slopes: dict[int, np.ndarray], affine: Callable) -> None:
        super().__init__()
        self.types = _Types()
        self.batch = 1
        self.affine = affine
        self._slopes = slopes

    # Where an emitter of ONNX has names, this one has tensors: hence Any.
    def node(self, op: str, *inputs: Any, **attributes: Any) -> Any:
        if op not in OPS:
            raise UntrainableError(f"{op} has no gradient in dsplet finetune")
        return OPS[op](*inputs, **attributes)

    def const(self, array: npt.ArrayLike) -> Any:
        return torch.from_numpy(np.array(array))

    def gather(self, table: np.ndarray, index: Any) -> Any:
        slopes = self._slopes.get(id(table))
        if slopes is None:
            slopes = np.gradient(table) if len(table) > 1 else np.zeros(1)
        return lookup(*(torch.from_numpy(a.astype(np.float32)) for a in (table, slopes)), index)

    def repeat(self, x: Any, rank: int) -> Any:
        return x.expand(self.batch, *x.shape[1:])


def convolve(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None = None, *,
             strides: tuple[int, ...], dilations: tuple[int, ...] | int = 1,
             group: int = 1) -> torch.Tensor:
    """ONNX's Conv without padding."""
    return CONVOLUTIONS[x.dim()](x, w, b, stride=strides, dilation=dilations, groups=group)


def _max_pool(x: torch.Tensor, kernel_shape: tuple[int, ...], strides: tuple[int, ...],
              dilations: tuple[int, ...] | int = 1) -> torch.Tensor:
    return MAX_POOLS[x.dim()](x, kernel_shape, strides, dilation=dilations)


def _slice(x: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor, axes: torch.Tensor,
           steps: torch.Tensor) -> torch.Tensor:
    for start, end, axis, step in zip(*(v.tolist() for v in (starts, ends, axes, steps)),
                                      strict=True):
        x = x.index_select(axis, torch.arange(start, max(end, -1), step))
    return x


def _pad(x: torch.Tensor, pads: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    ends = pads.reshape(2, -1).T.flip(0).reshape(-1).tolist()
    return F.pad(x, ends, value=float(value))


def _concat(*xs: torch.Tensor, axis: int) -> torch.Tensor:
    batch = max(len(x) for x in xs)
    return torch.cat([x.expand(batch, *x.shape[1:]) for x in xs], axis)


def _gather_nd(data: torch.Tensor, place: torch.Tensor, batch_dims: int) -> torch.Tensor:
    index = place[..., 0].long()
    batch = max(len(data), len(index))
    data, index = (x.expand(batch, *x.shape[1:]) for x in (data, index))
    return data[torch.arange(batch).reshape(-1, *(1,) * (index.dim() - 1)), index]


OPS: dict[str, Callable[..., torch.Tensor]] = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div,
    "MatMul": torch.matmul, "Max": torch.maximum, "Min": torch.minimum,
    "Clip": torch.clamp, "Floor": floor,
    "Cast": lambda x, to: x if DTYPES[to] == torch.int64 else x.to(DTYPES[to]),
    "Reshape": lambda x, shape: x.reshape(len(x), *shape[1:].tolist()),
    "Unsqueeze": lambda x, axes: x.unsqueeze(*axes.tolist()), "GatherND": _gather_nd,
    "ArgMax": lambda x, axis, keepdims: x.argmax(axis, bool(keepdims)).float(),
    "Squeeze": lambda x, axes: x.squeeze(tuple(axes.tolist())),
    "Transpose": lambda x, perm: x.permute(*perm),
    "Slice": _slice, "Pad": _pad, "Concat": _concat, "Conv": convolve, "MaxPool": _max_pool,
    "ReduceMax": lambda x, axes, keepdims: x.amax(axes.tolist(), bool(keepdims)),
    "ReduceSum": lambda x, axes, keepdims: x.sum(axes.tolist(), bool(keepdims)),
}
