"""The report's document and its page, read as text: what is in them, and what changed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from dsplet.base import render
from dsplet.base.errors import UserError
from dsplet.report.page import page
from dsplet.schemas import schema
from dsplet.workflows import baseline, report
from tests.dsplet.report.conftest import Written


class Elements(HTMLParser):
    """(tag, attributes) of every element, and the text by the tag that it stands in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append((self.found[-1][0] if self.found else "", data))


def headings(file: Path) -> list[str]:
    return [text for tag, text in Elements(file.read_text()).said if tag == "h2"]


def test_it_holds_its_own_document(digits: Written):
    """The command's JSON but for the name of the page, and of the published schema."""
    said = json.loads(render.to_json("report", digits.report))
    assert said.pop("page") == str(digits.file) and digits.document == said
    jsonschema.validate(said, schema("report", report.Report))


def test_it_says_everything_of_a_classifier(digits: Written):
    assert headings(digits.file) == [
        "Where the time goes", "Memory", "Error bar", "Signal and noise", "Ranges", "Confusion",
        "Flips", "Overflow", "Provenance"]
    met = {v["verdict"]: v["met"] for v in digits.document["verdicts"]}
    assert met == {"latency": False, "worst case": None, "RAM": False, "flash": None,
                   "accuracy drop": None, "overflow": True, "all bits agree": True}
    assert not digits.report.passed


def test_what_has_nothing_to_say_says_so(numbers: Written):
    """No labels, no classes: no confusion, no flips, but noise and ranges; outputs instead."""
    assert headings(numbers.file) == [
        "Where the time goes", "Memory", "Error bar", "Signal and noise", "Ranges", "Outputs",
        "Overflow", "Provenance"]
    assert numbers.report.passed and "None" not in numbers.file.read_text()
    assert numbers.report.diagnosis and numbers.report.diagnosis.layers[0].sqnr_isolated_db > 20


def test_what_a_target_does_not_tell(digits: Written):
    """No map, no assumptions, no diagnosis: a line each."""
    document = digits.document
    for gone in ("memory_map", "spread", "budget"):
        del document["simulation"][gone]
    del document["diagnosis"]
    text = unescape(page(json.dumps(document | {"not_diagnosed": "it has a loop"}), {}).decode())
    for said in ("this target has no map of them", "This target has no assumptions to vary.",
                 "Not by layer: it has a loop.", "the float network's nobody looked at: it has a"):
        assert said in text, said


def test_integers_under_another_assumption(digits: Written):
    """In words, of how many; a way in which the code fails has no cycles to draw."""
    document = digits.document
    row = next(r for r in document["simulation"]["spread"] if r["differing_integers"])
    text = unescape(digits.file.read_text())
    assert (row["compared_samples"], row["compared_integers"]) == (60, 600)
    assert f"{row['assumption'].replace('_', ' ')} = no: {row['integers']}." in text
    assert row["integers"].startswith(f"{row['differing_integers']} of 600 differ, in their last")
    row |= {"cycles": None, "change_percent": None, "differing_integers": 0, "fault": "no memory",
            "integers": "none computed: no memory"}
    text = unescape(page(json.dumps(document), {}).decode())
    assert "= no: none computed: no memory." in text and "<span>fails</span>" in text


def test_of_many_classes_what_changed_is_listed(digits: Written):
    """The matrices would be too small to read."""
    document = digits.document
    rows = [{"label": i} | {str(j): 5 * (i == j) for j in range(21)} for i in range(21)]
    document["comparison"] |= {"confusion_reference": rows, "confusion_test": [
        *rows[:20], rows[20] | {"20": 3, "7": 2}]}
    text = page(json.dumps(document), {}).decode()
    assert 'class="matrix"' not in text
    cells = [said for tag, said in Elements(text).said if tag == "td"]
    rows = ["20", "7", "0", "2", "+2"], ["20", "20", "5", "3", "\N{MINUS SIGN}2"]
    assert [*rows[0], *rows[1]] in [cells[at:at + 10] for at in range(len(cells))]


def test_pictures_of_flips(digits: Written, numbers: Written):
    """A PNG of each flip that is shown, and of nothing else."""
    flips = len(digits.document["comparison"]["flips"])
    pictures = re.findall(r'<img alt="sample \d+" src="data:image/png;base64,iVBOR',
                          digits.file.read_text())
    assert 0 < flips and len(pictures) == min(flips, 24)
    assert "<img" not in numbers.file.read_text()


