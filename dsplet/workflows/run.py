"""Run a program, and watch it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.lib import format as npy

from dsplet.base.errors import shown
from dsplet.base.files import read_bytes, write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.data.npz import array_of
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.programs import Stop, Watched
from dsplet.firmware_sim.report import title
from dsplet.workflows import chip
from dsplet.workflows.request import OnPart, RequestError, check_outs
from dsplet.workflows.source import FromFiles

T = TypeVar("T")

WHAT = {"--load": "ADDRESS", "--save": "ADDRESS:COUNT or ADDRESS:COUNT:KIND"}


@dataclass(frozen=True, kw_only=True)
class Request(FromFiles, OnPart):
    """until, breaks: a label, 0x800 or label+8. mem: ADDRESS:WORDS, shown at every stop, as are
    registers with regs or breaks. trace: so many instructions are told of one by one. load:
    ADDRESS=FILE each, put there before the start. save: ADDRESS:COUNT=FILE or
    ADDRESS:COUNT:KIND=FILE, what is there at the end. Files are .npy, or .bin: bytes as they are.
    """

    until: str = "halt"
    breaks: tuple[str, ...] = ()
    regs: bool = False
    mem: tuple[str, ...] = ()
    max_instructions: int = 1_000_000
    trace: int | None = None
    load: tuple[str, ...] = ()
    save: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """Every stop, the last at the end. program: its files."""

    program: str
    target: str
    stops: list[Stop]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """What `stops` raises."""
    seen = list(stops(request))
    return Report(program=" ".join(request.sources), target=title(chip.part_of(request)),
                  stops=seen)


def stops(request: Request) -> Iterator[Stop]:
    """Each stop as the machine gets there. Raises AssemblyError, DebugError, MachineError,
    PreprocessError, NoCompiler, UnknownTarget, NotOffered, FileError, DataError, RequestError."""
    target = chip.part_of(request)
    loaded = [_named("--load", text) for text in request.load]
    saved = [_named("--save", text) for text in request.save]
    check_outs({f"--save {what}": file for what, file in saved}, *request.sources,
               *(file for _, file in loaded))
    watched = Watched(until=request.until, breaks=request.breaks, registers=request.regs,
                      memory=request.mem, max_instructions=request.max_instructions,
                      trace=request.trace or 0,
                      load=_once({what: _read(Path(file)) for what, file in loaded}, loaded),
                      save=_once({what: partial(_write, file) for what, file in saved}, saved))
    yield from targets.programs(target.processor).stops(request.program(), target, watched)


def _named(option: str, text: str) -> tuple[str, str]:
    """(what, file) of WHAT=FILE."""
    what, equals, file = text.partition("=")
    if not what or not equals or Path(file).suffix not in (".npy", ".bin"):
        raise RequestError(f"{option} is {shown(text)}",
                           expected=f"{WHAT[option]}=FILE, the file .npy or .bin")
    return what, file


def _once(made: dict[str, T], given: Sequence[tuple[str, str]]) -> dict[str, T]:
    if len(made) < len(given):
        raise RequestError("an address is there twice", remedy="name each once")
    return made


def _read(file: Path) -> np.ndarray:
    return array_of(file) if file.suffix == ".npy" else np.frombuffer(read_bytes(file), np.uint8)


def _write(file: str, array: np.ndarray, raw: bytes) -> None:
    if Path(file).suffix == ".npy":
        out = BytesIO()
        npy.write_array(out, array, allow_pickle=False)
        raw = out.getvalue()
    write_atomically(file, raw)
