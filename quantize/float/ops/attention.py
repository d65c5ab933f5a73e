"""Attention as one node: ONNX's Attention and ONNX Runtime's MultiHeadAttention, in parts."""

from __future__ import annotations

import math

import numpy as np

from dsplet.quantize.float.batch import Batch
from dsplet.quantize.float.broadcast import fits
from dsplet.quantize.float.ops.linear import linear
from dsplet.quantize.float.ops.matmul import MatMul
from dsplet.quantize.float.ops.softmax import Softmax
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import LARGEST, Reading, reads

HIDES = -1e30
"""What is added to a score that counts for nothing is no more than this."""


@reads("Attention")
def attention(r: Reading) -> None:
    r.only("is_causal", "kv_num_heads", "q_num_heads", "qk_matmul_output_mode", "scale", "softcap",
           "softmax_precision")
    if any(r.has(i) for i in (4, 5, 6)) or any(r.outputs[1:]) or r.attr("softcap", 0.0):
        r.refuse("a cache of keys, a softcap or more than one output is not supported")
    if any(r.is_const(i) for i in range(3)):
        r.refuse("a constant query, key or value is not supported")
    heads = r.attr("q_num_heads"), r.attr("kv_num_heads"), r.attr("kv_num_heads")
    flat = len(r.shape()) == 2
    q, k, v = (_headed(r, r.inputs[i], n) if flat else r.inputs[i] for i, n in enumerate(heads))
    mask = _mask(r, r.const(3, "the mask")) if r.has(3) else np.zeros((1, 1, 1))
    if r.attr("is_causal", 0):
        mask = mask + _causal(r, q, k)
    y = _attended(r, q, k, v, r.attr("scale"), mask)
    r.rename(_joined(r, y) if flat else y, r.outputs[0])


@reads("com.microsoft::MultiHeadAttention")
def multi_head_attention(r: Reading) -> None:
    r.only("mask_filter_value", "num_heads", "scale", "unidirectional")
    if any(r.has(i) for i in (4, *range(6, len(r.inputs)))) or any(r.outputs[1:]):
        r.refuse("a mask of padding, a cache or more than one output is not supported")
    if not r.has(1) or not r.has(2) or any(r.is_const(i) or len(r.shape(i)) != 2 for i in range(3)):
        r.refuse("query, key and value must be three activations (batch, length, width)")
    widths = [r.shape(i)[-1] for i in range(3)]
    bias = r.real(3, "the bias") if r.has(3) else np.zeros(sum(widths))
    parts = np.split(bias, np.cumsum(widths)[:-1])
    q, k, v = (_headed(r, linear(r, r.inputs[i], offset=part), r.attr("num_heads"))
               for i, part in enumerate(parts))
    mask = _mask(r, r.const(5, "what is added to the scores")) if r.has(5) else np.zeros((1, 1, 1))
    if r.attr("unidirectional", 0):
        mask = mask + _causal(r, q, k)
    y = _attended(r, q, k, v, r.attr("scale", 0.0) or None, mask)
    r.rename(_joined(r, y), r.outputs[0])


def _headed(r: Reading, x: str, heads: int) -> str:
    """(L, heads * d) as (heads, L, d)."""
    length, width = r.shape_of(x)
    if not heads or width % heads:
        r.refuse(f"{width} features cannot be in {heads} heads")
    y = r.reshaped(x, (length, heads, width // heads), Batch())
    return r.emit(Transpose, y, perm=(1, 0, 2))


def _joined(r: Reading, x: str) -> str:
    """(heads, L, d) as (L, heads * d)."""
    heads, length, width = r.shape_of(x)
    y = r.emit(Transpose, x, perm=(1, 0, 2))
    return r.reshaped(y, (length, heads * width), Batch())


def _mask(r: Reading, mask: np.ndarray) -> np.ndarray:
    """What is added to the scores (heads, L, S)."""
    added = np.where(mask, 0.0, -LARGEST) if mask.dtype == bool else mask.astype(float)
    added = added.reshape(*(1,) * (4 - added.ndim), *added.shape)
    if len(added) > 1:
        r.refuse(f"a mask of shape {mask.shape} differs between the samples of a batch")
    return np.asarray(added[0])


def _causal(r: Reading, q: str, k: str) -> np.ndarray:
    shape = r.shape_of(q)[1], r.shape_of(k)[1]
    return np.triu(np.full(shape, -LARGEST), 1)[None]


def _attended(r: Reading, q: str, k: str, v: str, scale: float | None, mask: np.ndarray) -> str:
    """softmax(scale * q k' + mask) v. q: (heads, L, d); k and v: (heads / group, S, .), each of
    which serves a group of queries."""
    heads, length, width = r.shape_of(q)
    few, keys = r.shape_of(k)[:2]
    if heads % few:
        r.refuse(f"{heads} heads of queries cannot share {few} of keys")
    rows = heads // few * length
    factor = 1 / math.sqrt(width) if scale is None else scale
    q = r.reshaped(linear(r, q, factor), (few, rows, width), Batch())
    scores = r.emit(MatMul, q, r.emit(Transpose, k, perm=(0, 2, 1)))
    scores = r.reshaped(scores, (heads, length, keys), Batch())
    mask = np.clip(mask, -LARGEST, LARGEST)  # several could be added up
    if not fits(mask.shape, (heads, length, keys)):
        r.refuse(f"a mask of shape {mask.shape} does not fit scores {(heads, length, keys)}")
    if (mask <= HIDES).all(-1).any():
        r.refuse("its mask leaves a query without any key")
    if mask.any():
        scores = linear(r, scores, offset=mask)
    share = r.reshaped(r.emit(Softmax, scores), (few, rows, keys), Batch())
    y = r.emit(MatMul, share, v)
    return r.reshaped(y, (heads, length, r.shape_of(v)[-1]), Batch())
