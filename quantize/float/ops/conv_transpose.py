"""ConvTranspose: 1-D, 2-D and 3-D, strided, dilated, in groups."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.node import NoFixed, Shape, op
from dsplet.quantize.float.ops.conv import Filters
from dsplet.quantize.float.ops.window import spatial_window
from dsplet.quantize.float.reading import Reading, reads
from dsplet.quantize.float.writing import Writing


@op
class ConvTranspose(NoFixed, Filters):
    """y[c, i * strides + t * dilations - before] += weight[c, k, t] * x[k, i] for every i, t and
    channel k of the group, up to `sizes` along each spatial axis.

    The pass `spread_phases` makes ordinary convolutions of it.
    """

    before: tuple[int, ...]
    sizes: tuple[int, ...]

    def output_shape(self, xs: list[Shape]) -> Shape:
        return (len(self.weight), *self.sizes)

    def onnx(self, w: Writing) -> str:
        x, taps = w.shapes[self.inputs[0]], self.weight.shape[2:]
        turned = self.weight.reshape(self.groups, -1, *self.weight.shape[1:]).swapaxes(1, 2)
        y = w.emit("ConvTranspose", *self.inputs, w.const(
            turned.reshape(x[0], -1, *taps)), strides=self.strides, dilations=self.dilations,
            group=self.groups)
        after = [size - natural(n, k, s, d) + b for size, n, k, s, d, b in zip(
            self.sizes, x[1:], taps, self.strides, self.dilations, self.before, strict=True)]
        pads = [0, 0, *(-b for b in self.before), 0, 0, *after]
        return w.emit("Add", w.emit("Pad", y, w.const(pads, np.int64)), w.const(self.bias))


def natural(n: int, taps: int, stride: int, dilation: int) -> int:
    """The size along an axis before anything is cut off."""
    return (n - 1) * stride + (taps - 1) * dilation + 1


@reads("ConvTranspose")
def conv_transpose(r: Reading) -> None:
    given = r.real(1, "the weights")
    groups, window = r.attr("group", 1), list(given.shape[2:])
    strides, dilations = spatial_window(r, window)
    weight = given.reshape(groups, -1, *given.shape[1:]).swapaxes(1, 2)
    weight = weight.reshape(-1, weight.shape[2], *window)
    whole = [natural(*sizes) for sizes in zip(r.shape()[1:], window, strides, dilations,
                                              strict=True)]
    before, sizes = _cut(r, whole, strides)
    bias = r.real(2, "the bias") if r.has(2) else np.zeros(len(weight))
    r.give(ConvTranspose, r.value(), weight=weight, bias=bias.reshape(-1, *(1,) * len(window)),
           strides=tuple(strides), dilations=tuple(dilations), groups=groups,
           before=tuple(before), sizes=tuple(sizes))


def _cut(r: Reading, whole: list[int], strides: list[int]) -> tuple[list[int], list[int]]:
    """What is cut off before each axis, and the size that is left; whole: the sizes."""
    n = len(whole)
    more, mode = r.attr("output_padding", [0] * n), r.attr("auto_pad", "NOTSET")
    sizes = r.attr("output_shape")
    if sizes is None and mode.startswith("SAME"):
        sizes = [size * s for size, s in zip(r.shape()[1:], strides, strict=True)]
        if any(w + m < size for w, m, size in zip(whole, more, sizes, strict=True)):
            r.refuse(f"auto_pad of strides {strides} over its window means different things to "
                     "different runtimes; export it with pads")
    if sizes is None:
        pads = r.attr("pads", [0] * (2 * n)) if mode == "NOTSET" else [0] * (2 * n)
        return pads[:n], [w + m - b - a for w, m, b, a in
                          zip(whole, more, pads[:n], pads[n:], strict=True)]
    sizes = sizes[-n:]
    total = [max(w + m - size, 0) for w, m, size in zip(whole, more, sizes, strict=True)]
    return [t // 2 if mode == "SAME_UPPER" else t - t // 2 for t in total], list(sizes)
