"""The README keeps its word: what it types runs, what it and other pages show of that is printed,
number by number, its figures are those that were measured; and what other pages type are commands
that there are."""

from __future__ import annotations

import difflib
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import dsplet
from bench import ceilings
from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from dsplet.export.c.emulate import CORES, missing
from dsplet.train import results
from tests.figures import ROOT

README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TYPED = re.compile(r"(?:^    .*\n)*^    \$ .*\n(?:(?:^\n)*^    .*\n)*", re.MULTILINE)
STORIES = {  # part of a command of each block, and the test that runs the block
    "live --open": "the picture", "train zip1989": "the tour",
    "--profile": "what else can be asked", "accelerometer.py": "the accelerometers story"}
BLOCKS = {story: block for block in TYPED.findall(README)
          for word, story in STORIES.items() if word in block}
MOST_LINES = 250
CHECKPOINT = ROOT / "tests/zip1989-digits.safetensors"
"""What the tour's `dsplet train` leaves after sixty epochs of one thread: the pages' numbers are
of these weights."""
VARIES = re.compile(r"[\d.]+(?= (?:%|dB))")
"""What hangs on weights: shares of answers and noise. It is compared where the weights are
CHECKPOINT's, and not where a block trains a network itself, which other processors and numbers of
threads do a little differently. Every other number is compared."""
INSTEAD = {  # as typed -> as run here, and why
    "live --open": "live",  # nobody looks
    "train zip1989 --data digits -o zip.safetensors":  # sixty epochs take a minute
        "train zip1989 --data digits -o zip.safetensors --epochs 1 --samples 200",
    "report zip.onnx zip.q.onnx --budget 8ms -o report.html":
        "report zip.onnx zip.q.onnx --budget 8ms -o report.html --samples 60 --executed 2",
    "diagnose zip.onnx zip.q.onnx": "diagnose zip.onnx zip.q.onnx --samples 60 --calibrate 60",
}


def commands(block: str) -> Iterator[tuple[str, str, list[str]]]:
    """(what is typed; what is remarked of it; the lines that it is said to print)."""
    for part in re.split(r"^    \$ ", block, flags=re.MULTILINE)[1:]:
        first, *shown = part.splitlines()
        typed, _, remark = re.sub(r"\s+#", "#", first).partition("#")
        yield typed, remark, [line for line in shown if line.strip(" .─")]


def said() -> Iterator[tuple[str, str, str]]:
    """(page, what is typed, a line that it is shown to print, or a number that a remark has of it):
    of every page. Numbers of four digits and more count in a remark; others are what it means."""
    for page in PAGES:
        for typed, remark, shown in (c for block in TYPED.findall(page.read_text())
                                     for c in commands(block)):
            for line in (*shown, *re.findall(r"\d{1,3}(?:,\d{3})+", remark)):
                yield page.name, typed, line


def plain(text: str, trained: bool) -> str:
    """Words with a blank between them; numbers that vary are one word, where weights do."""
    return " ".join((VARIES.sub("#", text) if trained else text).split())


def run(block: str, capsys: pytest.CaptureFixture[str], trained: bool = False) -> None:
    """Each command ends well, and prints what the README and other pages show of it, whole lines.

    trained: the block has weights of its own."""
    wrong = []
    for typed, _, _ in commands(block):
        printed = [plain(line, trained) for line in executed(typed, capsys).splitlines()]
        words = {word for line in printed for word in line.split()}
        compared = not ("--target cortex" in typed and other_compiler())
        for page, of, shown in said():
            line = plain(shown, trained)
            if of == typed and compared and line not in printed and line not in words:
                near = difflib.get_close_matches(line, printed, 1, 0)
                wrong.append(f"{page}: {typed}\n  shown:   {line}\n  printed: {' '.join(near)}")
    assert not wrong, "\n".join(wrong)


def other_compiler() -> bool:
    """Whether the pages' cycles on a Cortex-M are another compiler's, as the ceilings are."""
    made_with, _ = ceilings.read()
    return made_with != ceilings.compiler()


