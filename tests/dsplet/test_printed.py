"""How reports are printed: in short and in full, for other programs, on a terminal."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from dsplet.cli import SECTIONS, cli
from dsplet.cli.outcome import outcome
from dsplet.schemas import report_type

BUDGET = "simulate small.q.onnx --budget 100cycles"


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def printed(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert outcome(cli, words.split()) in (0, 1)
    return capsys.readouterr().out


def test_as_little_as_decides_and_as_all_of_it(here, capsys):
    quiet, usual, whole = (printed(f"{BUDGET} {form}", capsys) for form in ("-q", "", "-v"))
    assert quiet.splitlines()[0] == "passed: no" and quiet.count("\n") < 10
    assert usual.startswith(quiet) and whole.startswith(quiet)
    assert "not shown: not included (see --verbose or --json)" in usual
    assert "not included:\n" in whole and "not shown" not in whole


def test_the_main_table_for_other_programs(here, capsys):
    document = json.loads(printed(f"{BUDGET} --json", capsys))
    seen = list(csv.DictReader(io.StringIO(printed(f"{BUDGET} --csv", capsys))))
    assert [row["layer"] for row in seen] == [row["layer"] for row in document["layers"]]
    assert [float(row["cycles"]) for row in seen] == [r["cycles"] for r in document["layers"]]
    assert seen[0].keys() == document["layers"][0].keys()


@pytest.mark.parametrize("forms", ["--json --csv", "-q -v", "--csv -q"])
def test_one_form_at_a_time(forms, here, capsys):
    assert outcome(cli, f"{BUDGET} {forms}".split()) == 2
    assert "leave one of them out" in capsys.readouterr().err


def test_a_terminal_has_its_width(capsys, monkeypatch):
    """Columns are those of the terminal, or of $COLUMNS; nothing is bold that must have no colour;
    of what is piped nothing is left out."""
    words = "budgets"
    piped = printed(words, capsys)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    bold = printed(words, capsys)
    monkeypatch.setenv("NO_COLOR", "1")
    plainly = printed(words, capsys)
    assert "\x1b[1mbudgets\x1b[0m" in bold and "\x1b" not in plainly + piped
    assert max(map(len, plainly.splitlines())) <= 80 < max(map(len, piped.splitlines()))
    assert "of budgets" in plainly and "of budgets" not in piped


def test_what_is_said_to_matter_is_there():
    """FIRST and DETAILS name fields, of reports and of their rows."""
    def named(kind: type) -> set[str]:
        return {*getattr(kind, "FIRST", ()), *getattr(kind, "DETAILS", ())}

    kinds = {kind for names in SECTIONS.values() for name in names
             for kind in dataclasses_in(report_type(name))}
    assert sum(bool(named(kind)) for kind in kinds) > 20
    for kind in kinds:
        assert named(kind) <= {f.name.rstrip("_") for f in fields(kind)}, kind


def dataclasses_in(kind: Any) -> Iterator[Any]:
    for inner in get_args(kind):
        yield from dataclasses_in(inner)
    if is_dataclass(kind):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from dataclasses_in(hint)
