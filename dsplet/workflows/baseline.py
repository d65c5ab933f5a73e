"""What changed since another report: their JSON, row by row, joined by keys."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dsplet.base.errors import UserError, door
from dsplet.base.files import read_text
from dsplet.report.page import document_of
from dsplet.workflows.request import RequestError

SCHEMA = "dsplet.report/1"
EQUAL = 1e-6
"""Of a number: floats that are nearer are one, reckoned on two machines."""
MORE, LESS, NEITHER = True, False, None
"""What is worse of a quantity."""
Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ChangeRow:
    """A quantity that is not what it was, of a layer or another thing, or of the whole. was, is_:
    None where there is no such row. change, change_percent: of numbers. worse: None where it is
    neither that nor better."""

    FIRST = ("of", "quantity", "change", "worse")

    section: str
    of: str
    quantity: str
    was: float | str | None
    is_: float | str | None
    change: float | None
    change_percent: float | None
    worse: bool | None


@dataclass(frozen=True)
class Compared:
    """Rows of which quantities are compared. place: the object's or list's keys in the document.
    keys: the fields that name a row; none of an object. worse: by quantity, whether MORE of it is,
    or LESS."""

    section: str
    place: tuple[str, ...]
    keys: tuple[str, ...]
    worse: Mapping[str, bool | None]


COMPARED = (
    Compared("conditions", ("simulation",), (), dict.fromkeys(
        ("target", "clock_mhz", "samples"), NEITHER)),
    Compared("conditions", ("comparison",), (), {"samples": NEITHER}),
    Compared("time", ("simulation",), (), dict.fromkeys(
        ("latency_ms", "cycles", "worst_case_cycles", "lowest_cycles", "highest_cycles"), MORE)),
    Compared("time", ("simulation", "layers"), ("layer",), {
        "cycles": MORE, "worst_case": MORE, "macs": NEITHER}),
    Compared("work", ("simulation", "items"), ("item",), {"cycles": MORE}),
    Compared("memory", ("simulation", "memory"), ("region",), {"used_bytes": MORE}),
    Compared("buffers", ("simulation", "memory_map"), ("buffer",), {"bytes": MORE}),
    Compared("bits", ("simulation",), (), {"differing_integers": MORE}),
    Compared("answers", ("comparison",), (), {
        "reference_accuracy_percent": NEITHER, "test_accuracy_percent": LESS, "agree_percent": LESS,
        "test_nrmse_percent": MORE, "output_sqnr_db": LESS, "largest_difference": MORE}),
    Compared("flips", ("comparison", "flips"), ("index",), {"test": MORE}),
    Compared("values", ("comparison", "layers"), ("layer",), {"format": NEITHER, "sqnr_db": LESS}),
    Compared("outputs", ("comparison", "outputs"), ("output",), {
        "sqnr_db": LESS, "largest_difference": MORE}),
    Compared("layers", ("diagnosis", "layers"), ("layer",), {
        "sqnr_isolated_db": LESS, "sqnr_cumulative_db": LESS, "mends_flips": MORE}),
    Compared("sums", ("ledger", "entries"), ("layer",), {"proved_bits": MORE, "saturated": MORE}))

AGAIN = ("values", "sqnr_db")
"""What a diagnosis says as well."""


def read(path: str) -> Facts:
    """The JSON of a report, from its page or a file of its own. Raises FileError, RequestError."""
    text = read_text(path)
    with door(path, ValueError, RecursionError, what="not a report", kind=RequestError,
              expected="a page or the JSON of dsplet report"):
        found = json.loads(document_of(text) or text)
    said = found.get("schema") if isinstance(found, dict) else None
    if said != SCHEMA:
        raise RequestError(f"not a report but {said}" if said else "not a report", where=path,
                           expected="a page or the JSON of dsplet report")
    changes(found, found, path, 0.0)  # all that is compared can be read
    return dict(found)


def changes(old: Facts, new: Facts, path: str, threshold_percent: float) -> list[ChangeRow]:
    """path: of the old one. threshold_percent: of what a number was, that it must change by. Raises
    RequestError where the old one is broken, or of another network."""
    try:
        _check_same(old, new, path)
        twice = old.get("diagnosis") and new.get("diagnosis")
        return [row for compared in COMPARED for row in _rows(compared, old, new)
                if (row.change_percent is None or abs(row.change_percent) >= threshold_percent)
                and not (twice and (row.section, row.quantity) == AGAIN)]
    except UserError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError):
        raise RequestError("a part of it is missing or another's", where=path,
                           expected="a report as dsplet report writes it",
                           remedy="write it anew") from None


def _check_same(old: Facts, new: Facts, path: str) -> None:
    """Most layers have the same key."""
    was, is_ = ({e["layer"] for e in report["ledger"]["entries"]} for report in (old, new))
    if 2 * len(was & is_) < max(len(was), len(is_)):
        raise RequestError(f"is of another network, {old['test']}: of {len(is_)} layers of "
                           f"{new['test']} it has {len(was & is_)}", where=path)


def _rows(compared: Compared, old: Facts, new: Facts) -> Iterator[ChangeRow]:
    """The quantities that differ, by the new one's rows, then those that are gone."""
    was, is_ = (_keyed(report, compared) for report in (old, new))
    for of in dict.fromkeys((*is_, *was)):
        for quantity, worse in compared.worse.items():
            values = [found.get(of, {}).get(quantity) for found in (was, is_)]
            if not _equal(*values):
                yield _change(compared.section, of, quantity, worse, *values)


def _keyed(report: Facts, compared: Compared) -> dict[str, Facts]:
    """Rows by their key, with a number from the second of the same name on."""
    found: Any = report
    for key in compared.place:
        found = (found or {}).get(key)
    if not compared.keys:
        return {"": found or {}}
    rows: dict[str, Facts] = {}
    for row in found or ():
        name, n = " ".join(str(row[k]) for k in compared.keys), 1
        while (key := name if n == 1 else f"{name} ({n})") in rows:
            n += 1
        rows[key] = row
    return rows


def _equal(was: Any, is_: Any) -> bool:
    if isinstance(was, float) or isinstance(is_, float):
        return was == is_ or None not in (was, is_) and math.isclose(was, is_, rel_tol=EQUAL)
    return bool(was == is_)


def _change(section: str, of: str, quantity: str, worse: bool | None, was: Any, is_: Any
            ) -> ChangeRow:
    numbers = isinstance(was, int | float) and isinstance(is_, int | float)
    change = is_ - was if numbers else None
    more = change > 0 if change is not None else was is None
    gone = not numbers and None not in (was, is_)  # other words, no more and no less
    return ChangeRow(
        section=section, of=of, quantity=quantity, was=was, is_=is_, change=change,
        change_percent=100 * change / abs(was) if change is not None and was else None,
        worse=None if worse is None or gone else more == worse)