def executed(typed: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints, which ends well."""
    program, *words = shlex.split(typed)
    if program == "python":
        return subprocess.run([sys.executable, ROOT / words[0]], check=True, text=True,
                              capture_output=True).stdout
    assert program == "dsplet"
    words = shlex.split(INSTEAD.get(shlex.join(words), shlex.join(words)))
    code, printed = outcome(cli, words), capsys.readouterr()
    assert code == 0, f"{typed}: {printed.err}"
    if words[0] == "train":
        shutil.copy(CHECKPOINT, words[words.index("-o") + 1])
    return printed.out


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_short_and_every_command_has_a_test():
    assert len(README.splitlines()) < MOST_LINES
    typed = [one for block in BLOCKS.values() for one, _, _ in commands(block)]
    assert len(typed) == README.count("    $ ") > 20, "a block that is no story's"
    assert {f"test_{story.replace(' ', '_')}" for story in BLOCKS} <= globals().keys()
    assert set(INSTEAD) <= {one.removeprefix("dsplet ") for one in typed}


@pytest.mark.slow
def test_the_picture(here, capsys):
    run(BLOCKS["the picture"], capsys)
    assert (here / "live.html").stat().st_size > 300_000


@pytest.mark.slow
def test_the_tour(here, capsys):
    pytest.importorskip("torch")
    run(BLOCKS["the tour"], capsys)


@pytest.mark.slow
def test_what_else_can_be_asked(here, capsys):
    """Of the same network."""
    pytest.importorskip("torch")
    shutil.copy(CHECKPOINT, "zip.safetensors")
    block = BLOCKS["what else can be asked"]
    if missing(CORES["cortex-m4"]):
        block = re.sub(r"^    \$ .* --target cortex-m4 .*\n", "", block, flags=re.MULTILINE)
    run("    $ dsplet export zip.safetensors -o zip.onnx\n"
        f"    $ dsplet quantize zip.onnx -o zip.q.onnx\n{block}", capsys)
    assert {path.suffix for path in Path("out").iterdir()} == {".c", ".h", ".s28"}


@pytest.mark.slow
def test_the_accelerometers_story(here, capsys):
    pytest.importorskip("torch")
    run(BLOCKS["the accelerometers story"], capsys, trained=True)
    samples = np.load("accelerometer.npz")["calibration.readings"]
    python, = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {"samples": samples}
    exec(compile(python, "README.md", "exec"), names)
    assert isinstance(names["net"], dsplet.FloatNet)
    net, fixed = "accelerometer.onnx", "acc.q.onnx"

    def said(*words: str) -> dict:
        assert outcome(cli, [*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    run("    $ dsplet quantize accelerometer.onnx -o acc.q.onnx --data accelerometer.npz\n", capsys,
        trained=True)
    seen = said("compare", net, fixed)
    assert seen["samples"] == 600 and seen["reference_accuracy_percent"] > 90
    assert seen["agree_percent"] > 99
    assert said("finetune", net, fixed, "-o", "t.q.onnx", "--epochs", "1")["samples"] == 600
    found = said("diagnose", net, fixed, "--samples", "50", "--calibrate", "50")
    assert found["samples"] == 50 and found["calibration_samples"] == 50


def test_its_figures_are_those_that_were_measured():
    rows = {(row["model"], row["data"]): row for row in results.load()}
    for model, data, text in (
            ("zip1989", "usps", "{:.2f} % of {:,} USPS digits\nin {:.1f} ms"),
            ("lenet5_1998", "mnist", "{:.2f} % of {:,} MNIST digits in {:.0f} ms")):
        row = rows[model, data]
        assert text.format(row["fixed_accuracy_percent"], row["samples"], row["latency_ms"]
                           ) in README


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_a_page_types_are_commands_and_options_that_there_are(page):
    for typed in re.findall(r"^    \$ dsplet (.+)$", page.read_text(), re.MULTILINE):
        name, *words = shlex.split(typed, comments=True)
        context = cli.make_context("dsplet", [], resilient_parsing=True)
        command = cli.get_command(context, name)
        assert command, typed
        command.make_context(name, words, parent=context, resilient_parsing=False)
