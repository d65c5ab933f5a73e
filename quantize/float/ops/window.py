"""What Conv and the poolings share: windows over up to three spatial axes, and their padding."""

from __future__ import annotations

from collections.abc import Sequence

from dsplet.quantize.float.node import Shape
from dsplet.quantize.float.ops.pad import Pad
from dsplet.quantize.float.reading import Reading


def places(spatial: Sequence[int], window: Sequence[int], strides: Sequence[int],
           dilations: Sequence[int]) -> Shape:
    """How many places a window finds along each spatial axis, without padding."""
    return tuple((n - (k - 1) * d - 1) // s + 1 for n, k, s, d in
                 zip(spatial, window, strides, dilations, strict=True))


def spatial_window(r: Reading, window: list[int]) -> tuple[list[int], list[int]]:
    """Strides and dilations, after checking that the node is 1-D, 2-D or 3-D."""
    n = len(r.shape()) - 1
    if n not in (1, 2, 3) or len(window) != n:
        r.refuse(f"has {n} spatial axes and a window of {len(window)}; 1-D, 2-D and 3-D are "
                 "supported")
    if r.batch():
        r.refuse(f"the batch of its input is axis {r.batch()}; expected the first")
    strides, dilations = list(r.attr("strides", [1] * n)), list(r.attr("dilations", [1] * n))
    for name, numbers in (("window", window), ("strides", strides), ("dilations", dilations)):
        if len(numbers) != n or min(numbers) < 1:
            r.refuse(f"has the {name} {numbers}; expected {n} numbers of at least 1")
    if (pads := r.attr("pads")) is not None and (len(pads) != 2 * n or min(pads) < 0):
        r.refuse(f"has the pads {list(pads)}; expected {2 * n} numbers of at least 0")
    return strides, dilations


def explicit_pads(r: Reading, window: list[int], strides: list[int], dilations: list[int],
                  ceil: bool = False) -> tuple[list[int], list[int]]:
    """Padding before and after each spatial axis, from pads, auto_pad and ceil_mode."""
    spatial, n = r.shape()[1:], len(window)
    extent = [(k - 1) * d + 1 for k, d in zip(window, dilations, strict=True)]
    mode = r.attr("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        total = [(-(-size // s) - 1) * s + e - size
                 for size, s, e in zip(spatial, strides, extent, strict=True)]
        if min(total) < -2:  # ONNX Runtime would cut some off, the reference none
            r.refuse(f"auto_pad of strides {strides} over a window {window} means different "
                     "things to different runtimes; export it with pads")
        total = [max(t, 0) for t in total]
        less = [t // 2 for t in total]
        more = [t - h for t, h in zip(total, less, strict=True)]
        return (less, more) if mode == "SAME_UPPER" else (more, less)
    pads = [0] * (2 * n) if mode == "VALID" else list(r.attr("pads", [0] * (2 * n)))
    before, after = pads[:n], pads[n:]
    if ceil:
        for i, (size, e, s) in enumerate(zip(spatial, extent, strides, strict=True)):
            room = size + before[i] + after[i]
            found = -(-(room - e) // s) + 1
            if (found - 1) * s >= size + before[i]:
                found -= 1
            after[i] += max((found - 1) * s + e - room, 0)
    return before, after


def padded(r: Reading, before: list[int], after: list[int], value: float) -> str:
    """The first input with explicit padding around its spatial axes."""
    if not any(before) and not any(after):
        return r.value()
    return r.emit(Pad, r.value(), before=(0, *before), after=(0, *after), value=value)
