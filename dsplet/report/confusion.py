"""Which classes are read as which: by the float network, by the fixed-point one, and what changed.
"""

from __future__ import annotations

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, key, number, signed, tag

MOST_CLASSES = 20
"""Of a matrix that can be read; of more, what changed is listed."""
MOST_LISTED = 60
SHADES = 5
CELL_REM = 1.9
"""A cell's width at least, for four digits."""


def section(report: Facts) -> Html:
    """The part of the page."""
    compared = report["comparison"]
    before, after = compared.get("confusion_reference"), compared.get("confusion_test")
    if not before or not after:
        return Html("")
    changed = _changed(before, after)
    note = "A row is what was right, a column what was read; shaded off the diagonal is wrong."
    if len(before) > MOST_CLASSES:
        return markup.part("Confusion", _listed(changed),
                           note=f"Of {len(before)} classes, the cells that changed.")
    grids = [_grid("float", before), _grid("fixed point", after)]
    if changed:
        grids.append(_grid("difference", [
            {"label": b["label"]} | {k: after[i][k] - b[k] for k in b if k != "label"}
            for i, b in enumerate(before)], signs=True))
    else:
        note += " No cell changed."
    marks = key(("good", "more right, fewer wrong"), ("bad", "more wrong, fewer right"))
    return markup.part("Confusion", tag("div", *grids, class_="grids"),
                       *([marks] if changed else []), note=note)


def _changed(before: list[Facts], after: list[Facts]) -> list[tuple[int, str, int, int]]:
    """label, read as, and how often in each, where that is not the same."""
    return [(b["label"], k, b[k], a[k]) for b, a in zip(before, after, strict=True)
            for k in b if k != "label" and a[k] != b[k]]


def _grid(name: str, rows: list[Facts], signs: bool = False) -> Html:
    """A matrix. signs: its cells are differences."""
    columns = [k for k in rows[0] if k != "label"]
    head = tag("tr", tag("th"), *(tag("th", c) for c in columns))
    body = [tag("tr", tag("th", str(r["label"])), *(
        _cell(r[c], str(r["label"]) == c, signs, max(r[k] for k in columns)) for c in columns))
        for r in rows]
    return tag("figure", tag("figcaption", name), tag("div", tag(
        "table", head, *body, class_="matrix",
        style=f"min-width:{CELL_REM * (len(columns) + 1):.1f}rem"), class_="scrolls"))


def _cell(value: int, right: bool, signs: bool, most: int) -> Html:
    if not value:
        return tag("td", class_="right" if right and not signs else None)
    if signs:
        return tag("td", signed(value), class_="good" if right == (value > 0) else "bad")
    shade = "right" if right else f"wrong{min(SHADES, 1 + value * SHADES // (most + 1))}"
    return tag("td", str(value), class_=shade)


def _listed(changed: list[tuple[int, str, int, int]]) -> Html:
    largest = sorted(changed, key=lambda c: -abs(c[3] - c[2]))
    rows = [[str(label), read, number(was), number(now), signed(now - was)]
            for label, read, was, now in largest[:MOST_LISTED]]
    more = [tag("p", f"and {len(changed) - MOST_LISTED} more", class_="note")] if len(
        changed) > MOST_LISTED else []
    if not rows:
        return tag("p", "None.")
    return tag("div", markup.table(("class", "read as", "float", "fixed", "change"), rows), *more)
