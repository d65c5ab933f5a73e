"""Texts that people write: what is read of them, and how numbers in them are spelled."""

from __future__ import annotations

from pathlib import Path

from dsplet.workflows.request import RequestError


def text_of(path: str) -> str:
    """A text file's content. Raises RequestError, OSError."""
    try:
        return Path(path).read_text()
    except UnicodeDecodeError:
        raise RequestError(f"{path}: not a text file") from None
