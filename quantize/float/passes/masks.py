"""Masks: what is taken out before a Softmax needs no room in a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode
from dsplet.quantize.float.ops.binary import Add
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.linear import Linear
from dsplet.quantize.float.ops.softmax import Softmax
from dsplet.quantize.float.passes.rewrite import rewrite

MASKED = -1e3
"""A number that is added before a Softmax to take something out is below this one: -1e4 at least,
-1e9, the least of a float, or no number at all."""
BELOW = -48.0
"""What takes its place: exp(-48) is nothing beside an exponential of scores that lie within 30 of
each other, and 16 bits have room for it at a step of 2**-8."""


def shorten_masks(graph: FloatGraph) -> FloatGraph:
    """Constants that mask a Softmax are as low as they need be."""
    scores: set[str] = set()
    for n in reversed(graph.nodes):
        readers = graph.consumers(n.output)
        if n.output not in graph.outputs and readers and all(
                isinstance(m, Softmax) or m.output in scores and _adds(m, n.output)
                for m in readers):
            scores.add(n.output)

    def rule(graph: FloatGraph, n: FloatNode) -> Sequence[FloatNode] | None:
        if n.output not in scores:
            return None
        if isinstance(n, Constant) and (n.value < MASKED).any():
            return [replace(n, value=_short(n.value))]
        if isinstance(n, Linear) and _keeps(n) and (n.offset < MASKED).any():
            return [replace(n, offset=_short(n.offset))]
        return None

    return rewrite(graph, rule)


def _adds(n: FloatNode, value: str) -> bool:
    """Whether the node gives the value on, perhaps with others added to it."""
    return value in n.passed or isinstance(n, Add) or isinstance(n, Linear) and _keeps(n)


def _keeps(n: Linear) -> bool:
    """Whether it takes each number as it is, or puts another in its place."""
    return bool(np.isin(n.scale, (0, 1)).all())


def _short(mask: np.ndarray) -> np.ndarray:
    return np.where(mask < MASKED, BELOW, mask)
