"""Machines that read: their best path against every path there is, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dsplet.base.schema import fitted
from dsplet.data.automaton import (
    Arc,
    Description,
    Grammar,
    MachineError,
    build,
    load,
    read_path,
    spelled,
    states_of,
)
from dsplet.train.reading import Viterbi

CLASSES = ("", "a", "b")


def columns_of(text: str, columns: int, least: int, direct: bool):
    """Every row of `columns` classes that `text` can look like, and how often a symbol follows
    another with no blank between."""
    def rest(i: int, left: int, after: str):
        if i == len(text):
            yield [0] * left, 0
            return
        for gap in range(left + 1):
            if after and gap == 0 and (not direct or after == text[i]):
                continue
            for run in range(least, left - gap + 1):
                for more, count in rest(i + 1, left - gap - run, text[i]):
                    yield ([0] * gap + [CLASSES.index(text[i])] * run + more,
                           count + bool(after and gap == 0))
    yield from rest(0, columns, "")


def texts(grammar: Grammar, longest: int):
    """Every row of symbols that the grammar accepts, and the weight of its arcs."""
    front = [(grammar.start, "", 0.0)]
    for _ in range(longest + 1):
        yield from ((text, weight) for node, text, weight in front if node in grammar.finals)
        front = [(a.target, text + a.symbol, weight + a.weight) for node, text, weight in front
                 for a in grammar.arcs if a.source == node]


def best(grammar: Grammar, scores: np.ndarray, columns: int, enter: float, direct: float | None):
    """(score, text, classes) of all that is possible, the best first."""
    steps = np.arange(len(scores))
    return sorted(((weight + enter * len(text) + (direct or 0) * count + scores[steps, row].sum(),
                    text, row)
                   for text, weight in texts(grammar, len(scores))
                   for row, count in columns_of(text, len(scores), columns, direct is not None)),
                  key=lambda found: -found[0])


arcs = st.lists(st.builds(Arc, st.sampled_from("pqr"), st.sampled_from("ab"),
                          st.sampled_from("pqr"), st.sampled_from([0.0, -0.5, 0.25])),
                min_size=1, max_size=6, unique_by=lambda a: (a.source, a.symbol, a.target))


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(arcs, st.integers(1, 2), st.sampled_from([0.0, 0.5, -0.75]),
       st.sampled_from([None, 0.0, -1.0]), st.integers(0, 2**32 - 1))
def test_viterbi_finds_the_best_of_all_paths(found, columns, enter, direct, seed):
    assume(any(a.source == "p" for a in found))
    grammar = Grammar(tuple(found), "p", ("p", *(a.target for a in found[:1])))
    machine = build(grammar, CLASSES, columns, enter, direct)
    scores = np.random.default_rng(seed).uniform(-4, 0, (5, 3)).astype(np.float32)
    every = best(grammar, scores, columns, enter, direct)
    path = Viterbi(machine)(torch.from_numpy(scores)[None])[0].numpy()
    read = read_path(machine.names, path)
    good = [(text, row) for score, text, row in every if score > every[0][0] - 1e-4]
    assert (read, machine.hears[path].tolist()) in good
    if machine.rows is not None:
        row = machine.rows[path].max(0)
        assert "".join(CLASSES[c] for c in row) == read


def test_the_smallest_machine_is_a_blank_and_a_state_for_each_digit():
    classes = ("", *"0123456789")
    machine = load("digits", classes)
    assert len(machine) == 11 and machine.rows is None and list(machine.hears) == list(range(11))
    counting = load("five_digits", classes)
    assert len(counting) == 6 + 5 * 10 and counting.rows.shape == (56, 5)
    assert sum((rows.stop - rows.start) * n for rows, n in counting.groups) <= 6 * 11 + 50 * 2


def test_a_lexicon_reads_nothing_else():
    machine = build(Grammar.words(["ab", "b", "bba"]), CLASSES)
    scores = torch.tensor(np.random.default_rng(0).uniform(-4, 0, (200, 6, 3)), dtype=torch.float32)
    paths = Viterbi(machine)(scores).numpy()
    assert {read_path(machine.names, path) for path in paths} == {"ab", "b", "bba"}
    rows = machine.rows[paths].max(1)
    assert {"".join(CLASSES[c] for c in row) for row in rows} == {"ab", "b", "bba"}


def test_paths_column_by_column():
    names = ["", "", "7", "7", "1"]
    assert read_path(names, [0, 2, 2, 1, 3, 4, 4]) == "771"
    assert spelled(names, [0, 2, 2, 1, 3, 4, 4]) == ".77.711"
    assert spelled(["", "ch", "a"], [0, 1, 2]) == ". ch a"
    assert states_of({"dsplet.states": json.dumps(names)}, "x.onnx") == names
    with pytest.raises(MachineError, match="x.onnx: has no machine.*--machine"):
        states_of({}, "x.onnx")


@pytest.mark.parametrize("facts, said", [
    ({"lenght": 3}, "unknown key 'lenght'.*length, words, arcs.*did you mean 'length'"),
    ({"length": 0}, "length is 0"), ({"length": 3, "words": ["a"]}, "length and words"),
    ({"words": []}, r"words is \[\]; expected a list"), ({"words": ["ax"]}, "no class 'x'.*a, b"),
    ({"columns": 0}, "columns is 0"), ({"direct": "no"}, "direct is 'no'; expected a number"),
    ({"arcs": [["p", "ab", "q"]]}, "arcs need start"),
    ({"arcs": [["p"]], "start": "p", "finals": ["q"]},
     r"arcs\[0\] is \['p'\]; expected \[from, symbols, to\]"),
    ({"arcs": [["p", "a", "q"]], "start": "p", "finals": ["z"]}, "reads nothing")])
def test_a_description_that_says_nothing(facts, said):
    with pytest.raises(MachineError, match=said):
        fitted(facts, Description, MachineError).machine(CLASSES)


def test_what_stands_in_a_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('arcs = [["s", "ab", "s", -0.5], ["s", "a", "e"]]\n'
                    'start = "s"\nfinals = ["e"]\ndirect = -1\ncolumns = 2\n')
    machine = load(file, CLASSES)
    assert len(machine) == 2 + 2 * 3 and machine.names.count("a") == 4
    file.write_text("length = [")
    with pytest.raises(MachineError, match="mine.toml: not a TOML file"):
        load(file, CLASSES)
    with pytest.raises(MachineError, match="'digit'; expected digits, .*did you mean 'digits'"):
        load("digit", CLASSES)
    with pytest.raises(MachineError, match="the recogniser has no class of no symbol"):
        load("digits", tuple("0123456789"))
