"""Ctrl-C, whenever it comes: exit code 130, and one line that says how to go on."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from bench import zoo as bench_zoo
from dsplet.base.errors import UserError
from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from dsplet.train import loop
from dsplet.workflows import simulate

PROGRAM = """
import os, runpy, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.argv = ["dsplet", "simulate", "none.q.onnx"]
runpy.run_module("dsplet", run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("module", ["click", "dsplet.cli.group", "dsplet.workflows.simulate",
                                    "numpy", "numpy.linalg", "onnx"])
def test_while_it_is_imported(module):
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(module=module)],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_what_a_library_made_of_it(monkeypatch, capsys):
    """NumPy, for one, says that it could not be imported."""
    def run(*given: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            raise ImportError("the core could not be imported") from stop

    monkeypatch.setattr(simulate, "run", run)
    assert outcome(cli, ["simulate", "x.q.onnx"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_errors_that_stand_in_a_circle_come_to_an_end(monkeypatch, capsys):
    first, second = UserError("first"), UserError("second")
    first.__cause__, second.__cause__ = second, first

    def run(*given: object) -> None:
        raise first

    monkeypatch.setattr(simulate, "run", run)
    assert outcome(cli, ["simulate", "x.q.onnx"]) == 2
    assert capsys.readouterr().err == "error: first\n"


def test_training_says_how_to_go_on(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = ["train", "net1", "--data", "toronto", "--epochs", "3", "--samples", "40", "-o",
             "a b.safetensors"]
    step, steps = loop._epoch, []

    def stopped(*given):
        steps.append(given)
        if len(steps) == 2:
            signal.raise_signal(signal.SIGINT)
        return step(*given)

    monkeypatch.setattr(loop, "_epoch", stopped)
    assert outcome(cli, words) == 130
    again = ["train", "net1", "--data", "toronto", "--samples", "40", "--resume",
             "a b.safetensors", "-o", "a b.safetensors"]
    assert capsys.readouterr().err == (
        "interrupted: 1 of 3 epochs are kept; go on with: dsplet train net1 --data toronto "
        "--samples 40 --resume 'a b.safetensors' -o 'a b.safetensors'\n")
    assert outcome(cli, again) == 0 and len(steps) == 4


def test_training_before_its_first_epoch(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "_epoch", lambda *given: signal.raise_signal(signal.SIGINT))
    assert outcome(cli, ["train", "net1", "--data", "toronto", "-o", "x.safetensors"]) == 130
    assert capsys.readouterr().err == "interrupted: no epoch is done, and nothing is kept\n"


def test_the_zoo_names_what_is_left():
    assert bench_zoo.resuming(["net1", "net2"], bench_zoo.QUICK / "results.json", None, True) == (
        "what is measured is in build/zoo-quick/results.json, finished trainings beside it; go on "
        "with: python -m bench.zoo net1 net2 --quick")
