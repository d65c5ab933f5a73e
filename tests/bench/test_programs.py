"""What was recorded of programs that others wrote: their text is no part of this project."""

from __future__ import annotations

from bench import programs, record

FILES = {file for _, files in programs.BUILT for file in files}


def test_nine_of_nine_are_recorded():
    rows = record.load("programs")
    assert {row["file"] for row in rows} == FILES and len(FILES) == 9
    assert all(0 < row["instructions"] <= row["words"] for row in rows)
    assert [row["points"] for row in record.load("library_fft")] == list(programs.SIZES)
