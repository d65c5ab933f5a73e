"""A graph compiled for whole test sets on this machine."""

from __future__ import annotations

import ctypes
import os
import threading
from functools import cached_property

import numpy as np

from dsplet.base.library import Generated, LibraryError
from dsplet.export.c.lanes import TYPES, print_lanes
from dsplet.firmware_sim.compile.forward import forward
from dsplet.firmware_sim.compile.fuse_consumer import fuse_consumers
from dsplet.firmware_sim.compile.reading_order import in_reading_order
from dsplet.firmware_sim.lanes.compiler import vectors
from dsplet.firmware_sim.lanes.dots import dotted
from dsplet.firmware_sim.lanes.groups import grouped
from dsplet.firmware_sim.lanes.order import ordered
from dsplet.firmware_sim.lanes.sums import is_sum, summed
from dsplet.firmware_sim.lanes.tiles import shares, tiled
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import Program, lower

KEPT = 100
"""Libraries of this kind in the cache."""
SECONDS_A_CHARACTER = 25e-6
"""Of gcc 12 at 2.6 GHz, measured on the networks of the zoo: 15 to 28 microseconds."""
MOST_BYTES = 1 << 28
ALIGNED = 64
"""Bytes."""
TURNS = 8
"""Parts of a batch for each thread: who begins late does fewer."""
PAIR = 4
"""Vectors of samples side by side where sums share nothing else."""


class Lanes:
    """A graph as C that runs a sample a lane; compiled when it is first called.

    text: what is compiled, which is the same for other weights. seconds: about what the compiler
    takes for it. Raises NoCompiler, LibraryError; Overflow, Unprintable for what is no program of
    32-bit integers; LibraryError also for a network that needs more than MOST_BYTES a thread.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, on = graph, vectors()
        program, group, dots = passed(lower(graph), on.lanes, on.registers)
        self._printed = print_lanes(program, is_sum, on.lanes, group, dots)
        self.text = self._printed.text
        self.seconds = SECONDS_A_CHARACTER * len(self.text)
        self._library = Generated("lanes", self.text, on.flags, on.defined, KEPT)
        self._lanes = on.lanes
        if (needed := 4 * on.lanes * self._printed.vectors) > MOST_BYTES:
            raise LibraryError(f"a block of samples needs {needed} bytes of memory",
                               expected=f"at most {MOST_BYTES}")
        self._own, self._process = threading.local(), os.getpid()
        self._held = [_aligned(c.size, c.dtype) for c in self._printed.constants]
        for held, c in zip(self._held, self._printed.constants, strict=True):
            held[:] = c
        self._constants = _addresses(self._held)

    def kept(self) -> bool:
        """Whether it was compiled before, and is loaded now."""
        found = self._library.found()
        if found is not None:
            self.__dict__["_loaded"] = _typed(found)
        return found is not None

    def prepare(self) -> None:
        """Compiles it, unless it is kept. Raises LibraryError with the compiler's words."""
        _ = self._loaded

    def __call__(self, *xs: np.ndarray, threads: int = 0) -> list[np.ndarray]:
        """Integers (N, *shape) of each input in, int64 (N, *shape) of each output out. threads: 0
        are as many as there are cores, or $OMP_NUM_THREADS; a process that was forked has one,
        since OpenMP's do not come along. Raises ValueError for other shapes."""
        for v, x in zip(self.graph.inputs, xs, strict=True):
            if x.shape != (len(xs[0]), *v.shape):
                raise ValueError(f"input '{v.name}' has shape {v.shape}, got {x.shape[1:]}")
        given = [np.ascontiguousarray(x, x.dtype if x.dtype in TYPES else TYPES[0]) for x in xs]
        n = len(given[0])
        ys = [np.empty((n, *v.shape), np.int64) for v in self.graph.outputs]
        types = (ctypes.c_int * len(given))(*(TYPES.index(x.dtype) for x in given))
        if not n:
            return ys
        block, forked = self._loaded.block(), os.getpid() != self._process
        workers = 1 if forked else min(threads or self._loaded.threads(), -(-n // block))
        turn = block * -(-n // (block * workers * (TURNS if workers > 1 else 1)))
        self._loaded.run(self._constants, _addresses(self._memories(workers)), _addresses(given),
                         types, _addresses(ys), turn, n, workers)
        return ys

    @cached_property
    def _loaded(self) -> ctypes.CDLL:
        return _typed(self._library.made().loaded)

    def _memories(self, count: int) -> list[np.ndarray]:
        """So many, one for each thread of a call; those who call at once have their own."""
        memories: list[np.ndarray] = self._own.__dict__.setdefault("memories", [])
        while len(memories) < count:
            rows = _aligned(self._printed.vectors * self._lanes, np.dtype(np.int32)).reshape(
                -1, self._lanes)
            for at, held in self._printed.presets.items():
                rows[at:at + len(held)].view(held.dtype)[:] = held[:, None]
            memories.append(rows)
        return memories


def passed(program: Program, lanes: int, registers: int) -> tuple[Program, int, dict[str, str]]:
    """The program for vectors of so many lanes, how many of them stand for each number, and the
    sums that it is given in the place of inputs, with their weights."""
    program, dots = dotted(fuse_consumers(forward(program)), lanes)
    group = PAIR if not shares(program) else 1
    program = summed(grouped(program, group))
    program = tiled(ordered(program, lanes), registers)
    return in_reading_order(program, dots=False), group, dots


def _typed(loaded: ctypes.CDLL) -> ctypes.CDLL:
    loaded.run.restype = None
    loaded.run.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_int64] * 2 + [ctypes.c_int]
    return loaded


def _aligned(size: int, dtype: np.dtype) -> np.ndarray:
    """Zeros of a type of 4 bytes."""
    room = np.zeros(size + ALIGNED // 4, dtype)
    first = -room.ctypes.data % ALIGNED // 4
    return room[first:first + size]


def _addresses(arrays: list[np.ndarray]) -> ctypes.Array:
    return (ctypes.c_void_p * max(len(arrays), 1))(*(a.ctypes.data for a in arrays))
