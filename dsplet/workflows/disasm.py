"""List a program that is machine code."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.programs import WordRow
from dsplet.workflows.source import PROCESSOR, source_of


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
    """Raises DebugError, RecordError, FileError."""
    source = source_of(request.source)
    return Report(listing=targets.programs(PROCESSOR).words(source, request.origin))
