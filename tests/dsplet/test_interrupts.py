"""Ctrl-C, whenever it comes: exit code 130, and one line that says how to go on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
sys.argv = ["dsplet", {command!r}, *{files}]
runpy.run_module("dsplet", run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("command, module", [
    *(("simulate", name) for name in ("dsplet.base.errors", "click", "dsplet.cli.group",
                                      "dsplet.workflows.simulate", "numpy", "numpy.linalg",
                                      "onnx")),
    *(("doctor", name) for name in ("numpy._core", "onnxruntime.capi", "dsplet.firmware_sim"))])
def test_while_it_is_imported(command, module):
    program = PROGRAM.format(command=command, module=module,
                             files=["none.q.onnx"] if command == "simulate" else [])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
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


class StoppingAt:
    """The training of an epoch, interrupted as the one with this number, from 1, begins."""

    def __init__(self, number: int) -> None:
        self.number, self.step, self.epochs = number, loop._epoch, 0

    def __call__(self, *given):
        self.epochs += 1
        if self.epochs == self.number:
            signal.raise_signal(signal.SIGINT)
        return self.step(*given)


@pytest.fixture
def heard() -> Iterator[None]:
    """Interrupts are, also in what a shell has started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_training_says_how_to_go_on(heard, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = ["train", "net1", "--data", "toronto", "--epochs", "3", "--samples", "40", "-o",
             "a b.safetensors"]
    monkeypatch.setattr(loop, "_epoch", stopped := StoppingAt(2))
    assert outcome(cli, words) == 130
    again = ["train", "net1", "--data", "toronto", "--samples", "40", "--resume",
             "a b.safetensors", "-o", "a b.safetensors"]
    assert capsys.readouterr().err == (
        "interrupted: 1 of 3 epochs are kept; go on with: dsplet train net1 --data toronto "
        "--samples 40 --resume 'a b.safetensors' -o 'a b.safetensors'\n")
    assert outcome(cli, again) == 0 and stopped.epochs == 4


def test_training_before_its_first_epoch(heard, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "_epoch", lambda *given: signal.raise_signal(signal.SIGINT))
    words = ["train", "net1", "--data", "toronto", "-o", "x.safetensors"]
    assert outcome(cli, words) == 130
    assert capsys.readouterr().err == "interrupted: no epoch is done, and nothing is kept\n"


def test_an_older_checkpoint_is_not_said_to_be_what_was_kept(heard, monkeypatch, capsys,
                                                             tmp_path):
    monkeypatch.chdir(tmp_path)
    words = ["train", "net1", "--data", "toronto", "--samples", "40"]
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_epoch", StoppingAt(2))
        assert outcome(cli, [*words, "--epochs", "2", "-o", "x.safetensors"]) == 130
    older = Path("x.safetensors").read_bytes()
    capsys.readouterr()
    monkeypatch.setattr(loop, "_epoch", StoppingAt(1))
    assert outcome(cli, [*words, "-o", "x.safetensors"]) == 130
    assert capsys.readouterr().err == "interrupted: no epoch is done, and nothing is kept\n"
    monkeypatch.setattr(loop, "_epoch", StoppingAt(1))
    assert outcome(cli, [*words, "--resume", "x.safetensors", "-o", "y.safetensors"]) == 130
    assert capsys.readouterr().err == (
        "interrupted: no epoch is done; go on with: dsplet train net1 --data toronto --samples 40 "
        "--resume x.safetensors -o y.safetensors\n")
    assert Path("x.safetensors").read_bytes() == older and not Path("y.safetensors").exists()


def test_the_zoo_names_what_is_left():
    assert bench_zoo.resuming(["net1", "net2"], bench_zoo.QUICK / "results.json", None, True) == (
        "what is measured is in build/zoo-quick/results.json, finished trainings beside it; go on "
        "with: python -m bench.zoo net1 net2 --quick")
