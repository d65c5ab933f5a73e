"""Programs that people write, and the processor whose language they are in."""

from __future__ import annotations

from pathlib import Path

from dsplet.firmware_sim.programs import Source
from dsplet.workflows.request import RequestError

PROCESSOR = "dsp32c"
"""Where nothing says which."""


def source_of(path: str, origin: int) -> Source:
    """A program in a text file. Raises RequestError, OSError."""
    try:
        return Source(text=Path(path).read_text(), file=path, origin=origin)
    except UnicodeDecodeError:
        raise RequestError(f"{path}: not a text file") from None
