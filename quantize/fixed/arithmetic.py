"""The arithmetic contract `pow2-half-up`: the only place in the project that rounds.

Everything is exact integer arithmetic; numbers are numpy int64 or Python integers.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
StoredArray = npt.NDArray[np.integer[Any]]
"""Integers of whatever width a file holds them in."""
RealArray = npt.NDArray[np.floating[Any]]
N = TypeVar("N", int, IntArray)

CONTRACT = "pow2-half-up/1"
FARTHEST = float(1 << 62)


def round_half_up(real: npt.ArrayLike) -> IntArray:
    """Real numbers to the nearest integers, ties toward +infinity, as int64; what is beyond
    +-FARTHEST, infinities too, to that."""
    whole = np.floor(np.asarray(real, np.float64) + 0.5)
    return np.asarray(np.clip(whole, -FARTHEST, FARTHEST)).astype(np.int64)


def requantize(acc: IntArray | int, shift: IntArray | int, low: int, high: int) -> IntArray:
    """clamp((acc + 2**(shift-1)) >> shift): round half up, then saturate to [low, high].

    acc: int64, |acc| < 2**47. shift: integer or an array that broadcasts against acc, at most 47;
    for shift <= 0 the value is acc << -shift, exactly, and must be within +-2**62.
    """
    acc = np.asarray(acc, np.int64)
    shift = np.asarray(shift, np.int64)
    right, left = np.maximum(shift, 0), np.maximum(-shift, 0)
    half = (np.int64(1) << right) >> 1
    y: IntArray = np.clip(((acc + half) >> right) << left, low, high)
    return y


def divide(numerator: N, denominator: N) -> N:
    """numerator / denominator rounded half up, for denominator != 0."""
    return (2 * numerator + denominator) // (2 * denominator)


def half_step(shift: int) -> int:
    """What `requantize` adds before it shifts: 2**(shift-1), or 0 where nothing is shifted out."""
    return 1 << (shift - 1) if shift > 0 else 0
