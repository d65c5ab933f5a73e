"""What a notebook shows of reports, networks and pictures: HTML, and one line where there is only
text. Nothing here knows IPython: it asks any object for `_repr_html_`.

Colours are the page's own, so that dark pages stay dark. Equal contents give equal bytes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, ClassVar

import numpy as np

from dsplet.base.picture import PictureError
from dsplet.base.rows import first_of, plain
from dsplet.base.sheet import Reals
from dsplet.base.spelling import cell, scalar, words

STYLE = """<style>
.dsplet { color: inherit; overflow-x: auto; line-height: 1.35 }
.dsplet table { border-collapse: collapse; margin: .4em 0; color: inherit; background: none }
.dsplet tr, .dsplet td, .dsplet th { background: none; color: inherit; border: 0 }
.dsplet td, .dsplet th { padding: .15em .7em; text-align: left; vertical-align: top }
.dsplet table tr + tr td, .dsplet thead th { border-top: 1px solid rgb(128 128 128 / 35%) }
.dsplet .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.dsplet summary { cursor: pointer }
.dsplet figure { margin: .4em 0 }
.dsplet img { image-rendering: pixelated; max-width: 100%; height: auto }
.dsplet text { font: 11px sans-serif; fill: currentColor }
</style>"""
WIDE, HIGH, EDGE = 720, 200, 60
"""Pixels of a drawing of curves, and of what stands to the left of it."""
MOST_ENLARGED = 2
"""Pixels of the page, each way, for one of a small picture."""
COLOURS = ("#3b82c4", "#e07b39", "#4a9d5b", "#b05fc0", "#c9a227", "#d0506b")
"""Of curves: seen on white and on black."""
MOST_ROWS = 200
"""Of a table; a report has no more to read in a notebook."""


class Html:
    """A piece of HTML. text: what stands for it where there is only text."""

    def __init__(self, html: str, text: str) -> None:
        self.html, self.text = html, text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<div class="dsplet">{STYLE}{self.html}</div>'


class Displayed:
    """A dataclass that a notebook shows: its scalars, then its tables folded up. Dataclasses that
    inherit it are declared with repr=False, so that as text they are one line, of scalars alone.
    """

    unfolded: ClassVar[frozenset[str]] = frozenset({"layers", "budget"})
    """Tables that need not be opened."""

    def __repr__(self) -> str:
        said = ", ".join(f"{key}={value!r}" for key, value in plain(self, printed=True).items()
                         if value is not None and not isinstance(value, list | dict | str))
        return f"{self._title}({said})"

    @property
    def _title(self) -> str:
        """Its class; of a workflow's Report the workflow."""
        kind = type(self)
        return kind.__module__.rpartition(".")[2].title() if kind.__name__ == "Report" else (
            kind.__name__)

    def _repr_html_(self) -> str:
        facts, tables = [], []
        found = plain(self, printed=True)
        for key in dict.fromkeys((*first_of(self), *found)):
            value = found.get(key)
            if key == "passed" or value in ("", None):
                continue
            if not isinstance(value, list):
                name, _, said = scalar(key, value, found).partition(": ")
                facts.append(f"<tr><td>{escape(name)}</td><td>{escape(said)}</td></tr>")
            elif value:
                opened = " open" if key in self.unfolded else ""
                tables.append(f"<details{opened}><summary>{escape(words(key))}: "
                              f"{len(value):,}</summary>{rows_html(value)}</details>")
        verdict = {True: ": passed", False: ": not passed", None: ""}[found.get("passed")]
        return Html(f"<b>{escape(self._title)}{verdict}</b><table>{''.join(facts)}</table>"
                    f"{''.join(tables)}", repr(self))._repr_html_()


def table(rows: Sequence[Any], title: str = "") -> Html:
    """Rows, dictionaries or dataclasses, as a table with a column for each key that some row has.
    title: above it. Raises nothing."""
    head = f"<b>{escape(title)}</b>" if title else ""
    return Html(head + rows_html(plain(list(rows), printed=True)),
                f"{title or 'table'}: {len(rows):,} rows")


