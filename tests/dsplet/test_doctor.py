"""What dsplet doctor says where something is missing; its happy path is in test_commands."""

import subprocess
import sys

import pytest

from dsplet.workflows import doctor


@pytest.mark.parametrize("package", ["numpy", "onnx", "onnxruntime"])
def test_without_what_all_stands_on(package):
    program = (f"import sys; sys.modules['{package}'] = None\n"
               "from dsplet.cli import cli\nfrom dsplet.cli.outcome import outcome\n"
               "sys.exit(outcome(cli, ['doctor']))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1 and "fault" not in done.stderr
    assert f"{package} cannot be imported: " in done.stdout and "passed: no" in done.stdout


def test_without_a_compiler(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(doctor, "_speed", lambda: (30_000.0, "the slow simulator is used"))
    found = doctor.run(doctor.Request())
    parts = {p.part: p for p in found.machine}
    assert found.passed and parts["engine"].lack == "the slow simulator is used"
    assert parts["C compiler"].lack == (
        "no compiled engine: there is no C compiler 'no-such-compiler' on the PATH: install one "
        "(Debian: apt-get install gcc) or name yours in $CC")


def test_a_simulator_that_is_wrong(monkeypatch):
    def wrong() -> None:
        raise RuntimeError("its integers are not those of the reference")

    monkeypatch.setattr(doctor, "_speed", wrong)
    found = doctor.run(doctor.Request())
    assert not found.passed and found.problems == [
        "a small layer cannot be simulated: its integers are not those of the reference"]
