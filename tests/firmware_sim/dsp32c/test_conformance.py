"""The conformance vectors, which live outside the repository."""

import copy
import json
import os
from pathlib import Path

import pytest

from dsplet.firmware_sim.dsp32c.tools import conformance
from dsplet.firmware_sim.programs import summary

SHARED = os.environ.get("DSPLET_SHARED")
VECTORS = Path(SHARED or "/nonexistent") / "conformance" / "dsp32c_vectors.json"
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_file(), reason="set DSPLET_SHARED to the folder with conformance/*.json")

ADD = {"id": "add-1", "group": "cau", "asm": ["r3 = r1 + 1"], "steps": 1, "exact": True,
       "code": {"000100": ["14610001"]},
       "init": {"pc": "000100", "r": {"r1": "007fff"}, "a": ["00000000"] * 4,
                "flags": "----", "dflags": "----", "mem": {}},
       "final": {"pc": "000104", "r": {"r3": "ff8000"}, "a": ["0000000000"] * 4,
                 "a_f64": ["0000000000000000"] * 4, "flags": "n-v-", "dflags": "----",
                 "mem": {}}}


@needs_vectors
def test_every_vector_passes():
    results = conformance.run(VECTORS)
    assert len(results) == 469
    assert summary(results) == "469 passed, 0 failed"


def test_a_vector_by_hand():
    result = conformance.run_vector(ADD, conformance.python_machine())
    assert result.passed, result.difference


@pytest.mark.parametrize("key, wrong, message", [
    ("pc", "000108", "pc is 000104, expected 000108"),
    ("r", {}, "r3 is ff8000, expected 000000"),
    ("flags", "n---", "flags are n-v-, expected n---"),
    ("dflags", "N---", "dflags are ----, expected N---"),
    ("mem", {"000800": "00000001"}, "word 000800 is 00000000, expected 00000001"),
    ("a", ["0000000000", "0000000080", "0000000000", "0000000000"],
     "a1 is 0000000000, expected 0000000080"),
])
def test_differences_are_described(key, wrong, message):
    vector = copy.deepcopy(ADD)
    vector["final"][key] = wrong
    result = conformance.run_vector(vector, conformance.python_machine())
    assert result.difference == message
    assert summary([result]) == f"0 passed, 1 failed\nfirst: add-1: {message}"


def test_an_illegal_word_is_a_difference():
    vector = copy.deepcopy(ADD)
    vector["code"]["000100"] = ["ffffffff"]
    result = conformance.run_vector(vector, conformance.python_machine())
    assert "no instruction" in result.difference


def test_another_schema_is_refused(tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps({"schema": "other/1", "vectors": []}))
    with pytest.raises(ValueError, match="dsp32c-vectors/1"):
        conformance.run(path)
