"""Programs that others wrote for the DSP32C, assembled: `python -m bench.programs`.

They are NCAR's: the ELDORA radar's, of github.com/NCAR/eldora_instrument, and what it has of AT&T's
application library. Their text is no part of this project: $DSPLET_PROGRAMS names the repository's
folder src/vx-eldora. Only names of other files are edited, in a copy: the headers include each
other by paths of the machine of 1992.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import record
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa.assembler import Assembly
from dsplet.firmware_sim.dsp32c.isa.lexer import Statement, split
from dsplet.firmware_sim.dsp32c.isa.source import Line
from dsplet.firmware_sim.dsp32c.tools import debug
from dsplet.firmware_sim.dsp32c.tools.programs import Programs
from dsplet.firmware_sim.programs import Program, Source, Watched

FOLDER = "DSPLET_PROGRAMS"
THEIRS = '"/ELDORA/dsp/include/'
HEADER = "vx/mhen/include/ELDRP7.h"
SECTIONS = (".extA=0", ".ram0=0xfff000:2048", ".ram1=0xfff800:2048", ".ram2=0xffe000:2048")
"""The board's memory, as comments in the sources tell it [dsp32c.md 4.1, L]."""
BUILT = (  # as the Makefiles beside them have it: defines, files
    ((), ("coll/coll_init.s", "coll/coll_main.s", "coll/coll_ts.s")),
    (("MASTER",), ("dspq/dp_init.s", "dspq/dp_main.s")),
    (("SLAVE",), ("dspq/dp_init.s", "dspq/dp_main.s")),
    (("FORE_INTERRUPT",), ("dspq/ppp_init.s", "dspq/ppp_main.s")),
    (("AFT_INTERRUPT",), ("dspq/ppp_init.s", "dspq/ppp_main.s")),
    ((), ("dspq/wait03.s",)),
    ((), ("dspq/wait13.s",)),
)
STARTED = (  # which of them, its main loop, what its beginning leaves, what that is, and by NumPy
    (0, "dwell", "0xd004:1799", "40 log10 of 1,799 ranges",
     40 * np.log10(0.15 * np.arange(1, 1800))),
    (1, "dwell", "kv:1", "40.425356 / 1", np.array([40.425356])),
    (3, "beam", "0xfff7f0:1", "1 / (2,048 sqrt 20)", np.array([1 / 2048 / 20**0.5])),
)
SIZES = (64, 256, 1024)
FFT = """
#define PERIODOGRAM
#define DSP32C 1
        call _fftc (r14)
        nop
        int24 N, M, re, im
halt:   goto halt
        nop
#include "fftsubs.h"
        org 0x2000
re:     N*float 0
im:     N*float 0
"""
_DATA = re.compile(r"(?:[^=]*\*\s*)?(?:float|int|int24|long|word|byte)\b")


def copied(theirs: Path, to: Path) -> Path:
    """The folder dsp with the one header that lies elsewhere, and without foreign paths."""
    shutil.copytree(theirs / "dsp", to)
    shutil.copy(theirs / HEADER, to / "include")
    for path in (p for p in to.rglob("*.[sh]")):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(THEIRS.encode(), b'"'))
    return to


def program_of(dsp: Path, files: Sequence[str], defines: Sequence[str]) -> Program:
    """Some of the files as a program."""
    return Program(files=tuple(Source(text=(dsp / file).read_text(), file=str(dsp / file))
                               for file in files), sections=SECTIONS, defines=tuple(defines),
                   folders=(str(dsp / "include"),))


def rows_of(dsp: Path, files: Sequence[str], defines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What there is of each file. Raises what the assembler does."""
    assembly = debug.build(program_of(dsp, files, defines))
    for file in files:
        words = list(_words(assembly, str(dsp / file)))
        data = sum(_is_data(assembly.origins[a]) for a in words)
        yield {"file": file, "defined": " ".join(defines),
               "lines": len((dsp / file).read_text().splitlines()),
               "instructions": len(words) - data, "words": len(words),
               "names_of_others": len(assembly.imports[str(dsp / file)])}


def _is_data(line: Line) -> bool:
    return all(_DATA.match(found.text) for found in split(line) if isinstance(found, Statement))


def _words(assembly: Assembly, file: str) -> Iterator[int]:
    for part in (p for p in assembly.parts if p.file == file):
        yield from (a for a in assembly.words if part.start <= a < part.end)


def started(dsp: Path, which: int, until: str, what: str, is_: str,
            right: np.ndarray) -> dict[str, Any]:
    """A program up to its main loop, which waits for the radar: how many instructions that took,
    and the largest error of what it left, as a share of the largest number."""
    defines, files = BUILT[which]
    found: list[np.ndarray] = []
    (stop,) = Programs().stops(program_of(dsp, files, defines), targets.get("dsp32c-50", "flat"),
                               Watched(until=until, save={what: lambda a, raw: found.append(a)}))
    error = np.abs(found[0] - right).max() / np.abs(right).max()
    return {"file": files[0], "until": until, "instructions": stop.state["instructions"],
            "leaves": is_, "error": float(f"{error:.2g}")}


def fft(dsp: Path, size: int) -> dict[str, Any]:
    """The library's complex FFT of random numbers, beside NumPy's: cycles, with code on the chip
    and data in external memory, and the largest error as a share of the largest output."""
    rng = np.random.default_rng(size)
    given = {part: rng.uniform(-1, 1, size).astype(np.float32) for part in ("re", "im")}
    found: dict[str, np.ndarray] = {}

    def keep(part: str, array: np.ndarray, raw: bytes) -> None:
        found[part] = array

    source = Source(text=FFT, file=str(dsp / "include" / "fft.s"))
    program = Program(files=(source,), defines=(f"N={size}", f"M={size.bit_length() - 1}"))
    (stop,) = Programs().stops(program, targets.get("dsp32c-50"), Watched(
        load=given, save={f"{part}:{size}": partial(keep, part) for part in given}))
    right = np.fft.fft(given["re"] + 1j * given["im"].astype(np.float64))
    error = np.abs(found["re"] + 1j * found["im"] - right).max() / np.abs(right).max()
    return {"points": size, "cycles": stop.state["cycles"], "error": float(f"{error:.2g}")}


def main() -> None:
    """Assemble all, run the FFT, keep what came of it."""
    if not (theirs := os.environ.get(FOLDER)):
        sys.exit(f"${FOLDER} names no folder: expected src/vx-eldora of NCAR/eldora_instrument")
    with tempfile.TemporaryDirectory() as scratch:
        dsp = copied(Path(theirs), Path(scratch) / "dsp")
        rows = [row for defines, files in BUILT for row in rows_of(dsp, files, defines)]
        record.save("programs", "python -m bench.programs", rows)
        starts = [started(dsp, *each) for each in STARTED]
        record.save("programs_started", "python -m bench.programs", starts)
        ffts = [fft(dsp, size) for size in SIZES]
        record.save("library_fft", "python -m bench.programs", ffts)
    for row in [*rows, *starts, *ffts]:
        print(*(f"{name} {value}" for name, value in row.items()), sep="  ")
    print(f"{len({row['file'] for row in rows})} of 9 files assembled")


if __name__ == "__main__":
    main()
