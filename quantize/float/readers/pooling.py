"""MaxPool, AveragePool, their global forms, and what reduces whole axes."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.readers.linear import explicit_pads, padded, spatial_window
from dsplet.quantize.float.readers.reading import Reading, reads


@reads("MaxPool")
def max_pool(r: Reading) -> None:
    window = list(r.attr("kernel_shape"))
    strides, dilations = spatial_window(r, window)
    if any(d != 1 for d in dilations):
        r.refuse(f"dilations {dilations} are not supported; expected 1")
    if len([o for o in r.outputs if o]) > 1:
        r.refuse("its second output, the indices, is not supported")
    pads = explicit_pads(r, window, strides, dilations, bool(r.attr("ceil_mode", 0)))
    r.give("MaxPool", padded(r, *pads, -np.inf), window=tuple(window), strides=tuple(strides))


@reads("AveragePool")
def average_pool(r: Reading) -> None:
    window = list(r.attr("kernel_shape"))
    strides, dilations = spatial_window(r, window)
    if any(d != 1 for d in dilations):
        r.refuse(f"dilations {dilations} are not supported; expected 1")
    before, after = explicit_pads(r, window, strides, dilations)
    rounded_up = explicit_pads(r, window, strides, dilations, bool(r.attr("ceil_mode", 0)))
    padding = any(before) or any(after)
    if rounded_up != (before, after) or padding and not r.attr("count_include_pad", 0):
        r.refuse("averages over fewer elements at the border; set count_include_pad=1 and "
                 "ceil_mode=0, or pad beforehand")
    r.give("AveragePool", padded(r, before, after, 0.0), window=tuple(window),
           strides=tuple(strides))


@reads("GlobalAveragePool", "GlobalMaxPool")
def global_pool(r: Reading) -> None:
    spatial_window(r, list(r.shape()[1:]))
    reduce(r, r.op.removeprefix("Global"), list(range(1, len(r.shape()))), True)


@reads("ReduceMean", "ReduceMax", "ReduceLogSumExp")
def reduce_axes(r: Reading) -> None:
    axes = r.ints("axes", 1)
    if not axes:
        r.refuse("reduces over every axis, the batch too; name the axes")
    op = {"ReduceMean": "AveragePool", "ReduceMax": "MaxPool", "ReduceLogSumExp": "LogSumExp"}[r.op]
    reduce(r, op, sorted(r.axis(a) for a in axes), bool(r.attr("keepdims", 1)))


def reduce(r: Reading, op: str, axes: list[int], keep: bool) -> None:
    """Pool over whole axes of one sample, which come last in the order that pooling needs; the
    logarithm of a sum of exponentials works along the last axis alone."""
    x, rank = r.shape(), len(r.shape())
    kept = [a for a in range(rank) if a not in axes]
    target = tuple(1 if a in axes else n for a, n in enumerate(x) if keep or a not in axes)
    if kept == [0] and rank in (2, 3) and op != "LogSumExp":
        value, window = r.value(), x[1:]
    else:
        value = r.emit("Transpose", r.value(), perm=(*kept, *axes))
        window = (int(np.prod([x[a] for a in axes])),)
        value = r.emit("Reshape", value, shape=(int(np.prod([x[a] for a in kept])), *window))
    if not target:
        r.refuse("leaves one number for each sample; keep its axes (keepdims=1)")
    geometry = {} if op == "LogSumExp" else {"window": window, "strides": (1,) * len(window)}
    pooled = r.emit(op, value, **geometry)
    r.give("Reshape", pooled, shape=target)
