"""Renders reports as text, as JSON or as CSV.

A report is a dataclass, or a dictionary, of scalars and of lists of rows, which are the same again;
`base.rows` says how their fields are spelled, and which matter most.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

from rich.cells import cell_len

from dsplet.base import table
from dsplet.base.rows import details_of, first_of, plain
from dsplet.base.spelling import cell, printable, scalar, words

COMMAND = "dsplet "
"""How a line begins that is to be copied, and stays whole."""
INDENT = "  "
Amount = Literal["verdict", "usual", "all"]


def to_json(name: str, report: Any) -> str:
    """One object, with the name of its schema; numbers that JSON cannot spell become null."""
    return json.dumps({"schema": f"dsplet.{name}/1", **_finite(plain(report))}, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_csv(report: Any) -> str:
    """The first table of its text, with all that JSON has of it, or without one the scalars as a
    row: RFC 4180."""
    shown, whole = plain(report, printed=True), plain(report)
    rows = next((whole[key] for key, value in shown.items() if _is_table(value)), None)
    rows = rows or [{key: v for key, v in shown.items() if not isinstance(v, list)}]
    writer = csv.DictWriter(out := io.StringIO(), _keys(rows))
    writer.writeheader()
    writer.writerows({key: _exact(value) for key, value in row.items()} for row in rows)
    return out.getvalue()


def _exact(value: Any) -> Any:
    """As JSON has it; a text without quotes, nothing for null."""
    return json.dumps(value) if isinstance(value, bool | list | dict) else value


def to_text(report: Any, width: int | None = None, amount: Amount = "usual", bold: bool = False
            ) -> str:
    """What matters most, then scalars as lines with their units, then lists of rows as tables and
    other lists line by line; at the end what is not shown.

    width: of the terminal; None: there is none, and lines are as long as they need be. amount: what
    matters most but for tables, what most people want to read, or everything. bold: tables' titles.
    """
    document = plain(report, printed=True)
    scalars = [key for key, value in document.items() if not isinstance(value, list)]
    first = [key for key in first_of(report) if key in document]
    if amount == "verdict":
        order = [key for key in first if not _is_table(document[key])] or scalars
    else:
        order = [*dict.fromkeys((*first, *scalars, *document))]
    details = details_of(report) if amount == "usual" else ()
    found: list[str] = []
    without: list[str] = []
    for key in order:
        value = document[key]
        if key in details or value in ("", None):
            continue
        if _is_table(value):
            rows = report[key] if isinstance(report, Mapping) else getattr(report, key, value)
            columns, importance = _columns(value), _importance(rows[0], value)
            lines, gone = _fitted(columns, importance, width, amount == "all")
            found += [f"\x1b[1m{words(key)}\x1b[0m" if bold else words(key), "", *lines, ""]
            without += [f"of {words(key)} {', '.join(gone)}"] * bool(gone)
        else:
            found += [line for text in _texts(key, value, document) for line in _prose(text, width)]
    hidden = ", ".join(words(key) for key in details if document.get(key))
    if hidden or without:
        found += _prose(
            f"not shown: {'; '.join([*([hidden] if hidden else []), *without])} (see --verbose"
            f"{', --json or a wider terminal' if without else ' or --json'})", width)
    return "\n".join(found)


def _texts(key: str, value: Any, document: dict[str, Any]) -> list[str]:
    """What is no table, in lines."""
    if isinstance(value, list):
        return [f"{words(key)}:", *map(printable, value)] if value else [f"{words(key)}: none"]
    return [scalar(key, value, document)]


def _prose(text: str, width: int | None) -> list[str]:
    """The lines of a text; a command is to be copied, and stays whole."""
    if width is None or cell_len(text) <= width or text.startswith(COMMAND) or (
            f": {COMMAND}" in text):
        return [text]
    first, *more = table.wrapped(text, width - len(INDENT))
    return [first, *(INDENT + line for line in more)]


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _keys(rows: list[dict[str, Any]]) -> list[str]:
    """Each key that some row has."""
    return [*dict.fromkeys(key for row in rows for key in row)]


def _columns(rows: list[dict[str, Any]]) -> list[table.Column]:
    return [table.Column(
        words(key), tuple(cell(row.get(key)) for row in rows),
        number=any(isinstance(row.get(key), int | float) for row in rows), name=i == 0)
        for i, key in enumerate(_keys(rows))]


def _importance(row: Any, rows: list[dict[str, Any]]) -> list[int]:
    """The places of the columns: those that matter most, then the others from the left."""
    keys = _keys(rows)
    return [keys.index(key) for key in dict.fromkeys((*first_of(row), *keys)) if key in keys]


def _fitted(columns: list[table.Column], importance: list[int], width: int | None, whole: bool
            ) -> tuple[list[str], list[str]]:
    """The lines of a table, and the headings of what is left out. whole: nothing is."""
    if width is None:
        return table.lines(columns), []
    found = (table.parts(columns, width) if whole else
             [table.fitted(columns, width, importance)])
    if any(len(part) == 1 < len(columns) or not table.fits(part, width) for part in found):
        return [*table.lists(columns, width)], []
    lines = [line for part in found for line in ("", *table.lines(part, width))][1:]
    return lines, [c.heading for c in columns if not any(c in part for part in found)]
