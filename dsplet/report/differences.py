"""What is other than in the baseline, with its sign; and nothing else."""

from __future__ import annotations

from dsplet.report import markup
from dsplet.report.markup import NONE, Facts, Html, number, percent, signed, tag

MARKS = {True: "bad", False: "good", None: None}


def section(report: Facts) -> Html:
    rows = report.get("changes")
    if rows is None:
        return Html("")
    threshold = report["threshold_percent"]
    note = f"Against {report['baseline']}" + (
        f"; what changed by less than {threshold:g} % is left out." if threshold else ".")
    if not rows:
        return markup.part("Changes", tag("p", "Nothing changed."), note=note)
    return markup.part("Changes", markup.table(
        ("in", "of", "what", "was", "is", "change", ""), map(_cells, rows), "changes"), note=note)


def _cells(r: Facts) -> list[str]:
    change, share = r["change"], r["change_percent"]
    mark = MARKS[r["worse"]]
    return [r["section"], r["of"], r["quantity"].replace("_", " "), _value(r["was"]),
            _value(r["is"]),
            tag("td", NONE if change is None else signed(change), class_=mark),
            tag("td", "" if share is None else f"{'+' if share > 0 else ''}{percent(share)}",
                class_=mark)]


def _value(value: object) -> str:
    return NONE if value is None else number(value)
