"""The tables of docs/ are those that measurements left, and the published figures the cards'."""

import re

import pytest

from bench import record, results, toronto
from dsplet.train import zoo


@pytest.mark.parametrize("page", results.PAGES)
def test_a_page_is_as_it_is_made(page):
    text = (results.DOCS / page).read_text()
    assert text == results.made(text), "python -m bench.results"


def test_every_table_stands_on_one_page():
    pages = [(results.DOCS / page).read_text() for page in results.PAGES]
    found = [name for page in pages for _, name, _ in results.MARKED.findall(page)]
    assert sorted(found) == sorted(results.TABLES)
    assert sum(page.count("<!-- table: ") for page in pages) == len(found)


def test_toronto_is_told_by_ten_trainings_of_each_net():
    rows = {model: row for (model, data), row in results.measured().items() if data == "toronto"}
    assert list(rows) == list(results.TORONTO)
    assert {row["seeds"] for row in rows.values()} == {toronto.SETTINGS["seeds"]}
    assert sum(row["executed"] * 10 for row in rows.values()) == 80_000  # integers, as it says


def test_what_is_recorded_reads_back_and_names_its_command(tmp_path):
    rows = [{"a": 1, "b": "x"}, {"a": None}]
    record.save("some", "python -m bench.some", rows, tmp_path)
    assert record.load("some", tmp_path) == rows
    for file in record.FOLDER.glob("*.json"):
        assert record.load(file.stem) and '"made_by": "' in file.read_text()


def test_what_is_said_to_be_published_is_on_the_cards():
    """Error rates there, accuracies here; a figure without a data set is for any."""
    said = {(model, data): text for model, data, _, text in results.SYSTEMS if "%" in text
            and "near" not in text}
    for (model, data), text in said.items():
        errors = [f.value for f in zoo.get(model).published
                  if f.quantity == "test_error_percent" and f.dataset in (data, None)]
        accuracy = float(re.findall(r"([\d.]+) %", text)[0])
        assert errors and accuracy == pytest.approx(100 - errors[0], abs=0.005), model
    assert len(said) == 11


@pytest.mark.parametrize("value, text", [(100.0, "100 %"), (99.996, "100.00 %"), (0.0, "0.00 %"),
                                         (None, ""), (98.8889, "98.89 %")])
def test_a_percentage_is_all_only_where_it_is(value, text):
    assert results.percent(value) == text
