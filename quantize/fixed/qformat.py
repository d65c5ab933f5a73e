"""QFormat: which integers stand for which real numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsplet.base.errors import UserError
from dsplet.quantize.fixed.arithmetic import IntArray, RealArray, round_half_up
from dsplet.quantize.fixed.fields import check_fields

FARTHEST_FRAC = 40
"""Steps from 2**-40 to 2**40: float32 holds each of them, and those of their products."""


class RangeError(UserError):
    """Values of a network that are too large for any format."""


@dataclass(frozen=True)
class QFormat:
    """`bits`-wide integers q that stand for q * 2**-frac.

    bits: 2..16. frac: within +-FARTHEST_FRAC, or RangeError (negative, or larger than bits, where
    the range asks for it).
    Signed q lies in [-2**(bits-1), 2**(bits-1) - 1], unsigned q in [0, 2**bits - 1]. No zero point.
    Written Qm.n with n = frac; m = bits-1-n for signed (the sign is not counted), bits-n for
    unsigned, which is written UQm.n.
    """

    bits: int
    frac: int
    signed: bool = True

    def __post_init__(self) -> None:
        check_fields(self, ("bits", "frac", "signed"), "a QFormat")
        if not 2 <= self.bits <= 16:
            raise ValueError(f"a QFormat has 2 to 16 bits, not {self.bits}")
        if abs(self.frac) > FARTHEST_FRAC:
            raise RangeError(f"a QFormat has the step 2**{-self.frac}", expected=f"2**-"
                             f"{FARTHEST_FRAC} to 2**{FARTHEST_FRAC}",
                             remedy="scale what the network computes")

    @property
    def min(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        return (1 << (self.bits - 1 if self.signed else self.bits)) - 1

    @property
    def step(self) -> float:
        return 2.0**-self.frac

    @property
    def dtype(self) -> np.dtype:
        """The smallest numpy integer type that stores q."""
        return np.dtype(f"{'' if self.signed else 'u'}int{8 if self.bits <= 8 else 16}")

    def quantize(self, real: npt.ArrayLike) -> IntArray:
        """Nearest integers (half up, saturating), int64."""
        q = round_half_up(np.asarray(real, np.float64) * 2.0**self.frac)
        clipped: IntArray = np.clip(q, self.min, self.max)
        return clipped

    def dequantize(self, q: npt.ArrayLike) -> RealArray:
        return np.asarray(q, np.float64) * self.step

    def __str__(self) -> str:
        return notation(self.bits, self.frac, self.signed)

    @classmethod
    def for_range(cls, low: float, high: float, bits: int, signed: bool | None = None) -> QFormat:
        """The finest format whose range holds [low, high] after rounding.

        signed: None takes unsigned when low >= 0. Raises RangeError.
        """
        signed = bool(low < 0) if signed is None else signed
        for frac in range(FARTHEST_FRAC, -FARTHEST_FRAC - 1, -1):
            q = cls(bits, frac, signed)
            if high < (q.max + 0.5) * q.step and low >= (q.min - 0.5) * q.step:
                return q
        raise RangeError(f"no power-of-two step below 2**40 holds the range [{low:g}, {high:g}]",
                         remedy="scale what the network computes")


def notation(bits: int, frac: int, signed: bool = True) -> str:
    """Such a format as `QFormat` says it is written."""
    return f"{'' if signed else 'U'}Q{bits - frac - (1 if signed else 0)}.{frac}"
