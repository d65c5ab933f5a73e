"""Assemble a program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.programs import SourceRow
from dsplet.workflows.request import check_out
from dsplet.workflows.source import PROCESSOR, source_of


@dataclass(frozen=True, kw_only=True)
class Request:
    """origin: byte address of the first word. out: S-records to write; None: a listing."""

    source: str
    out: str | None = None
    origin: int = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """A listing; or the file, how many words it holds, and the hexadecimal address of the first."""

    listing: list[SourceRow] | None = None
    file: str | None = None
    words: int | None = None
    entry: str | None = None


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises AssemblyError, DebugError, FileError, RequestError."""
    check_out(request.out, request.source)
    source, programs = source_of(request.source, request.origin), targets.programs(PROCESSOR)
    if request.out is None:
        return Report(listing=programs.listing(source))
    records, words = programs.assembled(source, Path(request.source).stem)
    write_atomically(request.out, records.encode())
    return Report(file=request.out, words=words, entry=f"{request.origin:06x}")
