"""Inputs for the cases: the corners of each format, adversarial signs, and random integers."""

from __future__ import annotations

import zlib

import numpy as np

from dsplet.quantize.fixed.graph import Graph, Value
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm


def samples(g: Graph, count: int = 14) -> list[np.ndarray]:
    """`count` samples (count, *shape) for each input: corners, adversarial ones, then random."""
    rng = np.random.default_rng(zlib.crc32(g.name.encode()))
    return [_samples(g, v, count, rng) for v in g.inputs]


def _samples(g: Graph, v: Value, count: int, rng: np.random.Generator) -> np.ndarray:
    low, high = v.format.min, v.format.max
    checkers = np.indices(v.shape).sum(0) % 2 == 0
    fixed = [np.full(v.shape, low), np.full(v.shape, high), np.where(checkers, low, high),
             np.where(checkers, high, low), *adversaries(g, v)][:count]
    ends = rng.choice([low, high], (2, *v.shape))
    return np.concatenate([fixed, ends, rng.integers(low, high + 1, (count, *v.shape))])[:count]


def adversaries(g: Graph, v: Value) -> list[np.ndarray]:
    """Inputs that drive one channel of a Conv or Gemm that reads v to either end of its range."""
    low, high = v.format.min, v.format.max
    found = []
    for node in g.nodes:
        if isinstance(node, Conv | Gemm) and node.inputs == (v,):
            w = node.weight.q[0]
            x = np.zeros(v.shape, np.int64)
            window = (slice(0, len(w)), *(slice(0, (k - 1) * d + 1, d) for k, d in
                                          zip(w.shape[1:], getattr(node, "dilations", ()),
                                              strict=True)))
            at = window if isinstance(node, Conv) else ...
            for best, worst in ((high, low), (low, high)):
                x[at] = np.where(w > 0, best, worst)
                found.append(x.copy())
    return found
