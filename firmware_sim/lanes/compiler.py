"""What the C compiler at hand makes of vectors on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache

from dsplet.base.errors import door
from dsplet.base.library import LibraryError, compiler

FLAGS = ("-O3", "-shared", "-fPIC", "-fwrapv", "-fno-strict-aliasing", "-fno-math-errno",
         "-fno-signed-zeros", "-fno-trapping-math")
NATIVE = ("-march=native", "-mcpu=native", "")
"""What makes compilers use all that this machine's processor can do; the first that is accepted."""
WIDTHS = {"__AVX512F__": (16, 32), "__AVX__": (8, 16), "__aarch64__": (4, 32)}
"""What compilers define -> 32-bit numbers of a vector, and vectors that the processor holds."""
OTHER = (4, 16)


PARALLEL = ("-fopenmp",)
"""What gives the loop over a batch threads that wait awake for the next one; not every compiler has
it."""


@dataclass(frozen=True)
class Vectors:
    """lanes: 32-bit numbers of a vector. registers: how many vectors the processor holds. defined:
    all that the compiler says of it."""

    flags: tuple[str, ...]
    lanes: int
    registers: int
    defined: str


def vectors() -> Vectors:
    """Raises NoCompiler, LibraryError."""
    return _vectors(tuple(compiler()))


@cache
def _vectors(command: tuple[str, ...]) -> Vectors:
    for native in NATIVE:
        own = (native,) if native else ()
        with door(command[0], OSError, what="cannot be run", kind=LibraryError):
            done = subprocess.run([*command, *own, "-dM", "-E", "-x", "c", "-"], text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode == 0:
            words = set(re.findall(r"#define (\w+)", done.stdout))
            lanes, registers = next((w for word, w in WIDTHS.items() if word in words), OTHER)
            return Vectors((*FLAGS, *own, *_parallel(command)), lanes, registers, done.stdout)
    raise LibraryError(f"{command[0]} does not say what it compiles for")


def _parallel(command: tuple[str, ...]) -> tuple[str, ...]:
    """PARALLEL where it can be linked, too."""
    with tempfile.TemporaryDirectory(prefix="dsplet-") as scratch:
        made = subprocess.run([*command, *PARALLEL, "-shared", "-fPIC", "-x", "c", os.devnull, "-o",
                               f"{scratch}/none.so"], stdin=subprocess.DEVNULL, capture_output=True)
    return PARALLEL if made.returncode == 0 else ()
