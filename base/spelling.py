"""How a report's fields and values are spelled for people, wherever they are shown."""

from __future__ import annotations

import math
from typing import Any

UNITS = {"_percent": "%", "_points": "points", "_ms": "ms", "_db": "dB", "_mhz": "MHz",
         "_bits": "bits", "_bytes": "bytes"}


def scalar(key: str, value: Any, report: dict[str, Any]) -> str:
    """A scalar: its unit behind it, beside a percentage the samples, beside a latency the clock."""
    unit = next((u for u in UNITS if key.endswith(u)), "")
    text = f"{words(key.removesuffix(unit))}: {cell(value)} {UNITS.get(unit, '')}"
    if unit == "_percent" and "samples" in report:
        text += f" of {report['samples']:,} samples"
    if key.startswith("latency_ms") and "clock_mhz" in report:
        text += f" at {report['clock_mhz']:g} MHz"
    return text.rstrip()


def words(key: str) -> str:
    """A field's name as people read it."""
    return key.replace("_", " ")


def cell(value: Any) -> str:
    """A number with its thousands apart, or to four digits; yes or no; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if math.isfinite(value) and (value == int(value) or abs(value) >= 1000):
            return f"{value:,.0f}"
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def printable(text: str) -> str:
    """Without line feeds and what else would move a cursor."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
