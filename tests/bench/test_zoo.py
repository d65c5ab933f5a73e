"""`make zoo`: which rows there are, and what makes it fail."""

from dataclasses import fields

import pytest

from bench import zoo as bench
from dsplet.train import results, zoo


def test_every_model_has_a_row_and_a_quick_row():
    names = [card.name for card in zoo.cards()]
    assert {model for model, _ in bench.rows_of([], None)} == set(names)
    quick = bench.quick_rows([])
    assert [model for model, _ in quick] == names and ("zip1989", "digits") in quick
    assert bench.rows_of(["zip1989"], "usps") == [("zip1989", "usps")]


@pytest.mark.parametrize("fault, passed", [({}, True), ({"differing_integers": 1}, False),
                                           ({"met": False}, False), ({"met": None}, True),
                                           ({"fixed_accuracy_percent": 97.0}, False),
                                           ({"fixed_accuracy_percent": 97.0, "samples": 100}, True)
                                           ])
def test_what_fails(fault, passed, monkeypatch, tmp_path, capsys):
    columns = (f.name for table in (results.Accuracy, results.Chip) for f in fields(table))
    row = dict.fromkeys(columns, 1) | {
        "model": "zip1989", "data": "usps", "samples": 1000, "float_accuracy_percent": 98.0,
        "fixed_accuracy_percent": 98.0, "differing_integers": 0, "met": True} | fault
    monkeypatch.setattr(bench, "means", lambda *_, **__: row)
    monkeypatch.setattr(bench, "RUNS", tmp_path)
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    assert bench.main(["zip1989"], "usps") is passed
    assert ("failed: none" in capsys.readouterr().out) is passed
    assert results.load(tmp_path / "results.json") == [row]
