"""HTML as text that cannot be broken by what it shows, and the rows that charts are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

Facts = Mapping[str, Any]
"""An object of the report's JSON."""
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
"""Stands where a number has nothing to say."""


class Html(str):
    """What is markup already."""


def tag(name: str, *content: str, **attributes: str | None) -> Html:
    """An element. content: Html, or text, which is escaped. attributes: class_ is `class`; None
    leaves one out."""
    given = "".join(f' {key.rstrip("_")}="{escape(value)}"'
                    for key, value in attributes.items() if value is not None)
    return Html(f"<{name}{given}>{joined(content)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """One after the other; what is no Html is escaped."""
    return Html("".join(p if isinstance(p, Html) else escape(p) for p in parts))


def part(heading: str, *content: str, note: str = "") -> Html:
    """What a section holds. note: how to read it."""
    told = [tag("p", note, class_="note")] if note else []
    return joined([tag("h2", heading), *told, *content])


def row(name: str, track: Iterable[str], value: str, title: str = "", mark: str = "") -> Html:
    """A line of a chart: its name, what is drawn, what that is in words. mark: a class of its own.
    """
    broken = Html(escape(name).replace("/", "/<wbr>"))
    return tag("div", tag("b", broken), tag("i", *track), tag("span", value),
               class_=f"row {mark}".rstrip(), title=title or None)


def chart(*rows: str, mark: str = "") -> Html:
    """Tracks, one below the other."""
    return tag("div", *rows, class_=f"chart {mark}".rstrip())


def bar(left: float, width: float, mark: str = "", title: str = "") -> Html:
    """A piece of a track, by per cent of it."""
    left, width = min(max(left, 0.0), 100.0), max(width, 0.0)
    return tag("u", class_=mark or None, title=title or None,
               style=f"left:{left:.2f}%;width:{min(width, 100 - left):.2f}%")


def dot(left: float, mark: str, title: str = "") -> Html:
    """A point of a track."""
    return tag("s", class_=mark, title=title or None, style=f"left:{min(max(left, 0), 100):.2f}%")


def key(*entries: tuple[str, str]) -> Html:
    """What marks mean. entries: mark, words."""
    return tag("p", *(tag("span", tag("u", class_=mark), words) for mark, words in entries),
               class_="key")


def table(headings: Iterable[str], rows: Iterable[Iterable[str]], mark: str = "") -> Html:
    """A table that scrolls by itself where it is too wide."""
    head = tag("tr", *(tag("th", h) for h in headings))
    body = [tag("tr", *(c if isinstance(c, Html) and c.startswith("<td") else tag("td", c)
                        for c in cells)) for cells in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)),
               class_=f"wide {mark}".rstrip())


def number(value: object) -> str:
    """As people read it: 460,424 or 0.01234; NONE for nothing."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or isinstance(value, float) and (
            value == int(value) or abs(value) >= 1000):
        return f"{value:,.0f}".replace("-", MINUS)
    return f"{value:.4g}".replace("-", MINUS) if isinstance(value, float) else str(value)


def cycles(value: float) -> str:
    """Whole ones, where there are many."""
    return number(float(round(value)) if value >= 10 else value)


def signed(value: float) -> str:
    """The same with its sign."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def percent(value: float | None) -> str:
    """54.2 %, with what matters of small ones."""
    if value is None:
        return NONE
    if abs(value) >= 1000:
        return f"{number(value)} %"
    digits = 1 if abs(value) >= 1 or not value else 2
    text = f"{value:.{digits}f}"
    return f"{text if float(text) or not value else '<0.01'} %".replace("-", MINUS)


def decibel(value: float | None) -> str:
    """As people read it: 46.4 dB; NONE for nothing."""
    return NONE if value is None else f"{value:.1f} dB".replace("-", MINUS)
