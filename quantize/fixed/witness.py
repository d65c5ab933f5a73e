"""Inputs that drive an accumulator as far as its proof allows: the proof's other half."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.graph import Node, Requantizing
from dsplet.quantize.fixed.ops.binary import Extreme
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum


@dataclass(frozen=True, eq=False)
class Witness:
    """inputs: integers, one array for each input of the node, of its shape. reached: the largest
    magnitude among the partial sums that they make: the products alone, and with the bias; or the
    operands alone, one of which is the result. words: what they are."""

    node: Node
    inputs: tuple[IntArray, ...]
    reached: int
    words: str


def witness(node: Requantizing) -> Witness | None:
    """The worst input of a node; None for an op whose accumulators are several.

    Of a layer of weights it reaches the proved bound less the half step: the channel with the
    largest sum meets the format's end that each weight's sign asks for. Other ops are tried with
    every input at either end of its format.
    """
    try:
        if isinstance(node, GemmSum):
            found = _of_gates(node)
        elif isinstance(node, Conv | Gemm):
            found = _of_weights(node)
        else:
            found = _of_ends(node)
    except TypeError:
        return None
    return max(found, key=lambda w: w.reached)


def _of_ends(node: Requantizing) -> list[Witness]:
    found = []
    for ends in itertools.product(*((v.format.min, v.format.max) for v in node.inputs)):
        xs = tuple(np.full(v.shape, end, np.int64) for v, end in zip(node.inputs, ends,
                                                                     strict=True))
        held = [node.accumulate(*(x[None] for x in xs)),
                *(node.operands(*xs) if isinstance(node, Extreme) else ())]
        words = " and ".join(f"'{v.name}' is {end} throughout" for v, end in
                             zip(node.inputs, ends, strict=True))
        found.append(Witness(node, xs, max(int(np.abs(acc).max()) for acc in held), words))
    return found


def _of_gates(node: GemmSum) -> list[Witness]:
    """Of a GemmSum, as of a layer of weights."""
    found = []
    for low, high in (("min", "max"), ("max", "min")):
        patterns = [np.where(w > 0, getattr(v.format, high), getattr(v.format, low))
                    for w, v in zip(node.aligned, node.inputs, strict=True)]
        sums = sum((w * p).sum(1) for w, p in zip(node.aligned, patterns, strict=True))
        worst = np.maximum(np.abs(sums), np.abs(sums + node.bias))
        c = int(np.argmax(worst))
        xs = tuple(np.broadcast_to(p[c], v.shape) for p, v in zip(patterns, node.inputs,
                                                                  strict=True))
        words = f"every input is at its {high} under the positive weights of channel {c}"
        found.append(Witness(node, xs, int(worst[c]), words))
    return found


def _of_weights(node: Conv | Gemm) -> list[Witness]:
    fmt, q = node.inputs[0].format, node.weight.q.astype(np.int64)
    rows = q.reshape(len(q), -1)
    found = []
    for positive, negative in ((fmt.max, fmt.min), (fmt.min, fmt.max)):
        pattern = np.where(rows > 0, positive, negative)
        sums = (rows * pattern).sum(1)
        bias = node.bias.reshape(len(q), -1)
        worst = np.maximum(np.abs(sums), np.abs(sums[:, None] + bias).max(1))
        c = int(np.argmax(worst))
        at = int(np.argmax(np.abs(sums[c] + bias[c])))
        words = (f"'{node.inputs[0].name}' is {positive} under the positive weights of channel {c} "
                 f"and {negative} under the others")
        found.append(Witness(node, (_placed(node, pattern[c], c, at),), int(worst[c]), words))
    return found


def _placed(node: Conv | Gemm, pattern: IntArray, channel: int, at: int) -> IntArray:
    """The input whose window under the output element (channel, at) holds the pattern."""
    x = np.zeros(node.inputs[0].shape, np.int64)
    if isinstance(node, Gemm):
        x[...] = pattern
        return x
    fan_in, *taps = node.weight.q.shape[1:]
    places = node.bias.shape[1:]  # one for all, or as many as the output has
    start = np.unravel_index(at, places)
    window = tuple(slice(p * s, p * s + (k - 1) * d + 1, d) for p, s, k, d in
                   zip(start, node.strides, taps, node.dilations, strict=True))
    group = channel // (len(node.weight.q) // node.groups)
    x[(slice(group * fan_in, (group + 1) * fan_in), *window)] = pattern.reshape(fan_in, *taps)
    return x
