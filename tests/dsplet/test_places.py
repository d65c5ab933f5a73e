"""The tour in places where little goes: a full disk, closed folders, nobody's home, no compiler,
names that need quoting. It works, or says one clear line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsplet.base.library import cache_folder
from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from dsplet.firmware_sim.dsp32c.sim import native
from tests.dsplet import small_nets

TOUR = {
    "quantize": "small.onnx -o new.q.onnx --data digits --input-scale 1/256 --recipe nearest",
    "compare": "small.onnx small.q.onnx --samples 20",
    "simulate": "small.q.onnx --samples 2",
    "emit": "small.q.onnx --format c -o out"}
NOBODY, ROOT = 65534, os.geteuid() == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to others, as pytest's own folders are not."""
    with tempfile.TemporaryDirectory(prefix="große Tour ") as made:
        Path(made).chmod(0o755)
        yield small_nets.write(Path(made))


def tour(folder: Path, **environment: str | None) -> dict[str, tuple[int, str]]:
    """Exit code and what was said, by command. environment: None is unset."""
    given = {k: v for k, v in (os.environ | environment).items() if v is not None}
    found = {}
    for command, words in TOUR.items():
        done = subprocess.run([sys.executable, "-m", "dsplet", command, *words.split()],
                              cwd=folder, env=given, capture_output=True, text=True)
        ours = [line for line in done.stderr.splitlines() if ":onnxruntime:" not in line]
        found[command] = done.returncode, "\n".join(ours)
    return found


ALL_WELL = dict.fromkeys(TOUR, (0, ""))


@pytest.mark.slow
def test_spaces_and_umlauts_and_a_home_that_nobody_names(folder):
    assert tour(folder) == ALL_WELL
    assert tour(folder, HOME=None, XDG_CACHE_HOME=None) == ALL_WELL
    assert tour(folder, LANG="C", LC_ALL="C", PYTHONUTF8="0") == ALL_WELL


@pytest.mark.slow
def test_without_a_compiler(folder):
    seen = tour(folder, PATH=str(folder), CC=None)
    assert seen.pop("simulate") == (0, (
        "the engine runs as WebAssembly, at two thirds of its speed: there is no C compiler 'cc' "
        "on the PATH: install one (Debian: apt-get install gcc) or name yours in $CC"))
    assert set(seen.values()) == {(0, "")}


def as_nobody(folder: Path, command: str) -> tuple[int, str]:
    """Exit code and what was said in a child that ran the command once as it is, so that all is
    imported (nobody may not read where that lies), and now runs it as a user who is not root."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        words = [command, *TOUR[command].split()]
        with open(os.devnull, "w") as nowhere, tempfile.TemporaryDirectory() as warm:
            sys.stdout = sys.stderr = nowhere
            os.chdir(small_nets.write(Path(warm)))
            outcome(cli, words)
            native.doors.cache_clear()
            os.chdir(folder)
            if ROOT:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            sys.stderr = open(write, "w")
            code = outcome(cli, words)
            sys.stderr.close()
            os._exit(code)
    os.close(write)
    with open(read) as said:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.read().strip()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_another_user_in_folders_that_are_closed(folder, monkeypatch):
    (home := folder / "home").mkdir(mode=0)
    folder.chmod(0o555)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert as_nobody(folder, "quantize") == (
        2, f"error: new.q.onnx: the folder {folder} is read-only")
    assert as_nobody(folder, "compare") == (0, "")
    assert as_nobody(folder, "simulate") == (0, "the engine is compiled anew each time: "
                                             f"{cache_folder()}: cannot be made: Permission denied")
    assert as_nobody(folder, "emit") == (2, "error: out: cannot be made: Permission denied")
    for file in folder.glob("small*"):
        file.chmod(0)
    for command, file in (("compare", "small.onnx"), ("simulate", "small.q.onnx")):
        assert as_nobody(folder, command) == (
            2, f"error: {file}: cannot be read: Permission denied")


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="it takes root to mount a disk")
def test_a_full_disk_of_24_kb(folder):
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", disk],
                      capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        for file in ("small.onnx", "small.q.onnx"):
            shutil.copy(folder / file, disk)
        (disk / "rest").write_bytes(bytes(4096 * (os.statvfs(disk).f_bavail)))
        seen = tour(disk, TMPDIR=str(disk), XDG_CACHE_HOME=str(disk))
        assert seen["quantize"] == (
            2, "error: new.q.onnx: cannot be written: No space left on device")
        assert seen["compare"] == (0, "")
        assert seen["simulate"][0] == 0 and "runs as WebAssembly" in seen["simulate"][1]
        assert seen["emit"][0] == 2 and "No space left on device" in seen["emit"][1]
        left = [p.name for p in disk.rglob("*") if p.name.startswith((".dsplet", "new", "small."))]
        assert sorted(left) == ["small.onnx", "small.q.onnx"], "half a file"
    finally:
        subprocess.run(["umount", disk], check=True)
