"""The table of training options: a row for each, and each trains what it says."""

import json
from dataclasses import replace

import pytest
import torch

from bench import recurrent
from dsplet.train.recurrent import Leaky


def test_the_rows_differ_from_the_plain_net_in_one_thing_each():
    (_, plain, none), *others = recurrent.RNN_ROWS[:6]
    assert none == {}
    torch.manual_seed(0)
    start = plain()
    for name, build, changes in others:
        torch.manual_seed(0)
        cell = build()
        turned = cell.u.weight @ cell.u.weight.T
        differs = [len(changes) > 0, cell.step != start.step,
                   torch.allclose(turned, torch.eye(recurrent.UNITS), atol=1e-5)]
        assert sum(differs) == 1 and isinstance(cell, Leaky), name
        assert len(changes) <= 1 or changes == recurrent.MOMENTUM


@pytest.mark.slow
def test_every_row_is_trained_and_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(recurrent, "TRAIN", {recurrent.SHORT: 32, recurrent.LONG: 64})
    monkeypatch.setattr(recurrent, "GROUPS", tuple(
        (steps, replace(config, epochs=1), rows) for steps, config, rows in recurrent.GROUPS))
    rows = recurrent.main(1, tmp_path / "rows.json")
    assert json.loads((tmp_path / "rows.json").read_text()) == rows
    assert [row["option"] for row in rows] == [
        name for *_, group in recurrent.GROUPS for name, *_ in group]
    assert all(0 <= row["mean_percent"] < 60 and row["seeds"] == 1 for row in rows)
    assert "2,560 to test; chance is 25 %" in capsys.readouterr().out
