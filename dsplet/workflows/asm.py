"""Assemble a program for the DSP32C."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim.dsp32c.tools import debug
from dsplet.firmware_sim.dsp32c.tools.debug import SourceRow
from dsplet.firmware_sim.dsp32c.tools.srecord import to_srecords
from dsplet.workflows.source import text_of


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
    """Raises AssemblyError, DebugError, RequestError."""
    text, origin = text_of(request.source), request.origin
    assembly = debug.build(text, request.source, origin)
    if request.out is None:
        return Report(listing=debug.source_rows(assembly, text))
    records = to_srecords(Path(request.source).stem, assembly.segments, origin)
    write_atomically(request.out, records.encode())
    return Report(file=request.out, words=len(assembly.words), entry=f"{origin:06x}")
