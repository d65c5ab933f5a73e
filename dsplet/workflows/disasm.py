"""List a program of the DSP32C."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim.dsp32c.tools import debug
from dsplet.firmware_sim.dsp32c.tools.debug import WordRow
from dsplet.workflows.source import text_of


@dataclass(frozen=True, kw_only=True)
class Request:
    """source: S-records, or a text file of hexadecimal words, the first at byte address origin."""

    source: str
    origin: int = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """A row for each word."""

    listing: list[WordRow]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises DebugError, RecordError, RequestError."""
    words = debug.read_words(text_of(request.source), request.source, request.origin)
    return Report(listing=debug.word_rows(words))
