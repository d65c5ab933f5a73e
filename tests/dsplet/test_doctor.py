"""What dsplet doctor says where something is missing; its happy path is in test_commands."""

import shutil
import subprocess
import sys

import pytest

from dsplet.base.library import cache_folder
from dsplet.data import files
from dsplet.firmware_sim.dsp32c.sim import native
from dsplet.workflows import doctor

needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


@pytest.fixture(autouse=True)
def the_engine_is_looked_for_anew():
    yield
    native.doors.cache_clear()


@pytest.mark.parametrize("package", ["numpy", "onnx", "onnxruntime"])
def test_without_what_all_stands_on(package):
    program = (f"import sys; sys.modules['{package}'] = None\n"
               "from dsplet.cli import cli\nfrom dsplet.cli.outcome import outcome\n"
               "sys.exit(outcome(cli, ['doctor']))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1 and "fault" not in done.stderr
    assert f"{package} cannot be imported: " in done.stdout and "passed: no" in done.stdout


def looked(rows: str = "machine") -> dict[str, doctor.Part]:
    """What is found when everything is looked for anew."""
    native.doors.cache_clear()
    found = doctor.run(doctor.Request())
    assert found.passed and found.simulated_cycles_per_s > 0
    return {part.part: part for part in getattr(found, rows)}


def test_without_a_compiler(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    parts, lack = looked(), (
        "there is no C compiler 'no-such-compiler' on the PATH: install one (Debian: apt-get "
        "install gcc) or name yours in $CC")
    assert parts["C compiler"] == doctor.Part(
        part="C compiler", found="", lack=f"no compiled engine: {lack}")
    assert parts["simulator"].lack == (
        f"the engine runs as WebAssembly, at two thirds of its speed: {lack}")
    assert parts["simulator"].found.endswith(" million cycles a second")
    assert parts["test sets"] == doctor.Part(
        part="test sets", found="ONNX Runtime", lack=f"several times slower: {lack}")


@needs_cc
def test_a_slow_machine_has_the_engine_all_the_same(monkeypatch):
    monkeypatch.setattr(doctor, "_speed", lambda: (123_456.0, ""))
    assert looked()["simulator"] == doctor.Part(
        part="simulator", found="0.123 million cycles a second", lack="")


@needs_cc
@pytest.mark.slow
def test_a_cache_that_others_can_write(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert looked()["cache"] == doctor.Part(
        part="cache", found=str(cache_folder()), lack="")
    cache_folder().chmod(0o777)
    parts, lack = looked(), f"{cache_folder()}: others can write there: delete it; it is made anew"
    assert parts["cache"] == doctor.Part(
        part="cache", found="", lack=f"the engine is compiled each time: {lack}")
    assert parts["simulator"].lack == f"the engine is compiled anew each time: {lack}"


def test_an_empty_folder_is_no_data_set(monkeypatch, tmp_path):
    monkeypatch.setenv("DSPLET_DATA", str(tmp_path))
    monkeypatch.setattr(files, "user_cache_path", lambda name: tmp_path / "none")
    lack = "no --data mnist before it is fetched, or DSPLET_DATA names a folder that has it"
    (tmp_path / "mnist").mkdir()
    for kind in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        assert doctor._files()[0] == doctor.Part(part="mnist", found="", lack=lack)
        (tmp_path / "mnist" / f"{kind}-ubyte.gz").touch()
    assert doctor._files()[0] == doctor.Part(
        part="mnist", found=str(tmp_path / "mnist"), lack="")


def test_a_simulator_that_is_wrong(monkeypatch):
    def wrong() -> None:
        raise RuntimeError("its integers are not those of the reference")

    monkeypatch.setattr(doctor, "_speed", wrong)
    found = doctor.run(doctor.Request())
    assert not found.passed and found.problems == [
        "a small layer cannot be simulated: its integers are not those of the reference"]
