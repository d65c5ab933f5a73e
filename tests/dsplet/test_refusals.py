"""What a command line asks for that cannot be, or would do nothing: what is said, word for word.

A gate that passes because its figure was mistyped is worse than none.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from tests.dsplet import small_nets

FEED = "--data digits --input-scale 1/256"
BUDGET = ("expected a positive number with its unit, such as 33.3ms, 500us or 333333cycles")
NAME = ("expected letters, digits and _, a letter first, at most 100, and no word of the language: "
        "give one with --name")
SHARE = "expected per cent: above 0, at most 100"
EMPTY = "is empty: give it a value, or leave it out"
LABELS = "give labels as floats where they are numbers that are wanted"

REFUSED = [
    # gates
    *((f"simulate small.q.onnx --budget {text}", f"budget '{text}' is not understood; {BUDGET}")
      for text in ("infms", "nanms", "0", "0ms", "-1ms", "1e999ms", "12")),
    *((f"widths small.onnx {FEED} --accuracy {text}", f"--accuracy is {text}; {SHARE}")
      for text in ("200", "nan", "0", "-1", "inf")),
    ("diagnose small.onnx small.q.onnx --accuracy nan", f"--accuracy is nan; {SHARE}"),
    ("simulate small.q.onnx --data twelve.npz --samples all",
     f"labels run to 12, the network gives 10 scores: {LABELS}"),
    ("compare small.onnx small.q.onnx --data twelve.npz",
     f"labels run to 12, the network gives 10 scores: {LABELS}"),
    ("simulate small.q.onnx --data toronto", "toronto: 'x' has samples of shape (16, 16), the "
     "network reads (1, 8, 8): --resize brings pictures to its size"),
    ("simulate small.q.onnx --data adding",
     "adding: 'x' has samples of shape (110, 2), the network reads (1, 8, 8): --resize brings "
     "pictures to its size"),
    ("conformance dsp32c none.json", "none.json: vectors is []; expected a list that is not empty"),
    # what would do nothing
    (f"quantize small.onnx -o x.q.onnx {FEED} --seed 1",
     "--seed does nothing without --stability: leave it out"),
    (f"widths small.onnx {FEED} --seed 1", "--seed does nothing without --study: leave it out"),
    (f"widths small.onnx {FEED} --trials 1", "--trials does nothing without --study: leave it out"),
    ("simulate small.q.onnx --trace-instructions 9",
     "--trace-instructions does nothing without --chrome-trace: leave it out"),
    ("simulate small.q.onnx --seed 1",
     "--seed does nothing here: the samples are those of digits: leave it out"),
    ("simulate small.q.onnx --images images.npy --samples 3",
     "--samples does nothing here: --images takes all samples of its file: leave it out"),
    ("emit small.q.onnx --format c --board 32kb -O memory",
     "C is written for no board and keeps no budget: leave out --board"),
    ("emit small.q.onnx --format c --target dsp32c-50",
     "C is written for no board and keeps no budget: leave out --target"),
    ("emit small.q.onnx --format kernels --target dsp32c-50",
     "kernels as they are before any pass know no processor: leave out --target"),
    ("emit small.q.onnx --format image --ram 0KB --self-test",
     "--format image is no C: leave out --self-test, --ram"),
    # output
    (f"quantize small.onnx -o . {FEED}", ".: is a folder; expected a file"),
    (f"quantize small.onnx -o pipe {FEED}", "pipe: is no regular file; expected a file"),
    (f"quantize small.onnx -o /dev/null {FEED}",
     "/dev/null: is no regular file; expected a file"),
    (f"quantize small.onnx -o ./small.onnx {FEED}",
     "./small.onnx is what it would be made from: name another file"),
    (f"quantize small.onnx -o no/x.q.onnx {FEED}", "make it, or name one that is there"),
    ("simulate small.q.onnx --listing /dev/null",
     "/dev/null: is no regular file; expected a file"),
    ("simulate small.q.onnx --trace-file small.q.onnx",
     "small.q.onnx is what it would be made from: name another file"),
    (f"widths small.onnx --memory 400B --front . {FEED}", ".: is a folder; expected a file"),
    ("emit small.q.onnx --format c -o small.onnx",
     "small.onnx: is no folder; expected a folder, or a name that is free"),
    ("demo --keep pipe", "pipe: is no folder; expected a folder, or a name that is free"),
    *((f"emit small.q.onnx --format {form} --name {name}",
       f"'{name}' cannot name C functions; {NAME}")
      for form in ("c", "kernels", "image", "listing", "symbols")
      for name in ("../x", "/tmp/x", "while", "3x")),
    # work beyond all bounds
    ("asm nops.s", "nops.s:1: too many nop, expected at most 65,536 in one statement\n"
     "    999999999999*nop\n    ^"),
    ("asm floats.s", "floats.s:1: expected a decimal number\n    float 1e999999999\n          ^"),
    ("asm /dev/zero", "/dev/zero: is no regular file; expected a file"),
    ("run pipe", "pipe: is no regular file; expected a file"),
    ("disasm pipe", "pipe: is no regular file; expected a file"),
    ("asm latin.s", "latin.s: not a text file: byte 0xe4 at offset 4 is not UTF-8"),
    ("simulate small.q.onnx --data random --samples 1000000000000",
     "1,000,000,000,000 random samples are 64,000,000,000,000 numbers; expected at most "
     "134,217,728"),
    ("quantize small.onnx -o x.q.onnx --data digits --input-scale 1e999999999",
     "'1e999999999' is not a number; expected one such as 0.5 or 1/256"),
    ("quantize small.onnx -o x.q.onnx --data digits --input-scale 1e300",
     "'1e300' is not a number; expected one such as 0.5 or 1/256"),
    ("quantize small.onnx -o x.q.onnx --data digits --input-scale 0",
     "--input-scale 0 makes all samples alike; expected no 0"),
    (f"quantize small.onnx -o x.q.onnx {FEED} --stability 1000000000",
     "Invalid value for '--stability': 1000000000 is not in the range 2<=x<=1000. "
     "See dsplet quantize --help."),
    ("export nets.py:make -o x.onnx --input 99999999x99999x9999",
     "an input of '99999999x99999x9999' is 99,988,999,100,109,999 numbers; expected at most "
     "16,777,216"),
    ("train lenet1 --seed 99999999999999999999",
     "Invalid value for '--seed': 99999999999999999999 is not in the range 0<=x<=4294967295. "
     "See dsplet train --help.")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = small_nets.write(tmp_path_factory.mktemp("refusals"))
    np.savez(path / "twelve.npz", x=np.zeros((2, 1, 8, 8), np.float32), labels=np.array([0, 12]))
    (path / "none.json").write_text('{"schema": "dsp32c-vectors/1", "vectors": []}')
    (path / "nops.s").write_text("999999999999*nop\n")
    (path / "floats.s").write_text("float 1e999999999\n")
    (path / "latin.s").write_bytes(b"nop \xe4\n")
    os.mkfifo(path / "pipe")
    return path


@pytest.mark.parametrize("words, told", REFUSED, ids=[words for words, _ in REFUSED])
def test_refused(folder, words, told, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    before = {p: p.lstat().st_mtime_ns for p in folder.iterdir()}
    assert outcome(cli, words.split()) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and said.err.endswith(f"{told}\n")
    assert {p: p.lstat().st_mtime_ns for p in folder.iterdir()} == before, "something was written"


@pytest.mark.parametrize("words, option", [
    ("simulate small.q.onnx --budget", "--budget"), ("simulate small.q.onnx --data", "--data"),
    ("simulate small.q.onnx --assume", "--assume"), ("emit small.q.onnx --format c -o", "-o"),
    ("emit small.q.onnx --format c --ram", "--ram"), ("run sum.s --mem", "--mem"),
    (f"quantize small.onnx {FEED} -o", "-o"), ("train lenet1 --resume", "--resume"),
    ("asm", "SOURCE")])
def test_an_empty_option_is_none(folder, words, option, monkeypatch, capsys):
    """As a shell makes of a variable that nobody has set."""
    monkeypatch.chdir(folder)
    assert outcome(cli, [*words.split(), ""]) == 2
    assert capsys.readouterr().err == f"error: {option} {EMPTY}\n"


def test_a_long_line_is_shown_where_it_is_wrong(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (folder / "long.s").write_text("nop;" * 1000 + "int !;" + "nop;" * 1000)
    assert outcome(cli, ["asm", "long.s"]) == 2
    first, line, caret = capsys.readouterr().err.splitlines()
    assert first == "error: long.s:1: expected a number or a label" and len(line) == 204
    assert line[caret.index("^")] == "!"


def test_memory_that_is_not_there_is_no_fault_of_ours(folder, monkeypatch, capsys):
    from dsplet.workflows import simulate
    monkeypatch.chdir(folder)

    def full(*given: object) -> None:
        raise MemoryError("Unable to allocate 3.00 TiB")

    monkeypatch.setattr(simulate, "run", full)
    assert outcome(cli, ["simulate", "small.q.onnx"]) == 2
    assert capsys.readouterr().err == "error: this takes more memory than there is\n"
