"""Tables of any rows, at any width: whole numbers, whole names, nothing lost unsaid."""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random

import pytest

from dsplet.base import table
from dsplet.base.render import to_text
from dsplet.base.table import Column
from tests.base.readable import assert_readable

TABLES = 150


def random_report(rng: Random) -> dict[str, list[dict[str, object]]]:
    """A table of up to ten columns, its first of names: of the others each is of a kind, with cells
    that say nothing."""
    def word() -> str:
        return "".join(rng.choices(string.ascii_lowercase + "_.", k=rng.randint(1, 12)))

    kinds: list[Callable[[], object]] = [
        lambda: "/".join(word() for _ in range(rng.randint(1, 4))),
        lambda: " ".join(word() for _ in range(rng.randint(5, 14))),
        lambda: rng.randint(-10**9, 10**9) // 10**rng.randint(0, 9), lambda: rng.random() < 0.5,
        lambda: rng.uniform(-1, 1) * 10.0**rng.randint(-9, 12), lambda: 0, lambda: None]
    cells = [kinds[0], *rng.choices(kinds, k=rng.randint(0, 9))]
    headings = [f"x{word().replace('_', '')}_{i}" for i in range(len(cells))]
    return {"rows": [{h: None if i and rng.random() < 0.2 else cell()
                      for i, (h, cell) in enumerate(zip(headings, cells, strict=True))}
                     for _ in range(rng.randint(1, 5))]}


@pytest.mark.parametrize("width", [None, 30, 60, 80, 100, 140])
def test_any_rows_can_be_read(width):
    for seed in range(TABLES):
        report = random_report(Random(seed))
        assert_readable(to_text(report, width), report, width)


@pytest.mark.parametrize("width", [40, 80])
def test_all_of_it_is_there_where_all_is_asked_for(width):
    for seed in range(TABLES):
        report = random_report(Random(seed))
        text = to_text(report, width, "all")
        shown = set(text.split())
        assert "not shown" not in text
        for value in (value for row in report["rows"] for value in row.values()):
            if isinstance(value, str):
                assert set(value.split()) <= shown
            elif isinstance(value, int) and not isinstance(value, bool):
                assert f"{value:,}" in shown


@pytest.mark.parametrize("text", [
    "rows\n\n a   cycles\n ──────────\n b   1,2\n     84\n",
    "rows\n\n a   cycles\n ──────────\n b/\n c   1,284\n",
    "rows\n\n a\n ──\n b/c\n", "rows\n\n a     cycles\n ──────────\n b/c   1,285\n"])
def test_a_broken_or_lost_cell_would_be_seen(text):
    with pytest.raises((AssertionError, ValueError)):
        assert_readable(text, {"rows": [{"a": "b/c", "cycles": 1284}]}, 80)


def columns(*cells: str, heading: str = "a") -> list[Column]:
    """The first is the name."""
    return [Column(heading, (cell,), number=cell.isdigit(), name=i == 0)
            for i, cell in enumerate(cells)]


def test_by_hand():
    """One character before, three between; two where it is tight, and headings on several lines."""
    made = [Column("layer", ("c1/Conv", "y"), name=True),
            Column("cycles per mac", ("1", "12"), number=True)]
    assert table.lines(made) == [
        " layer     cycles per mac", " ────────────────────────", " c1/Conv                1",
        " y                     12"]
    assert table.lines(made, 16) == [
        " layer    cycles", "             per", "             mac", " ───────────────",
        " c1/Conv       1", " y            12"]


def test_what_is_left_out_first():
    """What is empty, then the least important; never the name. A wide one gives way to others."""
    made = columns("name", "12345", "0", "", "54321")
    assert [c.cells[0] for c in table.fitted(made, 99, range(5))] == [
        "name", "12345", "0", "", "54321"]
    assert [c.cells[0] for c in table.fitted(made, 22, range(5))] == [
        "name", "12345", "0", "54321"]
    assert [c.cells[0] for c in table.fitted(made, 19, range(5))] == ["name", "12345", "54321"]
    assert [c.cells[0] for c in table.fitted(made, 15, range(5))] == ["name", "12345"]
    assert [c.cells[0] for c in table.fitted(made, 15, [4, 1, 2, 3])] == ["name", "54321"]
    assert [c.cells[0] for c in table.fitted(made, 9, range(5))] == ["name"]
    made = columns("name", "1" * 20, "12345", "0", "54321")
    assert [c.cells[0] for c in table.fitted(made, 19, range(5))] == ["name", "12345", "54321"]


def test_a_name_beside_which_nothing_fits():
    """Each row is a list then."""
    rows = [{"layer": "features/" * 9, "cycles": 1234567, "op": None},
            {"layer": "b", "cycles": 0}]
    assert to_text({"rows": rows}, 70).splitlines() == [
        "rows", "", " layer   " + "features/" * 9, " cycles  1,234,567", "", " layer   b",
        " cycles  0"]


@pytest.mark.parametrize("text, shown", [
    ("a\nb", "a\\nb"), ("\x1b[31mred", "\\x1b[31mred"), ("日本", "日本")])
def test_names_do_not_move_the_cursor(text, shown):
    assert to_text({"rows": [{"layer": text}]}).splitlines()[-1].strip() == shown


def test_wide_characters_take_two_columns():
    made = [Column("a", ("日本", "xy"), name=True), Column("n", ("1", "2"), number=True)]
    assert table.lines(made)[2:] == [" 日本   1", " xy     2"]
