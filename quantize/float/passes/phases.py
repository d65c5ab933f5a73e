"""ConvTranspose as ordinary convolutions.

Of a stride s, every s-th output meets the same taps. Each of these phases is a convolution of its
own, with stride 1 and some of the weights, and the phases are interleaved. Nothing is multiplied
by the zeros that stuffing the input with them would bring: a 2-D convolution of stride 2 has a
quarter of its multiplications.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode
from dsplet.quantize.float.ops.conv import Conv
from dsplet.quantize.float.ops.conv_transpose import ConvTranspose
from dsplet.quantize.float.ops.interleave import Interleave
from dsplet.quantize.float.ops.pad import Pad
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.passes.rewrite import rewrite


@dataclass(frozen=True)
class Phase:
    """Of the outputs m * stride + j along an axis: the taps that they meet, in the order of the
    inputs, which begin at m + first and are `dilation` apart. No tap: one that counts as zero."""

    j: int
    taps: tuple[int, ...]
    first: int
    dilation: int

    @property
    def last(self) -> int:
        return self.first + max(len(self.taps) - 1, 0) * self.dilation


def spread_phases(graph: FloatGraph) -> FloatGraph:
    """ConvTranspose becomes an Interleave of convolutions."""
    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        return _spread(graph, n) if isinstance(n, ConvTranspose) else None
    return rewrite(graph, rule)


def _phases(k: int, stride: int, dilation: int, before: int) -> list[Phase]:
    found = []
    for j in range(stride):
        taps = [t for t in reversed(range(k)) if (j + before - t * dilation) % stride == 0]
        first = (j + before - taps[0] * dilation) // stride if taps else 0
        apart = (taps[0] - taps[1]) * dilation // stride if len(taps) > 1 else 1
        found.append(Phase(j, tuple(taps), first, apart))
    return found


def _spread(graph: FloatGraph, n: ConvTranspose) -> list[FloatNode]:
    c, *spatial = graph.shapes[n.inputs[0]]
    axes = [_phases(*of) for of in zip(n.weight.shape[2:], n.strides, n.dilations, n.before,
                                       strict=True)]
    counts = [-(-size // s) for size, s in zip(n.sizes, n.strides, strict=True)]
    start = [min(p.first for p in phases) for phases in axes]
    ends = [max(p.last for p in phases) + m for phases, m in zip(axes, counts, strict=True)]
    x, whole = (graph.fresh(f"{n.output}/{part}") for part in ("pad", "whole"))
    before = (0, *(max(-a, 0) for a in start))
    after = (0, *(max(b - size, 0) for b, size in zip(ends, spatial, strict=True)))
    nodes: list[FloatNode] = [Pad(x, n.inputs, x, before, after, 0.0)]
    outputs = []
    for at in np.ndindex(n.strides):
        phases = [p[j] for p, j in zip(axes, at, strict=True)]
        nodes += _convolution(graph, n, x, phases, before, (c, *counts))
        outputs.append(nodes[-1].output)
    ones = (1,) * (len(n.sizes) + 1)
    return [*nodes, Interleave(whole, tuple(outputs), whole, (1, *n.strides)),
            Slice(n.name, (whole,), n.output, (0,) * len(ones), (len(n.weight), *n.sizes), ones)]


def _convolution(graph: FloatGraph, n: ConvTranspose, x: str, phases: list[Phase],
                 before: tuple[int, ...], like: tuple[int, ...]) -> list[FloatNode]:
    """One phase: the part of x that it meets, and its Conv. like: (C_in, *counts of outputs)."""
    part, name = (graph.fresh(f"{n.output}/{kind}_{'_'.join(str(p.j) for p in phases)}")
                  for kind in ("part", "phase"))
    starts = (0, *(b + p.first for b, p in zip(before[1:], phases, strict=True)))
    sizes = (like[0], *(m + p.last - p.first for m, p in zip(like[1:], phases, strict=True)))
    weight = n.weight
    for axis, p in enumerate(phases, 2):
        weight = weight.take(p.taps, axis) if p.taps else np.zeros_like(weight.take([0], axis))
    ones = (1,) * len(phases)
    return [Slice(part, (x,), part, starts, sizes, (1, *ones)),
            Conv(name, (part,), name, weight, _bias(n, phases, like[1:]), ones,
                 tuple(p.dilation for p in phases), n.groups, clamp=n.clamp)]


def _bias(n: ConvTranspose, phases: list[Phase], counts: tuple[int, ...]) -> np.ndarray:
    """What the phase has of a bias for each channel or each place."""
    if n.bias.shape[1:] == (1,) * len(phases):
        return np.broadcast_to(n.bias, (len(n.weight), *n.bias.shape[1:]))
    bias = np.zeros((len(n.weight), *(m * s for m, s in zip(counts, n.strides, strict=True))))
    bias[(slice(None), *map(slice, n.sizes))] = n.bias
    return bias[(slice(None), *(slice(p.j, None, s) for p, s in
                                zip(phases, n.strides, strict=True)))]
