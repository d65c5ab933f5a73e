"""Scales of integers: what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BITS = {"int8": (8, True), "uint8": (8, False), "int16": (16, True), "uint16": (16, False),
        "int32": (32, True), "int4": (4, True), "uint4": (4, False), "int2": (2, True),
        "uint2": (2, False)}
"""Type of integers -> their bits, and whether they are signed."""
CODES = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 21: "uint4", 22: "int4",
         25: "uint2", 26: "int2"}
"""ONNX's code of a type -> its name."""


@dataclass(frozen=True)
class Scale:
    """One for a whole value: integer q in low..high stands for (q - zero) * step."""

    step: float
    zero: int
    low: int
    high: int

    @classmethod
    def of(cls, step: np.ndarray, zero: np.ndarray | None, kind: str) -> Scale:
        """kind: a type of BITS."""
        bits, signed = BITS[kind]
        low = -(1 << (bits - 1)) if signed else 0
        return cls(float(step.reshape(())), 0 if zero is None else int(zero.reshape(())), low,
                   low + (1 << bits) - 1)

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest real."""
        return self.real(self.low), self.real(self.high)

    def real(self, q: float) -> float:
        return (q - self.zero) * self.step

    def reals(self, q: np.ndarray) -> np.ndarray:
        """Of many integers."""
        found: np.ndarray = (q.astype(np.float64) - self.zero) * self.step
        return found


def real(q: np.ndarray, step: np.ndarray, zero: np.ndarray | None, axis: int, block: int = 0
         ) -> np.ndarray:
    """Integers as the reals they stand for, in float64. step, zero: one, or one for each place
    along the axis, or one for each block along it."""
    def spread(a: np.ndarray) -> np.ndarray:
        a = np.asarray(a).astype(np.float64)
        if a.size == 1:
            return a.reshape(())
        if block:
            return np.take(a.repeat(block, axis), np.arange(q.shape[axis]), axis)
        return a.reshape([-1 if i == axis % q.ndim else 1 for i in range(q.ndim)])
    offset: Any = 0.0 if zero is None else spread(zero)
    found: np.ndarray = (np.asarray(q).astype(np.float64) - offset) * spread(step)
    return found


def integers(x: np.ndarray, step: np.ndarray, zero: np.ndarray | None, kind: str, axis: int,
             block: int = 0) -> np.ndarray:
    """The integers that QuantizeLinear gives of reals, half to even, as float64."""
    bits, signed = BITS[kind]
    low = -(1 << (bits - 1)) if signed else 0
    ones = np.ones_like(step, np.float64)
    offset = -real(np.zeros_like(x), ones, zero, axis, block)
    unit = real(np.ones_like(x), np.asarray(step), None, axis, block)
    found: np.ndarray = np.clip(np.rint(x / unit) + offset, low, low + (1 << bits) - 1)
    return found
