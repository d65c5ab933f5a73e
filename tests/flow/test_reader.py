"""A recogniser learns windows, slides over lines, and a machine reads them, by the commands."""

import json
import re

import numpy as np
import onnx
import pytest
from PIL import Image

from bench.whole import differences
from dsplet import data
from dsplet.data.automaton import read_path
from tests.dsplet.commands import dsplet

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    for words in (("train", "reader", "--data", "small_windows", "--epochs", 3, "-o", "r.st"),
                  ("export", "r.st", "--machine", "five_digits", "-o", "line.onnx"),
                  ("quantize", "line.onnx", "-o", "line.q.onnx", "--calibrate", 50)):
        done = dsplet(*words, folder=folder)
        assert done.returncode == 0, done.stderr
    return folder


def run(*words, folder) -> dict:
    done = dsplet(*words, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_machine_is_two_loops(folder):
    """One forward, one back, and what shares windows is computed once."""
    graph = onnx.load(folder / "line.onnx").graph
    loops = [n for n in graph.node if n.op_type == "Scan"]
    inside = [{n.op_type for a in loop.attribute if a.HasField("g") for n in a.g.node}
              for loop in loops]
    assert [o.name for o in graph.output] == ["y", "path"] and len(loops) == 2
    assert {"ArgMax", "ReduceMax"} <= inside[0] and "ArgMax" not in inside[1]
    assert sum(n.op_type == "Conv" for n in graph.node) == 5


def test_fixed_point_reads_as_float_does(folder):
    seen = run("compare", "line.onnx", "line.q.onnx", folder=folder)
    assert seen["samples"] == 200 and seen["reference_accuracy_percent"] > 50
    assert abs(seen["reference_accuracy_percent"] - seen["test_accuracy_percent"]) <= 1
    done = run("simulate", "line.q.onnx", "--samples", 10, folder=folder)
    assert done["differing_integers"] == 0
    assert differences(str(folder / "line.q.onnx"), "10") == 0


def test_pictures_are_read(folder):
    test = data.load("small_lines").test
    for i in range(3):
        Image.fromarray(test.images[i]).save(folder / f"{i}.png")
    paper = np.pad(255 - test.images[0], ((9, 9), (20, 20)), constant_values=255)
    Image.fromarray(paper).resize((4 * paper.shape[1], 4 * paper.shape[0])).save(
        folder / "paper.png")
    seen = run("read", "0.png", "1.png", "2.png", "paper.png", "--model", "line.q.onnx",
               folder=folder)
    lines = seen["lines"]
    assert seen["differing_integers"] == 0 and all(len(r["path"]) == 31 for r in lines)
    assert all(len(r["text"]) == 5 and r["cycles"] > 4_000_000 for r in lines)
    assert all(read_path(["", *"0123456789"], [0 if c == "." else 1 + int(c) for c in r["path"]])
               == r["text"] for r in lines)
    simulated = run("simulate", "line.q.onnx", "--samples", 3, folder=folder)
    assert [r["text"] for r in lines[:3]] == [s["read_as"] for s in simulated["first_samples"]]
    assert sum(a == b for a, b in zip(lines[0]["text"], lines[3]["text"], strict=True)) >= 3


@pytest.mark.parametrize("words, said", [
    (("read", "absent.png", "--model", "line.q.onnx"), "absent.png: no such file"),
    (("read", "line.onnx", "--model", "line.q.onnx"), "line.onnx: not a picture"),
    (("read", "white.png", "--model", "line.q.onnx"), "white.png: nothing is written on it"),
    (("read", "long.png", "--model", "line.q.onnx"), "long.png: .* columns wide.*--input 1x32x"),
    (("read", "white.png", "--model", "line.onnx"), "line.onnx: is a float network"),
    (("export", "r.st", "--machine", "five_digits", "--data", "digits", "-o", "x.onnx"),
     "five_digits: reads no lines of .*--data"),
    (("export", "r.st", "--machine", "six", "-o", "x.onnx"), "no machine is called 'six'")])
def test_what_cannot_be_read_is_one_line(words, said, folder):
    Image.new("L", (90, 40), 255).save(folder / "white.png")
    long = np.full((40, 900), 255, np.uint8)
    long[10:30, 20:-20] = 0
    Image.fromarray(long).save(folder / "long.png")
    done = dsplet(*words, folder=folder)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert re.search(said, done.stderr), done.stderr
