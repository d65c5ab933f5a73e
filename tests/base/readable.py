"""Whether a printed report can be read: what a reader looks for, found without the printer's code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len

PROSE = 40
"""Characters: a longer text of several words may be wrapped."""

Row = Mapping[str, Any]


def words(key: str) -> str:
    return key.replace("_", " ")


def assert_readable(text: str, report: Mapping[str, Any], width: int | None) -> None:
    """No line is wider than the terminal, but for what cannot be broken; of each table every cell
    stands in its row, whole, in the order of the columns, but for those that are said to be left
    out. report: as a dictionary, of which all is shown."""
    lines = text.splitlines()
    for line in lines:
        assert width is None or cell_len(line) <= width or " " not in line.strip() or (
            "dsplet " in line or re.fullmatch(r" \S.*  \S+", line)), line
    footer = " ".join(line.strip() for line in lines).partition("not shown: ")[2]
    for key, rows in report.items():
        if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict) or (
                words(key) in re.split(r";| \(see", footer)[0].split(", ")):
            continue
        at = next(i for i, line in enumerate(lines)
                  if line == words(key) and lines[i + 1:i + 2] == [""])
        without = re.search(rf"of {re.escape(words(key))} ([^;(]*)", footer)
        gone = without[1].strip().split(", ") if without else []
        columns = [c for c in dict.fromkeys(k for row in rows for k in row)
                   if words(c) not in gone]
        assert width is not None or not gone
        end = [*lines, ""].index("", at + 2)
        rule = next((i for i in range(at + 2, end) if set(lines[i].strip()) == {"─"}), None)
        if rule is None:
            _listed([*lines[at + 2:], ""], rows)
        else:
            assert lines[at + 2].split()[0] == words(columns[0]).split()[0]
            _tabled(lines[rule + 1:end], rows, columns)


def _tabled(body: Sequence[str], rows: Sequence[Row], columns: Sequence[str]) -> None:
    at, prose = 0, _prose(rows, columns)
    for row in rows:
        rest, open_ = body[at], []
        for column in columns:
            value = row.get(column)
            if value is None or value == "":
                continue
            cell, rest = _taken(rest.lstrip(" "), value, column in prose)
            if cell != value and isinstance(value, str):
                open_.append(value[len(cell):].lstrip(" "))
        assert not rest.strip(), (rest, row)
        at += 1
        while any(open_):
            place = 0
            for chunk in re.split("  +", body[at].strip()):
                place = next(i for i in range(place, len(open_)) if open_[i].startswith(chunk))
                open_[place] = open_[place][len(chunk):].lstrip(" ")
                place += 1
            at += 1
    assert at == len(body)


def _prose(rows: Sequence[Row], columns: Sequence[str]) -> set[str]:
    """The columns, but for that of names, whose texts may be wrapped."""
    texts = [(c, text) for row in rows for c in columns[1:] if isinstance(text := row.get(c), str)]
    return {c for c, text in texts if len(text) > PROSE and " " in text}


def _taken(rest: str, value: Any, prose: bool) -> tuple[str, str]:
    """The cell that a line begins with, which has to be that of the value, and what follows it."""
    if isinstance(value, str):
        if rest.startswith(value) and rest[len(value):len(value) + 1] in ("", " "):
            return value, rest[len(value):]
        assert prose and " " in value, (rest, value)
        cell = re.split("  +", rest, maxsplit=1)[0]
        assert cell and value.startswith(f"{cell} "), (rest, value)
        return cell, rest[len(cell):]
    cell, _, rest = rest.partition(" ")
    if isinstance(value, bool):
        assert cell == ("yes" if value else "no")
    else:
        number = float(cell.replace(",", ""))
        assert math.isclose(number, value, rel_tol=6e-4) or math.isnan(value), (cell, value)
    return cell, rest


def _listed(lines: Sequence[str], rows: Sequence[Row]) -> None:
    """Each cell has its line, or several of words; a name has one."""
    at = 0
    for row in rows:
        for i, (key, value) in enumerate(row.items()):
            if value is None or value == "":
                continue
            assert lines[at].startswith(f" {words(key)} "), (lines[at], key)
            rest = lines[at][len(words(key)) + 1:].lstrip(" ")
            at += 1
            cell, more = _taken(rest, value, bool(i))
            assert not more
            left = value[len(cell):].lstrip(" ") if isinstance(value, str) else ""
            while left:
                assert left.startswith(lines[at].strip())
                left = left[len(lines[at].strip()):].lstrip(" ")
                at += 1
        assert lines[at] == ""
        at += 1
