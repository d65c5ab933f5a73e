"""Amounts of memory as people write them."""

from __future__ import annotations

import math

from dsplet.base.errors import UserError

UNITS = {"KB": 1024, "MB": 1 << 20, "B": 1}


class SizeError(UserError):
    """An amount of memory that cannot be read."""


def bytes_of(text: str, what: str = "budget") -> float:
    """30KB (of 1,024 bytes), 1MB or 30000B, in bytes. what: it is of. Raises SizeError."""
    for unit, size in UNITS.items():
        number = text.strip().removesuffix(unit)
        if number != text.strip():
            try:
                value = float(number) * size
            except ValueError:
                break
            if 0 < value < math.inf:
                return value
    raise SizeError(f"{what} '{text}' is not understood", expected="a positive number with its "
                    "unit, such as 30KB (of 1,024 bytes), 1MB or 30000B")
