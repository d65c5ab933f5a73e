"""The conformance vectors, which live outside the repository."""

import copy
import json
import os
import random
from pathlib import Path

import msgspec
import pytest

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from dsplet.firmware_sim.dsp32c.tools import conformance
from dsplet.firmware_sim.dsp32c.tools.conformance import VectorsError
from dsplet.firmware_sim.programs import summary
from tests.base.damage import cut, mutated

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


@needs_vectors
def test_what_the_vectors_say_of_assumptions():
    """Nothing but that a tap takes an accumulator of three instructions ago: five random sequences
    of MAME's core."""
    own = conformance.python_machine().target
    others = own.with_assumptions(
        adder_truncates=False, caches_do_of_one=False, halves_mu_law=False, truncation_floors=False,
        converts_upper_bits=False, taps_are_live=True, bank_busy_states=3, slot_order="ZXYI")
    results = conformance.run(VECTORS, lambda: Machine(others, strict=False))
    assert [r.id for r in results if not r.passed] == [
        f"seq_random-{n:03}" for n in (23, 29, 31, 53, 107)]


def ran(vector: dict) -> conformance.Result:
    return conformance.run_vector(msgspec.convert(vector, conformance.Vector),
                                  conformance.python_machine())


def test_a_vector_by_hand():
    result = ran(ADD)
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
    result = ran(vector)
    assert result.difference == message
    assert summary([result]) == f"0 passed, 1 failed\nfirst: add-1: {message}"


def test_an_illegal_word_is_a_difference():
    vector = copy.deepcopy(ADD)
    vector["code"]["000100"] = ["ffffffff"]
    result = ran(vector)
    assert "no instruction" in result.difference


HEX = "in hexadecimal"


@pytest.mark.parametrize("change, text", [
    ({"steps": 10**12},
     "vectors[0].steps is 1000000000000; expected a whole number from 0 to 100000"),
    ({"steps": -1}, "vectors[0].steps is -1; expected a whole number from 0 to 100000"),
    ({"steps": "5"}, "vectors[0].steps is '5'; expected a whole number from 0 to 100000"),
    ({"exact": 1}, "vectors[0].exact is 1; expected true or false"),
    ({"id": None}, "vectors[0].id is None; expected a text"),
    ({"code": {"000100": ["wxyz"]}},
     f"vectors[0].code.000100[0] is 'wxyz'; expected 32 bits {HEX}"),
    ({"code": {"000100": ["123456789"]}},
     f"vectors[0].code.000100[0] is '123456789'; expected 32 bits {HEX}"),
    ({"code": {"000101": []}},
     f"vectors[0].code: '000101' is a key; expected the byte address of a word {HEX}"),
    ({"code": {"fffffc": ["0", "0"]}}, "add-1: the code at fffffc passes the last address, ffffff"),
    ({"init": ADD["init"] | {"pc": "10000000"}},
     f"vectors[0].init.pc is '10000000'; expected the byte address of a word {HEX}"),
    ({"init": ADD["init"] | {"a": ["0"] * 3}},
     "vectors[0].init.a is ['0', '0', '0']; expected a list of 4"),
    ({"init": ADD["init"] | {"r": {"r23": "0"}}},
     "vectors[0].init.r: 'r23' is a key; expected r1 to r22"),
    ({"init": ADD["init"] | {"flags": "n"}},
     "vectors[0].init.flags is 'n'; expected flags such as n--c"),
    ({"init": {}}, "vectors[0].init: pc is missing"),
    ({"final": ADD["final"] | {"a_f64": ["7ff8000000000000"] * 4}},
     f"vectors[0].final.a_f64[0] is '7ff8000000000000'; expected a finite IEEE double {HEX}"),
])
def test_vectors_that_are_none(change, text, tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps({"schema": "dsp32c-vectors/1", "vectors": [ADD | change]}))
    with pytest.raises(VectorsError) as caught:
        conformance.run(path)
    assert str(caught.value) == f"{path}: {text}"


@pytest.mark.parametrize("document, text", [
    ({"schema": "other/1", "vectors": []}, "schema is 'other/1'; expected dsp32c-vectors/1"),
    ({"schema": "dsp32c-vectors/1"}, "vectors is missing"),
    ([], "the whole is []; expected a table"),
    ({"schema": "dsp32c-vectors/1", "vectors": [3]}, "vectors[0] is 3; expected a table"),
])
def test_another_schema_is_refused(document, text, tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps(document))
    with pytest.raises(VectorsError) as caught:
        conformance.run(path)
    assert str(caught.value) == f"{path}: {text}"


def test_damaged_vectors_are_told_or_run(tmp_path):
    path = tmp_path / "v.json"
    vector = ADD | {"steps": 3, "code": {"000100": ["14610001", "6404041f", "1ea30037"]}}
    whole = json.dumps({"schema": "dsp32c-vectors/1", "vectors": [vector]}).encode()
    machine = conformance.python_machine()
    for content in [*cut(whole), *mutated(whole, 500, random.Random(6))]:
        path.write_bytes(content)
        try:
            conformance.run(path, lambda: machine)
        except UserError as error:
            assert str(error).startswith(f"{path}: ")
