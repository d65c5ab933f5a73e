"""Compiles an emitted program with this machine's C compiler and calls it, to prove it equal."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from dsplet.base.library import compiler
from dsplet.export.c.context import context
from dsplet.export.c.header import verbs
from dsplet.export.c.printer import print_c
from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.program import Program

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
"""What emitted C compiles under without a word."""


@dataclass(frozen=True)
class Compiled:
    """A program as native code. `library` is the shared object."""

    program: Program
    library: Path
    _begin: Callable[..., None] = field(repr=False)
    _function: Callable[..., None] = field(repr=False)

    def __call__(self, *xs: np.ndarray) -> np.ndarray | list[np.ndarray]:
        """Integers of each input's shape, or (N, *shape) for a batch; the outputs likewise, int64.

        One array where the program has one output, else a list in the program's order.
        Raises ValueError for shapes or integers that are not the inputs'.
        """
        program = self.program
        single = np.ndim(xs[0]) == len(program.inputs[0][0].shape)
        batches = [_batch(v, program.buffers[b].dtype, np.asarray(x)[None] if single else x)
                   for (v, b), x in zip(program.inputs, xs, strict=True)]
        n = len(batches[0])
        if any(len(x) != n for x in batches):
            raise ValueError(f"the inputs have {sorted({len(x) for x in batches})} samples")
        outputs = [np.zeros((n, *v.shape), program.buffers[b].dtype) for v, b in program.outputs]
        places = [(a.ctypes.data, a.strides[0]) for a in (*batches, *outputs)]
        memory = np.zeros(-(-context(program).bytes // 8), np.int64)
        self._begin(memory.ctypes.data)
        for i in range(n):
            self._function(memory.ctypes.data,
                           *(start + i * stride for start, stride in places))
        ys = [(y[0] if single else y).astype(np.int64) for y in outputs]
        return ys[0] if len(ys) == 1 else ys


def compile(program: Program) -> Compiled:
    """Print, compile (-O2, every warning an error) and load the program.

    Its files lie in a folder that nobody else opens and that goes with the process. Raises
    NoCompiler, and RuntimeError with the compiler's words where it refuses the source.
    """
    header, source = print_c(program, "net")
    cc = compiler()
    digest = hashlib.sha256("\0".join([*cc, header, source]).encode()).hexdigest()[:16]
    folder = Path(_scratch().name) / digest
    library = folder / "net.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "net.h").write_text(header)
        (folder / "net.c").write_text(source)
        made = folder / f"net.{os.getpid()}"
        done = subprocess.run([*cc, *WARNINGS, "-O2", "-shared", "-fPIC", "-o", made, "net.c"],
                              cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{shlex.join(cc)} refused {folder / 'net.c'}:\n{done.stderr}")
        made.replace(library)
    return load(program, library, "net")


def load(program: Program, library: Path, name: str) -> Compiled:
    """The program of that name in a shared object."""
    loaded, borders = ctypes.CDLL(str(library)), len(program.inputs) + len(program.outputs)
    begin, go = (loaded[f"{name}_{verb}"] for verb in verbs(program))
    begin.argtypes, go.argtypes = [ctypes.c_void_p], [ctypes.c_void_p] * (1 + borders)
    begin.restype = go.restype = None
    return Compiled(program, library, begin, go)


@cache
def _scratch() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="dsplet-c-")


def _batch(v: Value, dtype: np.dtype, x: np.ndarray) -> np.ndarray:
    x = np.asarray(x)
    if x.shape[1:] != v.shape:
        raise ValueError(f"input '{v.name}' has shape {v.shape}, got {x.shape[1:]}")
    if x.size and (x.min() < v.format.min or x.max() > v.format.max):
        raise ValueError(f"input '{v.name}' holds {v.format.min}..{v.format.max}, "
                         f"got {x.min()}..{x.max()}")
    return np.ascontiguousarray(x, dtype)
