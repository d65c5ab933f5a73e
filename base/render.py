"""Renders reports as text or as JSON.

A report is a dataclass, or a dictionary, of scalars and of lists of rows, which are the same again;
`base.rows` says how their fields are spelled.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from dsplet.base.rows import plain

if TYPE_CHECKING:
    from rich.table import Table

UNITS = {"_percent": "%", "_points": "points", "_ms": "ms", "_db": "dB", "_mhz": "MHz",
         "_bits": "bits"}
WIDTH = 140
"""Columns where the output is no terminal."""


def to_json(name: str, report: Any) -> str:
    """One object, with the name of its schema; numbers that JSON cannot spell become null."""
    return json.dumps({"schema": f"dsplet.{name}/1", **_finite(plain(report))}, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_text(report: Any) -> str:
    """Scalars as lines with their units, lists of rows as tables, other lists line by line."""
    from rich.console import Console
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDTH
    report = plain(report, printed=True)
    with console.capture() as captured:
        for key, value in report.items():
            title = key.replace("_", " ")
            if value == []:
                console.print(f"{title}: none")
            elif isinstance(value, list):
                rows = isinstance(value[0], dict)
                console.print(_table(title, value) if rows else "\n".join([f"{title}:", *value]),
                              soft_wrap=not rows)
            elif value not in ("", None):
                console.print(_line(key, value, report), soft_wrap=True)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _line(key: str, value: Any, report: dict[str, Any]) -> str:
    """A scalar: its unit behind it, beside a percentage the samples, beside a latency the clock."""
    unit = next((u for u in UNITS if key.endswith(u)), "")
    text = f"{key.removesuffix(unit).replace('_', ' ')}: {_cell(value)} {UNITS.get(unit, '')}"
    if unit == "_percent" and "samples" in report:
        text += f" of {report['samples']:,} samples"
    if key == "latency_ms" and "clock_mhz" in report:
        text += f" at {report['clock_mhz']:g} MHz"
    return text.rstrip()


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    """A column for each key that some row has."""
    from rich import box
    from rich.table import Table
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
                  pad_edge=False)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        number = any(isinstance(row.get(column), int | float) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if number else "left",
                         overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if math.isfinite(value) and (value == int(value) or abs(value) >= 1000):
            return f"{value:,.0f}"
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
