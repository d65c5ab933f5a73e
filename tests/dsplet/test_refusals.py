"""What a command line asks for that cannot be, or would do nothing: what is said, word for word.

A gate that passes because its figure was mistyped is worse than none.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from tests.dsplet import small_nets
from tests.quantize.onnx_nets import model, node, random

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
    *((f"quantize small.onnx -o x.q.onnx {FEED} --seed {seed}",
       "--seed does nothing without --stability: leave out --seed") for seed in (0, 1)),
    *((f"widths small.onnx {FEED} --seed {seed}",
       "--seed does nothing without --study: leave out --seed") for seed in (0, 1)),
    (f"widths small.onnx {FEED} --trials 100",
     "--trials does nothing without --study: leave out --trials"),
    ("simulate small.q.onnx --trace-instructions 20000",
     "--trace-instructions does nothing without --chrome-trace: leave out --trace-instructions"),
    ("simulate small.q.onnx --trace 0",
     "Invalid value for '--trace': 0 is not in the range x>=1. See dsplet simulate --help."),
    *((f"simulate small.q.onnx --seed {seed}",
       "the samples are those of digits: leave out --seed") for seed in (0, 1)),
    *((f"simulate small.q.onnx --images images.npy {option} {value}",
       f"--images takes all samples of its file: leave out {option}")
      for option, value in (("--samples", 1), ("--data", "digits"), ("--seed", 0))),
    *((f"simulate small.q.onnx --data random {option}",
       f"random inputs are over the input's own range: leave out {option.split()[0]}, or name "
       "samples with --data")
      for option in ("--input-offset 1", "--input-scale 1/256", "--resize")),
    ("simulate small.q.onnx --data random --beside small.onnx",
     "random inputs are others in the other arithmetic: leave out --beside, or name samples with "
     "--data"),
    ("simulate small.q.onnx --beside small.onnx",
     "small.onnx does not say which data it was made for: name samples with --data"),
    ("simulate small.q.onnx --stream -O time",
     "--stream reports one step of a fixed-point program: leave out -O"),
    ("simulate small.q.onnx --stream",
     "'net' has 1 input and 0 loops over time; one step a call needs one of each"),
    *((f"quantize stated.onnx -o x.q.onnx {option}",
       "stated.onnx states its own ranges, and is quantized without samples: leave out "
       f"{option.split()[0]}, or give --data")
      for option in ("--stability 2", "--calibrate 1000", "--input-scale 1/256", "--resize")),
    ("compare small.onnx small.q.onnx --data floats.npy --input-offset 0",
     "--input-offset is for whole numbers such as pixels; these are float32: leave it out"),
    ("simulate small.q.onnx --data floats.npy --resize", "--resize is for pictures, and networks "
     "that read some; these are float32 (1, 8, 8): leave it out"),
    ("emit small.q.onnx --format kernels --after narrow --board 1 --target 2 --budget 3",
     "the pass 'narrow' is one of those for C, which know no processor: leave out --target, "
     "--board, --budget"),
    ("export nets.py:make -o x.onnx --input 1x8x8 --input-scale banana",
     "--input-scale: 'banana' is not a number; expected one such as 0.5 or 1/256"),
    ("export nets.py:make -o x.onnx --input 1x8x8 --resize", "--resize brings samples to the net's "
     "size: name some with --data: leave out --resize"),
    ("export x.safetensors -o x.onnx --resize",
     "a checkpoint knows its own weights, input and scaling: leave out --resize"),
    (f"quantize small.onnx -o x.q.onnx {FEED} --weights mes",
     "error: --weights: no range algorithm is called 'mes'; expected hessian, minmax, mse, "
     "percentile: did you mean 'mse'?"),
    (f"quantize small.onnx -o x.q.onnx {FEED} --activations hessian",
     "error: --activations: hessian weighs the errors of weights, and is nothing for activations; "
     "expected minmax, mse, percentile"),
    *((f"emit small.q.onnx --format image --budget 1ms {goal}", "error: -O time takes the least "
       "cycles that there are: leave out --budget, or give -O memory or -O balanced")
      for goal in ("", "-O time")),
    # a study's storage that is none
    *((f"widths small.onnx {FEED} --study {storage}", told)
      for storage, told in (
          ("sum.s", "sum.s: is no journal of Optuna: name another file"),
          (".", ".: is a folder; expected a file"),
          ("/dev/null", "/dev/null: is no regular file; expected a file"),
          ("no/s.log", "make it, or name one that is there"))),
    # a word that is none
    ("quantize small.onnx --calibrat 3", "error: No such option '--calibrat'. Did you mean "
     "'--calibrate'? See dsplet quantize --help."),
    ("quantise small.onnx", "no command is called 'quantise': did you mean 'quantize'?"),
    ("zzzzz", "no command is called 'zzzzz': see dsplet --help"),
    # metadata that nobody can read
    ("quantize huge.onnx -o x.q.onnx",
     "error: dsplet.input_scale: '1e400' is not a number; expected one such as 0.5 or 1/256"),
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
    *((f"{words} {file}", f"{file} is what it would be made from: name another file")
      for words, file in (
          ("simulate small.q.onnx --trace-file", "small.q.onnx"),
          (f"simulate small.q.onnx {FEED} --beside small.onnx --listing", "small.onnx"),
          ("simulate small.q.onnx --images images.npy --listing", "images.npy"),
          ("quantize small.onnx --data twelve.npz -o", "twelve.npz"),
          ("finetune small.onnx small.q.onnx -o", "small.q.onnx"),
          ("diagnose small.onnx small.q.onnx --plot", "link.svg"),
          ("asm sum.s -o", "./sum.s"), ("train lenet1 --data few.npz -o", "few.npz"),
          ("export nets.py:make --input 1x8x8 -o", "nets.py"))),
    ("simulate small.q.onnx --listing new.txt --trace-file ./new.txt",
     "--listing and --trace-file are both ./new.txt: name another file"),
    (f"widths small.onnx {FEED} --memory 400B -o new.svg --plot new.svg",
     "-o and --plot are both new.svg: name another file"),
    (f"widths small.onnx --memory 400B --front . {FEED}", ".: is a folder; expected a file"),
    ("emit small.q.onnx --format c -o small.onnx",
     "small.onnx: is no folder; expected a folder, or a name that is free"),
    ("demo --keep pipe", "pipe: is no folder; expected a folder, or a name that is free"),
    *((f"emit small.q.onnx --format {form} --name {name}",
       f"'{name}' cannot name C functions; {NAME}")
      for form in ("c", "kernels", "image", "listing", "symbols")
      for name in ("../x", "/tmp/x", "while", "3x")),
    # work beyond all bounds
    ("asm nops.s", "nops.s:1: 999,999,999,999 times is not possible: expected at most 65,536 in "
     "one statement\n"
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
    np.savez(path / "few.npz", images=np.zeros((20, 8, 8), np.uint8), labels=np.arange(20) % 10)
    np.save(path / "floats.npy", np.zeros((2, 1, 8, 8), np.float32))
    scales = {"a": np.float32(1 / 32), "z": np.int8(0), "w": random("w", 4, 3)}
    stated = model([node("QuantizeLinear", "x a z", "q"), node("DequantizeLinear", "q a z", "d"),
                    node("MatMul", "d w", "h"), node("QuantizeLinear", "h a z", "p"),
                    node("DequantizeLinear", "p a z", "y")], {"x": (4,)}, scales)
    onnx.save(stated, path / "stated.onnx")
    stated.metadata_props.add(key="dsplet.input_scale", value="1e400")
    onnx.save(stated, path / "huge.onnx")
    (path / "link.svg").symlink_to("small.onnx")
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


@pytest.mark.slow
@pytest.mark.parametrize("storage, why", [
    ("foo://x", "Can't load plugin: sqlalchemy.dialects:foo"),
    ("sqlite:///small.onnx", "(sqlite3.DatabaseError) file is not a database")])
def test_a_database_that_is_none(folder, storage, why, monkeypatch, capsys):
    pytest.importorskip("optuna")
    monkeypatch.chdir(folder)
    assert outcome(cli, f"widths small.onnx {FEED} --study {storage}".split()) == 2
    assert capsys.readouterr().err == (
        f"error: {storage}: cannot be used as a study's storage: {why}\n")


@pytest.mark.parametrize("words, option", [
    ("simulate small.q.onnx --budget", "--budget"), ("simulate small.q.onnx --data", "--data"),
    ("simulate small.q.onnx --assume", "--assume"), ("emit small.q.onnx --format c -o", "-o"),
    ("emit small.q.onnx --format c --ram", "--ram"), ("run sum.s --mem", "--mem"),
    (f"quantize small.onnx {FEED} -o", "-o"), ("train lenet1 --resume", "--resume"),
    ("asm", "SOURCES"), ("compare small.onnx", "TEST")])
def test_an_empty_option_is_none(folder, words, option, monkeypatch, capsys):
    """As a shell makes of a variable that nobody has set."""
    monkeypatch.chdir(folder)
    assert outcome(cli, [*words.split(), ""]) == 2
    needed = words.startswith(("quantize", "asm", "compare"))
    wanted = EMPTY.removesuffix(", or leave it out") if needed else EMPTY
    assert capsys.readouterr().err == f"error: {option} {wanted}\n"


def test_a_shell_completes_what_is_not_whole_yet():
    done = subprocess.run(
        [sys.executable, "-m", "dsplet"], capture_output=True, text=True, env=os.environ | {
            "_DSPLET_COMPLETE": "bash_complete", "COMP_CWORD": "5",
            "COMP_WORDS": "dsplet simulate small.q.onnx --data '' --ass"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "plain,--assume\n", "")


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
