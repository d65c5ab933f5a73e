"""How dataclasses become dictionaries, JSON and tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from dsplet.base.render import to_json, to_text
from dsplet.base.rows import inlined, plain


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    from_: int = 0
    stalls: Mapping[str, float] = inlined()
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    rows: tuple[Row, ...]
    worst: float | None
    label: str | None = None
    latency_ms: float = 2.5
    clock_mhz: float = 40
    lines: tuple[str, ...] = ()


REPORT = Report(rows=(Row(name="a", stalls={"bank": 1.5}), Row(name="b", from_=7, stalls={},
                                                               note="end")), worst=None)


def test_what_is_none_by_default_is_left_out():
    assert plain(REPORT) == {
        "rows": [{"name": "a", "from": 0, "bank": 1.5}, {"name": "b", "from": 7, "note": "end"}],
        "worst": None, "latency_ms": 2.5, "clock_mhz": 40, "lines": []}
    assert plain({"table": [REPORT.rows[1]]}) == {"table": [{"name": "b", "from": 7,
                                                             "note": "end"}]}


def test_numbers_that_json_cannot_spell_are_null():
    text = to_json("test", {"a": math.inf, "rows": [{"b": math.nan}], "c": 1.0})
    assert json.loads(text) == {"schema": "dsplet.test/1", "a": None, "rows": [{"b": None}], "c": 1}


def test_a_table_has_a_column_for_each_key_of_any_row():
    lines = to_text(REPORT).splitlines()
    assert lines[:3] == ["latency: 2.5 ms at 40 MHz", "clock: 40 MHz", "rows"]
    assert lines[4].split() == ["name", "from", "bank", "note"]
    assert lines[6].split() == ["a", "0", "1.5"] and lines[7].split() == ["b", "7", "end"]
    assert lines[-1] == "lines: none"
