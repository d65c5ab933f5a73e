"""What a notebook shows: HTML that is whole, says nothing but what it is given, and is the same
again."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html.parser import HTMLParser

import numpy as np
import pytest

from dsplet.base.display import MOST_ROWS, Displayed, curves, picture, table
from dsplet.base.picture import PictureError
from dsplet.base.sheet import sheet

NASTY = "<script>alert('\"&')</script>"
VOID = {"img", "br"}


class Reader(HTMLParser):
    """Tags, which must be closed in their order, and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] != "style":
            self.texts.append(data)

    def names(self) -> list[str]:
        return [tag for tag, _ in self.tags]


@dataclass(frozen=True)
class Row:
    layer: str
    cycles: float
    share_percent: float | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Report(Displayed):
    network: str
    samples: int
    accuracy_percent: float
    latency_ms: float | None = None
    layers: list[Row]
    flips: list[Row]
    notes: list[str]
    passed: bool


def report(**changes) -> Report:
    return Report(**{"network": NASTY, "samples": 12, "accuracy_percent": 75.0,
                     "layers": [Row(NASTY, 1234567.0), Row("out", 2.5, 10.0)], "flips": [],
                     "notes": [NASTY], "passed": True} | changes)


def test_a_report():
    html = report()._repr_html_()
    read = Reader(html)
    assert read.texts.count(NASTY) == 3 and "script" not in read.names()
    assert read.texts[0] == "Test_Display: passed"  # a workflow's Report has the workflow's name
    assert "75 % of 12 samples" in read.texts and "1,234,567" in read.texts
    assert [("open" in a) for tag, a in read.tags if tag == "details"] == [True, False]
    assert read.names().count("th") == 3  # the column that one row has, behind the others
    assert html == report()._repr_html_() and "not passed" in report(passed=False)._repr_html_()


def test_colours_are_the_pages_own():
    style = re.search(r"<style>(.*?)</style>", report()._repr_html_(), re.DOTALL)[1]
    said = re.findall(r"(?:color|background|fill): ([^;}]+?) *[;}]", style)
    assert said and set(said) <= {"inherit", "none", "currentColor"}


def test_as_text_it_is_a_line():
    said = repr(report())
    assert said == "Test_Display(samples=12, accuracy_percent=75.0, passed=True)"
    assert repr(table([Row("a", 1.0)], "costs")) == "costs: 1 rows"


def test_a_long_table_says_that_there_is_more():
    read = Reader(table([{"i": i} for i in range(MOST_ROWS + 5)])._repr_html_())
    assert read.names().count("tr") == MOST_ROWS + 1 and read.texts[-1] == "and 5 more"


def test_a_picture_is_in_the_page():
    png = sheet([np.arange(6.0).reshape(1, 2, 3)])
    shown = picture(png, NASTY)
    attributes = next(a for tag, a in Reader(shown._repr_html_()).tags if tag == "img")
    kind, _, data = attributes["src"].partition(",")
    assert kind == "data:image/png;base64" and base64.b64decode(data) == png
    assert attributes["alt"] == NASTY and int(attributes["width"]) == 2 * (3 * 16 + 4)


def test_curves():
    read = Reader(curves({NASTY: np.array([0.0, 4.0, 2.0]), "b": np.array([1.0])}, "two",
                         "step")._repr_html_())
    first, second = (a["points"].split() for tag, a in read.tags if tag == "polyline")
    assert first == ["60.0,208.0", "420.0,8.0", "780.0,108.0"]  # 720 wide, 200 high
    assert second == ["60.0,158.0"]
    assert "script" not in read.names() and {"0", "4", "2", "step", "two"} <= set(read.texts)


@pytest.mark.parametrize("lines", [{}, {"a": np.array([])}, {"a": np.array([1.0, np.nan])}])
def test_what_is_no_curve(lines):
    with pytest.raises(PictureError, match="a curve without numbers"):
        curves(lines, "none")
