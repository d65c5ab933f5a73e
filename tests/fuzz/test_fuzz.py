"""Files that were tampered with: each is refused in words, or every execution of it agrees."""

import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.qdq import to_qdq
from tests.fuzz import mutators, trials
from tests.fuzz.pool import outcomes
from tests.fuzz.trials import KINDS, trial
from tests.quantize.fixed.words import graph, value

GOOD = ("refused", "equal")


def test_some_files_that_were_tampered_with():
    bad = {seed: found for seed in range(30) if (found := trial(seed)).bucket not in GOOD}
    assert not bad


@pytest.mark.slow
def test_files_that_were_tampered_with():
    """Each in a process with limits of time and memory."""
    found = dict(outcomes(range(1000, 1300)))
    assert len(found) == 300
    assert not {seed: f for seed, f in found.items() if f.bucket not in GOOD}
    assert {f.kind for f in found.values()} == KINDS.keys()
    assert {f.bucket for f in found.values()} == set(GOOD)


WORKER = """
import os
from tests.fuzz import pool
from tests.fuzz.trials import Outcome

def trial(seed, kinds):
    if seed == 1:
        pool.signal.setitimer(pool.signal.ITIMER_PROF, 0.3)
        {odd}
    return Outcome("lies", "equal")

pool.trial = trial
pool.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("odd, bucket", [("while True: pass", "hang"), ("os._exit(3)", "crash"),
                                         ("os.abort()", "crash")])
def test_a_trial_that_does_not_end_or_ends_its_process_stops_no_other(odd, bucket, monkeypatch):
    started = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda words, **how: started(
        [sys.executable, "-c", WORKER.format(odd=odd), *words[3:]], **how))
    found = dict(outcomes(range(4), processes=1))
    assert [found[seed].bucket for seed in range(4)] == ["equal", bucket, "equal", "equal"]
    assert bucket == "crash" or "in trial" in found[1].what  # it says where


def test_a_trial_is_the_same_again():
    first, second = ([(found.kind, found.bucket) for found in map(trial, range(20, 26))]
                     for _ in range(2))
    assert first == second


def test_what_nobody_changed_is_accepted(monkeypatch):
    """A mutator that spoils everything would pass for a door that holds."""
    monkeypatch.setattr(mutators, "text", lambda whole, words, chance: whole)
    monkeypatch.setattr(mutators, "document", lambda whole, chance: whole)
    monkeypatch.setattr(mutators, "onnx_model", lambda model, chance: model)
    monkeypatch.setattr(mutators, "lie", lambda graph, chance: to_qdq.to_model(graph))
    for name in ("mutated", "flipped"):
        monkeypatch.setattr(trials, name, lambda data, count, chance: iter([data]))
    for kind in KINDS:
        for seed in range(3):
            assert trial(seed, (kind,)).bucket == "equal", trial(seed, (kind,))


def test_a_lie_that_a_door_let_pass_is_found(monkeypatch):
    """The reference heeds a clamp that the kernel of an exact table does not."""
    monkeypatch.setattr(Table, "clamps", True)
    honest = Table.of(np.tanh, "t", value("x", 9), value("y", 9))
    assert not trials.differences(graph("net", honest), random.Random(5))
    lie = graph("net", replace(honest, clamp=(-5, 5)))
    assert trials.differences(lie, random.Random(5)) == "the interpreter differs in 'y' of net"
