"""Assemble a program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.programs import PartRow, SourceRow
from dsplet.workflows.request import check_out
from dsplet.workflows.source import PROCESSOR, FromFiles


@dataclass(frozen=True, kw_only=True)
class Request(FromFiles):
    """out: S-records to write; None: a listing."""

    out: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """A listing; or the file, how many words it holds, the hexadecimal address of the first that
    stands in no section, and, where there are several, where each file's part of each section
    lies."""

    listing: list[SourceRow] | None = None
    file: str | None = None
    words: int | None = None
    entry: str | None = None
    parts: list[PartRow] | None = None


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises AssemblyError, DebugError, PreprocessError, NoCompiler, FileError, RequestError."""
    check_out(request.out, *request.sources)
    program, programs = request.program(), targets.programs(PROCESSOR)
    if request.out is None:
        return Report(listing=programs.listing(program))
    records, words, parts = programs.assembled(program, Path(request.sources[0]).stem)
    write_atomically(request.out, records.encode())
    return Report(file=request.out, words=words, entry=f"{request.origin:06x}",
                  parts=parts if len(parts) > 1 else None)
