"""Programs that people write, and the processor whose language they are in."""

from __future__ import annotations

from dsplet.base.files import read_text
from dsplet.firmware_sim.programs import Source

PROCESSOR = "dsp32c"
"""Where nothing says which."""


def source_of(path: str, origin: int) -> Source:
    """A program in a text file. Raises FileError."""
    return Source(text=read_text(path), file=path, origin=origin)
