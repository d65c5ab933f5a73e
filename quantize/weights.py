"""Weights and biases as integers."""

from __future__ import annotations

import numpy as np

from quantize.algorithms import Distribution, choose_frac
from quantize.fixed.arithmetic import round_half_up
from quantize.fixed.graph import Weight

BIAS_LIMIT_LOG2 = 29
"""A bias stays below 2**29, which leaves the accumulator's 31 bits to the products."""
SHIFT_LIMIT = 24
"""No requantize shifts further; finer weights than this asks for change no output."""


def quantize_weights(weight: np.ndarray, bias: np.ndarray, bits: int, per_channel: bool,
                     algorithm, x_frac: int, y_frac: int) -> tuple[Weight, np.ndarray]:
    """Integer weights, one frac for each channel (axis 0) or one for all, and the integer bias.

    weight: (C, ...) reals. bias: (C, ...) reals, broadcast against the accumulator. x_frac, y_frac:
    of the input and the output. The bias is at the accumulator's step 2**-(x_frac + frac).
    """
    limit = (1 << (bits - 1)) - 1
    rows = weight.reshape(len(weight), -1) if per_channel else weight.reshape(1, -1)
    biases = np.abs(bias.reshape(len(weight), -1)).max(1)
    biases = biases if per_channel else biases.max(keepdims=True)
    fracs = [choose_frac(algorithm, Distribution.exact(row), -limit, limit) if row.any() else None
             for row in rows]
    silent = max((f for f in fracs if f is not None), default=bits - 1)
    frac = np.array([silent if f is None else f for f in fracs], np.int64)
    room = BIAS_LIMIT_LOG2 - np.frexp(biases)[1] - x_frac
    frac = np.minimum(frac, np.minimum(room, SHIFT_LIMIT + y_frac - x_frac)).astype(np.int64)
    columns = (-1, *(1,) * (weight.ndim - 1))
    q = np.clip(round_half_up(weight * 2.0 ** frac.reshape(columns)), -limit, limit)
    columns = (-1, *(1,) * (bias.ndim - 1))
    return (Weight(q, bits, frac),
            round_half_up(bias * 2.0 ** (frac + x_frac).reshape(columns)))
