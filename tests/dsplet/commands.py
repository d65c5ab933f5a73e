"""The command line as tests call it: in a process of its own, in a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def dsplet(*words, folder: Path) -> subprocess.CompletedProcess:
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
