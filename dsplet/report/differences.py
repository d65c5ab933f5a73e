"""What is other than in the baseline, with its sign; and nothing else."""

from __future__ import annotations

from itertools import groupby

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, joined, number, percent, signed, tag

MARKS = {True: "bad", False: "good", None: None}
FLIPS = "flips"
MOST_LISTED = 40
"""Samples that are named."""


def section(report: Facts) -> Html:
    """The part of the page; nothing where there is no baseline."""
    rows = report.get("changes")
    if rows is None:
        return Html("")
    threshold = report["threshold_percent"]
    note = f"Since {report['baseline']}" + (
        f"; what changed by less than {threshold:g} % is left out." if threshold else ".")
    if not rows:
        return markup.part("Changes", tag("p", "Nothing changed."), note=note)
    groups = [(name, list(found)) for name, found in groupby(rows, lambda r: r["section"])]
    return markup.part("Changes", *(joined([tag("h3", name.capitalize()), (
        _flips if name == FLIPS else _listed)(found)]) for name, found in groups), note=note)


def _listed(rows: list[Facts]) -> Html:
    return tag("div", *map(_change, rows), class_="changes")


def _change(r: Facts) -> Html:
    """What it is of, was and is, and by how much it changed."""
    change, share = r["change"], r["change_percent"]
    said = [] if change is None else [signed(change)]
    if share is not None:
        said.append(f"{'+' if share > 0 else ''}{percent(share)}")
    return tag("div", tag("b", r["of"], " " if r["of"] else "", tag("span", _words(r["quantity"]))),
               tag("span", f"{number(r['was'])} → {number(r['is'])}"),
               tag("span", "  ".join(said), class_=MARKS[r["worse"]]))


def _flips(rows: list[Facts]) -> Html:
    """The samples that came and went, those that are read otherwise among both."""
    said = [("bad", "new", [r["of"] for r in rows if r["was"] is None]),
            ("good", "gone", [r["of"] for r in rows if r["is"] is None]),
            (None, "read otherwise", [r["of"] for r in rows if None not in (r["was"], r["is"])])]
    return joined(tag("p", tag("span", f"{len(found)} {words}", class_=mark), ": ",
                      ", ".join(f"#{i}" for i in found[:MOST_LISTED]),
                      " …" if len(found) > MOST_LISTED else "", class_="said")
                  for mark, words, found in said if found)


def _words(quantity: str) -> str:
    return quantity.replace("_", " ").replace("sqnr", "SQNR").removesuffix(" db")