def test_the_waterfall_is_the_bill(digits: Written):
    """Pieces of the bars begin where the cycles before them end; what would be narrower than a
    thousandth is drawn where it is all that there is of a layer."""
    *layers, total = digits.document["simulation"]["layers"]
    text = digits.file.read_text().partition("Where the time goes")[2]
    text = text.partition("Everything but")[0]
    pieces = re.findall(r'<u class="(?:k\d|stall)" style="left:([\d.]+)%;width:([\d.]+)%"', text)
    ends = [float(left) + float(width) for left, width in pieces]
    wanted, at = [], 0.0
    for row in layers:
        spent = [v for k, v in row.items() if k in ("mac", "other", "nop") or k.endswith("_stall")]
        assert sum(spent) == row["cycles"]
        for cycles in spent:
            at += cycles
            if cycles == max(spent) or cycles >= total["cycles"] / 1000:
                wanted.append(100 * at / total["cycles"])
    assert ends == pytest.approx(wanted, abs=0.02)


@pytest.mark.slow
def test_equal_requests_give_equal_bytes(digits: Written, tmp_path: Path):
    again = replace(digits.request, page=str(tmp_path / "again.html"))
    report.run(again)
    assert Path(again.page).read_bytes() == digits.file.read_bytes()


def test_nothing_in_a_name_is_markup(digits: Written):
    """Neither in what is shown nor in the document."""
    evil = '</script><b class="x">&'
    document = json.dumps(digits.document | {"test": evil})
    text = page(document, {}).decode()
    assert "<b class=\"x\">" not in text and text.count("</script>") == 1
    assert ("h1", evil) in [(tag, said) for tag, said in Elements(text).said]


def test_no_script_and_nothing_fetched(digits: Written):
    found = Elements(digits.file.read_text()).found
    assert [a.get("type") for tag, a in found if tag == "script"] == ["application/json"]
    for tag, attributes in found:
        for name in ("href", "src"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/png;base64,")), (tag, value)
        assert not any(name.startswith("on") for name in attributes)


# --- baselines ------------------------------------------------------------------------------------

def test_nothing_changed_since_itself(digits: Written):
    """Its page is its own baseline."""
    old = baseline.read(str(digits.file))
    assert baseline.changes(old, digits.document, "old", 0.0) == []


@pytest.mark.slow
def test_a_planted_change_and_nothing_else(digits: Written, tmp_path: Path):
    """As JSON of its own, joined by the layer, with its sign."""
    old = digits.document
    row = old["simulation"]["layers"][1]
    was, row["cycles"] = row["cycles"], row["cycles"] - 312
    gone = old["comparison"]["flips"].pop(0)
    (tmp_path / "old.json").write_text(json.dumps(old))
    new = tmp_path / "new.html"
    changes = report.run(replace(digits.request, page=str(new),
                                 baseline=str(tmp_path / "old.json"))).changes
    assert changes is not None
    assert [(c.section, c.of, c.quantity, c.was, c.is_, c.change, c.worse) for c in changes] == [
        ("time", row["layer"], "cycles", was - 312, was, 312, True),
        ("flips", str(gone["index"]), "test", None, gone["test"], None, True)]
    text = new.read_text().partition("<h2>Changes")[2].partition("</section>")[0]
    said = [text for _, text in Elements(text).said]
    assert said[said.index("Time"):] == [
        "Time", f"{row['layer']} ", "cycles", f"{was - 312:,.0f} → {was:,.0f}",
        f"+312  +{100 * 312 / (was - 312):.1f} %", "Flips", "1 new", f": #{gone['index']}"]


def test_small_changes_are_left_out(digits: Written):
    old = digits.document
    old["simulation"]["cycles"] *= 1.01
    old["simulation"]["latency_ms"] *= 1.2
    row, = baseline.changes(old, digits.document, "old", 2.0)
    assert row.quantity == "latency_ms" and row.worse is False
    assert row.change_percent == pytest.approx(100 * (1 / 1.2 - 1))


@pytest.mark.parametrize("text, told", [
    ("<html></html>", "not a report: "), ('{"schema": "dsplet.compare/1"}', "but dsplet.compare/1"),
    ("[]", "not a report; expected a page or the JSON of dsplet report"),
    ('{"schema": "dsplet.report/1"}', "a part of it is missing or another's"),
    ('{"schema": "dsplet.report/1", "ledger": {"entries": 3}}',
     "a part of it is missing or another's")])
def test_what_is_no_baseline(text: str, told: str, digits: Written, tmp_path: Path):
    (tmp_path / "old.html").write_text(text)
    with pytest.raises(UserError, match=re.escape(told)):
        report.run(replace(digits.request, page=str(tmp_path / "new.html"),
                           baseline=str(tmp_path / "old.html")))
    assert not (tmp_path / "new.html").exists()


def test_another_network_is_no_baseline(digits: Written, numbers: Written):
    with pytest.raises(UserError, match="is of another network"):
        baseline.changes(numbers.document, digits.document, "old", 0.0)
    with pytest.raises(UserError, match="is what it would be made from"):
        report.run(replace(digits.request, baseline=str(digits.file)))