def rows_html(rows: Sequence[Any]) -> str:
    """Dictionaries as a table, anything else line by line."""
    shown = rows[:MOST_ROWS]
    if not all(isinstance(row, dict) for row in shown):
        body = "".join(f"<tr><td>{escape(cell(row))}</td></tr>" for row in shown)
    else:
        keys = list(dict.fromkeys(key for row in (max(shown, key=len), *shown) for key in row))
        numbers = {key for key in keys if any(_is_number(row.get(key)) for row in shown)}
        kinds = {key: ' class="number"' if key in numbers else "" for key in keys}
        heads = "".join(f"<th{kinds[key]}>{escape(words(key))}</th>" for key in keys)
        body = f"<thead><tr>{heads}</tr></thead><tbody>" + "".join(
            "<tr>" + "".join(f"<td{kinds[key]}>{escape(cell(row.get(key)))}</td>" for key in keys)
            + "</tr>" for row in shown) + "</tbody>"
    more = f"<div>and {len(rows) - MOST_ROWS:,} more</div>" if len(rows) > MOST_ROWS else ""
    return f"<table>{body}</table>{more}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def picture(png: bytes, caption: str) -> Html:
    """A PNG in the page itself; a small one is enlarged."""
    wide = int.from_bytes(png[16:20], "big")  # of its header
    larger = max(1, min(MOST_ENLARGED, WIDE // wide))
    data = b64encode(png).decode()
    return Html(f'<figure><img alt="{escape(caption)}" width="{larger * wide}" '
                f'src="data:image/png;base64,{data}"><figcaption>{escape(caption)}</figcaption>'
                "</figure>", caption)


def curves(lines: Mapping[str, Reals], title: str, below: str = "") -> Html:
    """Lines, numbers (T,) by name, over their positions, as one drawing. title: above it. below:
    what the positions are.
    Raises PictureError where there are none, or some are not finite."""
    arrays = {name: np.asarray(a, np.float64).ravel() for name, a in lines.items()}
    if not arrays or not all(len(a) and np.isfinite(a).all() for a in arrays.values()):
        raise PictureError("a curve without numbers, or with some that are not finite")
    low = min(float(a.min()) for a in arrays.values())
    high = max(float(a.max()) for a in arrays.values())
    last = max(max(len(a) for a in arrays.values()) - 1, 1)
    reach = high - low or 1.0
    drawn, key = [], []
    for i, (name, a) in enumerate(arrays.items()):
        colour = COLOURS[i % len(COLOURS)]
        at = " ".join(f"{EDGE + WIDE * t / last:.1f},{8 + HIGH * (high - y) / reach:.1f}"
                      for t, y in enumerate(a))
        drawn.append(f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        key.append(f'<span style="color:{colour}">&#9644;</span> {escape(name)}')
    ends = "".join(f'<text x="{EDGE - 6}" y="{y}" text-anchor="end">{cell(float(f"{end:.3g}"))}'
                   "</text>" for end, y in ((high, 12), (low, 8 + HIGH)))
    foot = "".join(f'<text x="{x}" y="{HIGH + 24}" text-anchor="{anchor}">{escape(said)}</text>'
                   for x, anchor, said in ((EDGE, "start", "0"), (EDGE + WIDE, "end", str(last)),
                                           (EDGE + WIDE // 2, "middle", below)))
    frame = (f'<path d="M{EDGE} 8V{8 + HIGH}H{EDGE + WIDE}" fill="none" stroke="currentColor" '
             'stroke-opacity=".5"/>')
    size = f'viewBox="0 0 {EDGE + WIDE + 10} {HIGH + 30}" width="{EDGE + WIDE + 10}"'
    return Html(f'<b>{escape(title)}</b><figure><svg xmlns="http://www.w3.org/2000/svg" {size} '
                f'role="img" aria-label="{escape(title)}" style="max-width:100%;height:auto">'
                f"{frame}{''.join(drawn)}{ends}{foot}</svg><figcaption>{' &nbsp; '.join(key)}"
                "</figcaption></figure>", f"{title}: {', '.join(arrays)}")
