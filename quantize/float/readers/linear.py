"""Conv, Gemm, MatMul, BatchNormalization."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.readers.reading import Reading, reads


def explicit_pads(r: Reading, window: list[int], strides: list[int], dilations: list[int],
                  ceil: bool = False) -> tuple[list[int], list[int]]:
    """Padding before and after each spatial axis, from pads, auto_pad and ceil_mode."""
    spatial, n = r.shape()[1:], len(window)
    extent = [(k - 1) * d + 1 for k, d in zip(window, dilations, strict=True)]
    mode = r.attr("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        total = [max((-(-size // s) - 1) * s + e - size, 0)
                 for size, s, e in zip(spatial, strides, extent, strict=True)]
        less = [t // 2 for t in total]
        more = [t - h for t, h in zip(total, less, strict=True)]
        return (less, more) if mode == "SAME_UPPER" else (more, less)
    pads = [0] * (2 * n) if mode == "VALID" else list(r.attr("pads", [0] * (2 * n)))
    before, after = pads[:n], pads[n:]
    if ceil:
        for i, (size, e, s) in enumerate(zip(spatial, extent, strides, strict=True)):
            room = size + before[i] + after[i]
            places = -(-(room - e) // s) + 1
            if (places - 1) * s >= size + before[i]:
                places -= 1
            after[i] += max((places - 1) * s + e - room, 0)
    return before, after


def padded(r: Reading, before: list[int], after: list[int], value: float) -> str:
    """The first input with explicit padding around its spatial axes."""
    if not any(before) and not any(after):
        return r.value()
    return r.emit("Pad", r.value(), before=(0, *before), after=(0, *after), value=value)


def spatial_window(r: Reading, window: list[int]) -> tuple[list[int], list[int]]:
    """Strides and dilations, after checking that the node is 1-D or 2-D."""
    n = len(r.shape()) - 1
    if n not in (1, 2) or len(window) != n:
        r.refuse(f"has {n} spatial axes and a window of {len(window)}; 1-D and 2-D are supported")
    return list(r.attr("strides", [1] * n)), list(r.attr("dilations", [1] * n))


@reads("Conv")
def conv(r: Reading) -> None:
    weight = r.real(1, "the weights")
    window = list(weight.shape[2:])
    strides, dilations = spatial_window(r, window)
    x = padded(r, *explicit_pads(r, window, strides, dilations), 0.0)
    bias = r.real(2, "the bias")
    bias = np.zeros(len(weight)) if bias is None else bias
    r.give("Conv", x, weight=weight, bias=bias.reshape(-1, *(1,) * len(window)),
           strides=tuple(strides), dilations=tuple(dilations), groups=r.attr("group", 1))


@reads("Gemm")
def gemm(r: Reading) -> None:
    if r.attr("transA", 0) or r.rank != 2 or r.is_const(0):
        r.refuse("its first operand must be (batch, features), not transposed (transA=0)")
    weight = r.real(1, "the weights")
    weight = weight if r.attr("transB", 0) else weight.T
    bias = r.real(2, "the bias")
    bias = np.zeros(1) if bias is None else bias
    if bias.size not in (1, len(weight)):
        r.refuse(f"the bias has shape {bias.shape}; expected ({len(weight)},)")
    r.give("Gemm", r.value(), weight=weight * r.attr("alpha", 1.0),
           bias=np.broadcast_to(bias.reshape(-1), len(weight)) * r.attr("beta", 1.0))


@reads("MatMul")
def matmul(r: Reading) -> None:
    if r.is_const(0):
        r.refuse("a constant on the left is not supported; transpose the product so that the "
                 "weights stand on the right")
    if r.is_const(1):
        weight = r.real(1)
        while weight.ndim > 2 and weight.shape[0] == 1:
            weight = weight[0]
        if weight.ndim != 2:
            r.refuse(f"the weights have shape {weight.shape}; expected two axes")
        r.give("Gemm", r.value(), weight=weight.T, bias=np.zeros(weight.shape[1]))
        return
    a, b = r.shape(0), r.shape(1)
    if len(a) != len(b) or len(a) < 2 or a[:-2] != b[:-2]:
        r.refuse(f"the product of two activations needs equal leading axes; got {a} and {b} "
                 "without the batch")
    r.give("MatMul", r.value(0), r.value(1))


@reads("BatchNormalization")
def batch_normalization(r: Reading) -> None:
    if r.attr("training_mode", 0) or len([o for o in r.outputs if o]) > 1:
        r.refuse("is in training mode; export the model in evaluation mode")
    gamma, beta, mean, variance = (r.real(i, what) for i, what in
                                   enumerate(("scale", "B", "mean", "var"), 1))
    scale = gamma / np.sqrt(variance + r.attr("epsilon", 1e-5))
    per_channel = (-1, *(1,) * (len(r.shape()) - 1))
    r.give("Linear", r.value(), scale=scale.reshape(per_channel),
           offset=(beta - mean * scale).reshape(per_channel))
