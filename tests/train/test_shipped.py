"""The trained networks that come with the package read what their table says."""

import hashlib
import os
from pathlib import Path

import pytest

from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from dsplet.quantize.analysis.report import Comparison
from dsplet.quantize.network import fixed_graph
from dsplet.train import shipped, zoo
from dsplet.workflows import compare
from tests.each import each

ROWS = shipped.shipped()
MOST_BYTES = 600_000


def accuracy(row: shipped.Shipped, data: str | None) -> Comparison:
    """Of the file, against itself."""
    file = str(shipped.path(row.model))
    return compare.run(compare.Request(reference=file, test=file, data=data, resize=bool(data)))


def test_they_are_small_and_as_they_were_measured():
    files = {p.name: p.read_bytes() for p in shipped.FOLDER.glob("*.onnx")}
    assert files.keys() == {f"{r.model}.q.onnx" for r in ROWS}
    assert sum(map(len, files.values())) < MOST_BYTES
    for r in ROWS:
        content = files[f"{r.model}.q.onnx"]
        assert (len(content), hashlib.sha256(content).hexdigest()) == (r.bytes, r.sha256)


@each("row", ROWS)
def test_they_are_the_zoos_and_read_the_first_samples_as_stated(row):
    facts, card = dict(fixed_graph(str(shipped.path(row.model))).metadata), zoo.get(row.model)
    assert (facts["dsplet.model"], facts["dsplet.data"]) == (row.model, row.data)
    assert row.data in (*card.training, *card.lines.values())
    found = accuracy(row, str(shipped.samples(row.data)))
    assert found.samples == row.first
    assert found.test_accuracy_percent == pytest.approx(100 * row.first_right / row.first)


@pytest.mark.slow
@pytest.mark.skipif("DSPLET_DATA" not in os.environ, reason="USPS and MNIST are not here")
@each("row", ROWS)
def test_they_read_all_samples_as_stated(row):
    found = accuracy(row, None)
    assert found.samples == row.samples
    assert found.test_accuracy_percent == pytest.approx(row.fixed_accuracy_percent, abs=1e-4)


def test_one_is_copied(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert outcome(cli, ["zoo", "get", "zip1989"]) == 0
    assert "dsplet train zip1989 --data usps" in capsys.readouterr().out
    assert Path("zip1989.q.onnx").read_bytes() == shipped.path("zip1989").read_bytes()
    assert outcome(cli, ["zoo", "get", "zip1989", "-o", "mine.q.onnx"]) == 0
    assert Path("mine.q.onnx").exists()


def test_what_does_not_come(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def said(*words: str) -> str:
        assert outcome(cli, ["zoo", *words]) == 2
        return capsys.readouterr().err

    assert "did you mean 'zip1989'?" in said("get", "zip1998")
    assert "get copies one trained network; expected zip1989" in said("get")
    assert "-o does nothing without get" in said("-o", "x.q.onnx")
    assert "there is no folder" in said("get", "zip1989", "-o", "nowhere/x.q.onnx")
    assert not list(tmp_path.iterdir())
