"""The builder with which ops write their kernels: loops, statements, constants, scratch buffers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from dsplet.quantize.fixed.arithmetic import StoredArray
from dsplet.quantize.fixed.facts import Named, Rounded
from dsplet.quantize.fixed.kernel import (
    Buffer,
    Loop,
    Requantize,
    Storage,
    coalesce,
    contiguous,
)
from dsplet.quantize.fixed.statement import Affine, Statement


class Builder:
    """Collects the statements of one kernel; ops write their loop nests with it."""

    def __init__(self, name: str, storage: dict[str, Storage]) -> None:
        self.name = name
        self.buffers: list[Buffer] = []
        self._storage = storage
        self._bodies: list[list[Statement]] = [[]]
        self._vars = 0

    def __getitem__(self, value: Named) -> Storage:
        """Where a graph value is stored, indexed like the value."""
        return self._storage[value.name]

    def const(self, role: str, data: StoredArray) -> Storage:
        """A constant buffer with the integers `data`, indexed like the array."""
        data = np.asarray(data)
        name = f"{self.name}_{role}"
        self.buffers.append(Buffer(name, data.size, int(data.min()), int(data.max()), "const",
                                   data.reshape(-1).astype(np.int64)))
        return Storage(name, 0, contiguous(data.shape))

    def temp(self, role: str, size: int, low: int, high: int) -> Storage:
        """A scratch buffer of the kernel for integers in [low, high]."""
        name = f"{self.name}_{role}"
        self.buffers.append(Buffer(name, size, low, high, "activation"))
        return Storage(name, 0, (1,))

    @contextmanager
    def loop(self, extent: int) -> Iterator[Affine]:
        var = f"i{self._vars}"
        self._vars += 1
        self._bodies.append([])
        yield Affine(0, ((var, 1),))
        body = tuple(self._bodies.pop())
        self.emit(Loop(var, extent, body))

    @contextmanager
    def loops(self, *extents: int) -> Iterator[tuple[Affine, ...]]:
        """Nested loops, outermost first."""
        if not extents:
            yield ()
            return
        with self.loop(extents[0]) as i, self.loops(*extents[1:]) as rest:
            yield (i, *rest)

    def emit(self, *statements: Statement) -> None:
        self._bodies[-1].extend(statements)

    def requantize(self, d: str, node: Rounded, bound: tuple[int, int],
                   channel: Affine | int = 0) -> None:
        """The requantize that ends a `Requantizing` node; channel indexes per-channel shifts."""
        shifts = tuple(int(s) for s in node.shift)
        index = Affine() if len(shifts) == 1 or isinstance(channel, int) else channel
        low, high = node.limits
        self.emit(Requantize(d, shifts, index, low, high, bound))

    def body(self) -> tuple[Statement, ...]:
        return tuple(coalesce(s) for s in self._bodies[0])
