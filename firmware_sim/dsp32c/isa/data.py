"""Data: `float 1.5, -2`, `4*int24 0`: sizes, ranges and bits of what a program lays into memory."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.isa.expressions import Value, integer, real
from dsplet.firmware_sim.dsp32c.isa.source import Refused

SIZES = {"float": 4, "int24": 4, "long": 4, "word": 4, "int": 2, "byte": 1}
"""Bytes of each kind."""
_RANGES = {"int24": (-1 << 23, (1 << 24) - 1), "long": (-1 << 31, (1 << 32) - 1),
           "word": (-1 << 31, (1 << 32) - 1), "int": (-1 << 15, (1 << 16) - 1),
           "byte": (-1 << 7, (1 << 8) - 1)}
_DATA = re.compile(rf"({'|'.join(SIZES)})(?![\w.])\s*+(?!=)")


@dataclass(frozen=True)
class Data:
    """Data of a statement. column: where its first item begins."""

    kind: str
    text: str
    column: int

    @property
    def size(self) -> int:
        return SIZES[self.kind]

    @property
    def bytes(self) -> int:
        """Without repeats."""
        return self.size * len(list(self._items()))

    def _items(self) -> Iterator[tuple[str, int]]:
        depth, start = 0, self.column
        for at in range(self.column, len(self.text) + 1):
            sign = self.text[at:at + 1] or ","
            depth += (sign == "(") - (sign == ")")
            if sign == "," and (depth <= 0 or at == len(self.text)):
                yield self.text[start:at], start
                start = at + 1

    def values(self, value: Value) -> Iterator[tuple[int, int]]:
        """(bits, column) of each item. Raises Refused."""
        for item, column in self._items():
            column += len(item) - len(item.lstrip())
            yield self._bits(self.text[:column + len(item.strip())], column, value), column

    def _bits(self, text: str, column: int, value: Value) -> int:
        if self.kind == "float":
            try:
                number = real(text, value, column)
                if math.isfinite(number):
                    return floats.nearest_word(number)
            except OverflowError as error:
                raise Refused(str(error), column) from None
            raise Refused("expected a decimal number", column)
        low, high = _RANGES[self.kind]
        found = integer(text, value, column)
        if not low <= found <= high:
            raise Refused(f"{found} does not fit: expected {low}..{high}", column)
        return found - (1 << 24) if self.kind == "int24" and found >> 23 == 1 else found


def data(text: str, column: int = 0) -> Data | None:
    """The data that a statement has from a column on, None where it is something else."""
    found = _DATA.match(text, column)
    return Data(found[1], text, found.end()) if found else None
