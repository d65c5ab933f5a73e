"""The command line as tests call it, in a folder."""

from __future__ import annotations

import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from dsplet.cli import cli
from dsplet.cli.outcome import outcome


def dsplet(*words, folder: Path) -> subprocess.CompletedProcess:
    """How a command ends and what it prints, in this process: most of what a new one takes would be
    its imports."""
    out, err = StringIO(), StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        code = outcome(cli, [*map(str, words)])
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def started(*words, folder: Path) -> subprocess.CompletedProcess:
    """The same in a process of its own."""
    return subprocess.run([sys.executable, "-m", "dsplet", *map(str, words)], cwd=folder,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


def refusal(*words, folder: Path) -> str:
    """The one line that a refused command prints; exit code 2, nothing else, nothing written."""
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    done = dsplet(*words, folder=folder)
    assert done.returncode == 2, done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    return done.stderr.rstrip("\n")
