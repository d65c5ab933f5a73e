"""Amounts of memory, and frequencies, as people write them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dsplet.base.errors import UserError

MHZ = {"MHz": 1.0, "GHz": 1000.0, "kHz": 0.001}
UNITS = {"KB": 1024, "MB": 1 << 20, "B": 1}


class SizeError(UserError):
    """An amount of memory, or a frequency, that cannot be read."""


def bytes_of(text: str, what: str = "budget") -> float:
    """30KB (of 1,024 bytes), 1MB or 30000B, in bytes. what: it is of. Raises SizeError."""
    return _amount(text, what, UNITS, "30KB (of 1,024 bytes), 1MB or 30000B")


def mhz_of(text: str, what: str) -> float:
    """168MHz, 1.2GHz or 32kHz, in megahertz. what: it is of. Raises SizeError."""
    return _amount(text, what, MHZ, "168MHz, 1.2GHz or 32kHz")


def _amount(text: str, what: str, units: Mapping[str, float], examples: str) -> float:
    for unit, size in units.items():
        number = text.strip().removesuffix(unit)
        if number != text.strip():
            try:
                value = float(number) * size
            except ValueError:
                break
            if 0 < value < math.inf:
                return value
    raise SizeError(f"{what} '{text}' is not understood", expected="a positive number with its "
                    f"unit, such as {examples}")
