"""Programs of several files on the command line: linked, listed, traced, with arrays in and out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from dsplet.firmware_sim.dsp32c.isa import floats
from tests.dsplet.commands import dsplet, refusal

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "programs.md").read_text()


def report(*words, folder: Path) -> dict:
    done = dsplet(*words, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_page_on_programs(tmp_path):
    """docs/programs.md: its files, its commands in order and what they print."""
    for name, text in re.findall(r"```(?:asm|c) (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(text)
    (tmp_path / "wrong.s").write_text("do 0,tpas\nr5 = 70000\ndo 1,tpas\n")
    np.save(tmp_path / "x.npy", np.array([1, 2, 3.5]))
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    commands = [part for block in blocks for part in re.split(r"^\$ dsplet ", block,
                                                              flags=re.MULTILINE) if part]
    assert len(commands) == 4
    for command in commands:
        words, _, wanted = command.partition("\n")
        done = dsplet(*words.split(), folder=tmp_path)
        assert (done.stdout + done.stderr).split() == wanted.split(), words
    assert np.load(tmp_path / "y.npy").tolist() == [1 * 2 + 2 * 4 + 3.5]


def test_a_listing_of_several_files(tmp_path):
    (tmp_path / "a.s").write_text('#include "h.h"\n\n.global go\ngo: nop\n')
    (tmp_path / "b.s").write_text("goto go\n")
    (tmp_path / "h.h").write_text("byte 1\n")
    done = dsplet("asm", "a.s", "b.s", folder=tmp_path)
    assert [line for line in done.stdout.splitlines() if line.startswith("--")] == [
        "-- h.h", "-- a.s", "-- b.s"]
    rows = report("asm", "a.s", "b.s", folder=tmp_path)["listing"]
    assert [(r["file"], r["line"], r["address"]) for r in rows if r["address"]] == [
        ("h.h", 1, "000000"), ("a.s", 4, "000004"), ("b.s", 1, "000008")]


STALE = """r1e = x ; r2e = y ; a0 = *r1++
2*nop
a3 = a0 - a0
a1 = *r1++
a2 = a3 * a1                            // neither is there yet, though a3 was 0 before
*r2 = a2 = a2
r3 = *r2                                // and y not there yet
a3 = a2 * *r1                           // X from the bank of the code
halt: goto halt ; nop
x: float 3, 5
org 0x800
y: float 7
"""


def test_a_trace_marks_what_is_stale(tmp_path):
    (tmp_path / "stale.s").write_text(STALE)
    (stop,) = report("run", "stale.s", "--trace", 20, folder=tmp_path)["stops"]
    trace = stop["trace"]
    assert [r["address"] for r in trace] == [f"{4 * i:06x}" for i in range(11)]
    assert {r["text"]: r["stale"] for r in trace if r["stale"]} == {
        "a2 = a3 * a1": "a1=0  a3=0", "r3 = *r2": "*000800=82"}
    text = dsplet("run", "stale.s", "--trace", 9, folder=tmp_path).stdout.splitlines()
    assert "! a1=0" in text[7] and text[9].startswith("-- halt")
    held = {r["text"]: r["bank"] for r in trace if r["bank"]}
    assert held == {"a3 = a2 * *r1": 0.25}


def test_arrays_in_and_out(tmp_path):
    (tmp_path / "copy.s").write_text("""r1e = x ; r2e = y
do 0,3
*r2++ = a0 = *r1++
halt: goto halt ; nop
org 0x800
x: 4*float 0
y: 4*float 9
b: 4*byte 1
h: 2*int 2
w: 2*int24 3
""")
    values = np.array([[0.1, -2], [3e10, 1e-3]])
    for name, array in (("x", values), ("b", np.arange(4, dtype=np.uint8)),
                        ("h", np.array([-5, 6], np.int16)), ("w", np.array([-7, 8], np.int32)),
                        ("c", np.ones(2, complex)), ("n", np.array([np.inf]))):
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "b.bin").write_bytes(b"\x04\x03\x02\x01")
    done = dsplet("run", "copy.s", *(f for n in "xhw" for f in ("--load", f"{n}={n}.npy")),
                  "--load", "b=b.bin", "--save", "y:4=y.npy", "--save", "y:4:word=y.bin",
                  "--save", "h:2:int=h2.npy", "--save", "w:2:int24=w2.npy",
                  "--save", "b:4:byte=b2.npy", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    y = np.load(tmp_path / "y.npy")
    assert y == pytest.approx(values.reshape(-1), rel=2.0**-24)
    assert (tmp_path / "y.bin").read_bytes() == floats.to_words(y).astype("<u4").tobytes()
    for name, kind, wanted in (("h2", np.int16, [-5, 6]), ("w2", np.int32, [-7, 8]),
                               ("b2", np.uint8, [4, 3, 2, 1])):
        found = np.load(tmp_path / f"{name}.npy")
        assert found.dtype == kind and found.tolist() == wanted
    for words, wanted in (
            (("--load", "x"), "--load is 'x'; expected ADDRESS=FILE, the file .npy or .bin"),
            (("--load", "x=x.txt"), "the file .npy or .bin"),
            (("--load", "x=no.npy"), "no such file"),
            (("--load", "q=x.npy"), "'q' is not an address"),
            (("--load", "x=c.npy"), "'x': an array of complex128"),
            (("--load", "x=n.npy"), "an infinity or no number is among the values"),
            (("--load", "x=x.npy", "--load", "x=h.npy"), "an address is there twice"),
            (("--load", "0x40ffc=x.npy"), "there is no memory at 0x41"),
            (("--save", "x=z.npy"), "'x' is nothing to save; expected ADDRESS:COUNT"),
            (("--save", "x:4=x.npy", "--load", "x=x.npy"), "x.npy is what it would be made from"),
            (("--save", "x:4=z.npy", "--save", "y:4=z.npy"), "are both z.npy")):
        assert wanted in refusal("run", "copy.s", *words, folder=tmp_path)
    assert "is there twice" in refusal("asm", "copy.s", "copy.s", folder=tmp_path)
    assert "'.x' is no place for a section" in refusal("asm", "copy.s", "--section", ".x",
                                                       folder=tmp_path)
