"""A user's own vectors in a `.csv`: a line a sample.

A first line without a number in it, or with the word `label` or `labels`, names the columns. The
column of that name, and no other, is a label: a class by number or by name, or a number with a
decimal point. All others are the vector.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from dsplet.base.errors import shown
from dsplet.base.files import read_text
from dsplet.data.source import LABELS, WHOLE, Arrays, Source, Wanted, classes_of, labels_of, opens
from dsplet.data.splits import DataError

MOST_CSV_BYTES = 1 << 27
"""As objects of Python its fields take twenty times as many."""


@opens(".csv")
def table(path: Path, wanted: Wanted) -> Source:
    """The lines of a table; fields are parted by commas, semicolons or tabs. Raises DataError,
    FileError."""
    wanted.only()
    rows = _rows(path)
    first = [field.strip().lower() for field in rows[0][1]]
    at = [i for i, name in enumerate(first) if name in LABELS]
    if at or not any(map(_is_number, first)):
        rows = rows[1:]
    if not rows:
        raise DataError("holds no line of numbers")
    if len(at) > 1:
        raise DataError(f"{len(at)} columns are called {' or '.join(LABELS)}", expected="one")
    labels, words = None, tuple[str, ...]()
    if at:
        labels, words = _labels([fields.pop(at[0]).strip() for _, fields in rows])
    return Source(str(path), {WHOLE: lambda: Arrays({"vector": _numbers(rows)}, labels, words,
                                                    flat=True)})


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line numbers and fields of all lines that are not empty, as many of each."""
    lines = read_text(path, MOST_CSV_BYTES).splitlines()
    first = next((line for line in lines if line.strip()), "")
    mark = next((m for m in ",;\t" if m in first), ",")
    try:
        rows = [(i, fields) for i, fields in enumerate(csv.reader(lines, delimiter=mark), 1)
                if any(field.strip() for field in fields)]
    except csv.Error as error:
        raise DataError(f"is no table: {error}") from error
    if not rows:
        raise DataError("is empty")
    for i, fields in rows:
        if len(fields) != len(rows[0][1]):
            raise DataError(f"line {i} has {len(fields)} fields, line {rows[0][0]} "
                            f"{len(rows[0][1])}", expected="as many in every line")
    return rows


def _numbers(rows: list[tuple[int, list[str]]]) -> np.ndarray:
    """(N, columns): int64 where all are whole and without a point, else float64."""
    try:
        found = np.array([fields for _, fields in rows]).astype(np.float64)
    except ValueError:
        i, field = next((i, f) for i, fields in rows for f in fields if not _is_number(f))
        raise DataError(f"line {i} has {shown(field)} among its numbers", expected="a number, or "
                        f"a first line that calls this column {LABELS[1]}") from None
    whole = not any("." in f or "e" in f.lower() or "n" in f.lower() for _, fields in rows
                    for f in fields)
    return found.astype(np.int64) if whole and np.abs(found).max() < 2**53 else found


def _labels(fields: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    if all(map(_is_number, fields)) and not all(f.isdecimal() for f in fields):
        return labels_of(np.array([float(f) for f in fields])), ()
    return classes_of(fields)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
