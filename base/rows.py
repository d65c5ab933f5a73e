"""Dataclasses as the dictionaries that reports are rendered from.

A field that is None by default and is None is left out; fields without a default always appear. A
field `inlined()`, a mapping or a dataclass, gives its entries in its place, one `unprinted()` is no
column of a table, and `from_` is the key `from`.

A class may say what is read first: `FIRST`, the names of the fields that matter most, the most
important first: of a report they stand at the top and are, but for tables, all that --quiet shows;
of a row they are the columns that a narrow terminal keeps longest. `DETAILS` of a report are for
--verbose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Any


def inlined() -> Any:
    """A field whose entries stand in its place: columns that only who makes the row can name, or
    a group of several."""
    return field(metadata={"inlined": True})


def unprinted(default: Any = MISSING) -> Any:
    """A field that JSON has and text does not: what joins rows, what was measured more finely."""
    return field(default=default, metadata={"unprinted": True})


def to_dict(row: Any, printed: bool = False) -> dict[str, Any]:
    """The row, a dataclass, and the rows in it. printed: without what text leaves out."""
    found: dict[str, Any] = {}
    for f in fields(row):
        value = getattr(row, f.name)
        if f.metadata.get("inlined"):
            found |= plain(value, printed)
        elif not _left_out(f, value) and not (printed and f.metadata.get("unprinted")):
            found[f.name.rstrip("_")] = plain(value, printed)
    return found


def _left_out(f: Field[Any], value: Any) -> bool:
    return value is None and f.default is None


def first_of(row: Any) -> tuple[str, ...]:
    """Names of the fields that matter most; whether a gate was passed does by itself."""
    return getattr(type(row), "FIRST", ("passed",))


def details_of(row: Any) -> tuple[str, ...]:
    """Names of the fields that most people do not want to read."""
    return getattr(type(row), "DETAILS", ())


def plain(value: Any, printed: bool = False) -> Any:
    """Dataclasses and mappings as dictionaries, tuples as lists, and so all that is in them."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_dict(value, printed)
    if isinstance(value, Mapping):
        return {k: plain(v, printed) for k, v in value.items()}
    return [plain(v, printed) for v in value] if isinstance(value, list | tuple) else value
