"""Where each value of the graph lies in the chip's memory, how it is coded, and when it is whole.

Memory is shared and numbers are stored as the code wants them: what is only looked up as a place in
its table, what is only max-pooled before it is rounded, one plane at a time where kernels share a
loop. A view says how to read the integers of the fixed-point graph out of all that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsplet.firmware_sim.backend import Array
from dsplet.firmware_sim.dsp32c.isa.floats import from_words

DTYPES = {"int32": "<i4", "int16": "<i2", "byte": "u1", "float": "<u4"}


@dataclass(frozen=True, kw_only=True)
class View:
    """One value of the graph, in the chip's memory.

    value, shape, frac: of the graph; real values are integers * 2**-frac. node, op: what gives it.

    Element [i, j, ...] at step (t, u, ...) of the loops over time lies `place` bytes after
    `address`, place = offset + i * strides[0] + ... + t * moves[0] + ...; of a value with planes,
    place % plane_bytes bytes after it while plane place // plane_bytes is the one that is there.

    code: "float", a DSP32C float word; "int32", "int16", "byte", integers, the last unsigned. The
    number x that stands there gives the integer floor((x - base) / step), clamped to [low, high];
    where a bound is None nothing passes it.

    ready: the program counter at which it is whole: at its arrival number n there, from 0, what is
    there are step and plane number n, the plane counting fastest. A value of a loop over time
    (steps: the turns of the loops around it, outermost first) and one with planes is there only
    until the next arrival, every other until its memory is needed.
    """

    value: str
    node: str
    op: str
    shape: tuple[int, ...]
    frac: int
    address: int
    offset: int
    strides: tuple[int, ...]
    code: str
    base: float
    step: int
    low: int | None
    high: int | None
    ready: int
    steps: tuple[int, ...] = ()
    moves: tuple[int, ...] = ()
    planes: int = 1
    plane_bytes: int = 0

    def places(self, step: tuple[int, ...] = ()) -> Array:
        """`place` of every element, int64 of the value's shape. step: of the loops over time."""
        at = np.array(self.offset + sum(t * m for t, m in zip(step, self.moves, strict=True)))
        for n, stride in zip(self.shape, self.strides, strict=True):
            at = np.add.outer(at, stride * np.arange(n))
        return at

    def integers(self, memory: Array, places: Array) -> Array:
        """What stands at some of the value's places, int64. memory: the chip's, uint8."""
        dtype = np.dtype(DTYPES[self.code])
        at = self.address + (places % self.plane_bytes if self.plane_bytes else places)
        raw = memory[at[..., None] + np.arange(dtype.itemsize)].view(dtype)[..., 0]
        numbers = from_words(raw) if self.code == "float" else raw.astype(np.int64)
        found: Array = np.floor((numbers - self.base) / self.step).astype(np.int64)
        return found if self.low is self.high is None else np.clip(found, self.low, self.high)

    def read(self, memory: Array, arrival: int, into: Array) -> None:
        """At an arrival at `ready`: what is there goes where it belongs. into: the whole value of
        all steps, (*steps, *shape)."""
        turn, plane = divmod(arrival, self.planes)
        step = tuple(int(t) for t in np.unravel_index(turn, self.steps)) if self.steps else ()
        places = self.places(step)
        there = places // max(self.plane_bytes, 1) == plane if self.plane_bytes else ...
        of_step: Any = (*step, ...)
        into[of_step][there] = self.integers(memory, places[there])


@dataclass(frozen=True)
class Turns:
    """Code from byte address start up to, not including, end, that runs `extent` times."""

    start: int
    end: int
    extent: int


def stops(addresses: set[int], loops: tuple[Turns, ...]) -> Iterator[int]:
    """The order in which the program counter arrives at those addresses, again and again inside
    loops. loops: outer ones first."""
    outer = [r for i, r in enumerate(loops) if not any(
        o.start <= r.start and r.end <= o.end for o in loops[:i])]
    inside = {a: r for a in addresses for r in outer if r.start <= a < r.end}
    done: set[Turns] = set()
    for a in sorted(addresses):
        r = inside.get(a)
        if r is None:
            yield a
        elif r not in done:
            done.add(r)
            within = tuple(o for o in loops if r.start <= o.start and o.end <= r.end and o != r)
            for _ in range(r.extent):
                yield from stops({a for a, o in inside.items() if o == r}, within)
