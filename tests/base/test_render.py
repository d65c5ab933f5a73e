"""Reports as text, as JSON and as CSV."""

import csv
import io
import json
import math
from dataclasses import dataclass

import pytest

from dsplet.base import render

REPORT = {"samples": 360, "accuracy_percent": 98.8888, "clock_mhz": 40, "latency_ms": 8.2358,
          "sqnr_db": math.inf, "passed": True, "notes": "", "unknown": None, "flips": [],
          "commands": ["dsplet a", "dsplet b"],
          "layers": [{"layer": "a", "cycles": 12345.0, "per_mac": None},
                     {"layer": "b", "cycles": 1.5, "per_mac": 1.25}], "ram_bytes": 1748}


@dataclass(frozen=True, kw_only=True)
class Row:
    """Of ten columns."""

    FIRST = ("layer", "cycles", "from")

    layer: str
    op: str
    cycles: float
    macs: int = 123456
    from_: str = "a place in memory"
    note: str = "nothing to be said of it"


@dataclass(frozen=True, kw_only=True)
class Report:
    FIRST = ("passed", "cycles", "budget")
    DETAILS = ("excluded", "compiler")

    network: str = "a.q.onnx"
    layers: tuple[Row, ...] = (Row(layer="c1", op="Conv", cycles=1e6),)
    excluded: tuple[str, ...] = ("the camera",)
    compiler: str | None = None
    cycles: float = 1e6
    budget: tuple[Row, ...] = (Row(layer="b", op="", cycles=2.0, macs=0),)
    passed: bool = False


def test_numbers_stand_beside_what_they_rest_on():
    lines = render.to_text(REPORT).splitlines()
    assert lines[:7] == ["passed: yes", "samples: 360", "accuracy: 98.89 % of 360 samples",
                         "clock: 40 MHz", "latency: 8.236 ms at 40 MHz", "sqnr: inf dB",
                         "ram: 1,748 bytes"]
    assert lines[7:11] == ["flips: none", "commands:", "dsplet a", "dsplet b"]
    rows = [line.split() for line in lines[11:] if line]
    assert rows[1] == ["layer", "cycles", "per", "mac"]
    assert rows[3:] == [["a", "12,345"], ["b", "1.5", "1.25"]]


def test_what_matters_most_is_first_and_details_are_named():
    lines = [line for line in render.to_text(Report()).splitlines() if line]
    assert lines[:3] == ["passed: no", "cycles: 1,000,000", "budget"]
    assert lines[6:8] == ["network: a.q.onnx", "layers"]
    assert lines[-1] == "not shown: excluded (see --verbose or --json)"
    assert render.to_text(Report(), amount="verdict") == "passed: no\ncycles: 1,000,000"
    whole = render.to_text(Report(), amount="all")
    assert "excluded:\nthe camera" in whole and "not shown" not in whole


def test_a_narrow_terminal_keeps_the_columns_that_matter_most():
    text = render.to_text(Report(), 42)
    assert "\n layer  op       cycles  from\n" in text and max(map(len, text.splitlines())) <= 42
    assert " ".join(text[text.index("not shown"):].split()) == (
        "not shown: excluded; of budget op, macs, note; of layers macs, note "
        "(see --verbose, --json or a wider terminal)")


def test_commands_are_copied_whole():
    command = f"dsplet simulate {'x' * 30} --budget 33.3ms"
    told = {"go_on": command, "by_hand": [command, f"{'many words ' * 6}."]}
    assert render.to_text(told, 40).splitlines() == [
        f"go on: {command}", "by hand:", command, "many words many words many words many",
        "  words many words many words ."]


def test_only_titles_are_bold():
    text = render.to_text(REPORT, 80, bold=True)
    assert text.replace("\x1b[1mlayers\x1b[0m", "layers") == render.to_text(REPORT, 80)


def test_json_is_json():
    def refuse(text):
        raise AssertionError(text)

    report = json.loads(render.to_json("simulate", REPORT), parse_constant=refuse)
    assert report.pop("schema") == "dsplet.simulate/1"
    assert report == REPORT | {"sqnr_db": None}


@pytest.mark.parametrize("rows", [
    [{"name": 'of "two", c1', "n": 1 / 3, "ok": True}, {"name": "line\r\nfeed", "more": None}],
    [{"name": "b", "n": 12345678, "ok": False}]])
def test_csv_is_read_back(rows):
    text = render.to_csv({"samples": 3, "none": [], "lines": ["a"], "rows": rows,
                          "more": [{"a": 1}]})
    assert text.count("\r\n") == text.count("\n")
    seen = list(csv.DictReader(io.StringIO(text, newline="")))
    keys = [*dict.fromkeys(key for row in rows for key in row)]
    assert [list(row) for row in seen] == [keys] * len(rows)
    for told, row in zip(seen, rows, strict=True):
        for key in keys:
            value = row.get(key)
            assert told[key] == ("" if value is None else value if isinstance(value, str) else
                                 str(value).lower()) or float(told[key]) == value


def test_csv_without_a_table_is_the_scalars():
    assert render.to_csv({"file": "a", "bits": 8, "notes": []}) == "file,bits\r\na,8\r\n"
