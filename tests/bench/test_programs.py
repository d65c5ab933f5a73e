"""What others wrote assembles, where their text is at hand; and what was recorded of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import programs, record

FILES = {file for _, files in programs.BUILT for file in files}


def test_nine_of_nine_are_recorded():
    rows = record.load("programs")
    assert {row["file"] for row in rows} == FILES and len(FILES) == 9
    assert all(0 < row["instructions"] <= row["words"] for row in rows)
    assert [row["points"] for row in record.load("library_fft")] == list(programs.SIZES)


@pytest.mark.skipif(programs.FOLDER not in os.environ, reason=f"${programs.FOLDER} has their text")
def test_nine_of_nine_assemble(tmp_path):
    dsp = programs.copied(Path(os.environ[programs.FOLDER]), tmp_path / "dsp")
    rows = [row for defines, files in programs.BUILT
            for row in programs.rows_of(dsp, files, defines)]
    assert rows == record.load("programs")
    assert programs.started(dsp, *programs.STARTED[2]) == record.load("programs_started")[2]
    assert programs.fft(dsp, 64) == record.load("library_fft")[0]
