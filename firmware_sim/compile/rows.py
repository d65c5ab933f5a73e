"""Kernels row by row: whether a kernel can make some rows of its result at a time, and which rows
of what it reads a row needs.

Rows lie along the second axis of a value: lines of a picture, steps of a signal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsplet.firmware_sim.compile.layout import along_axes, axes, shapes
from dsplet.firmware_sim.compile.nest import Body, extents, nest, read, span, stores
from dsplet.quantize.fixed.kernel import Kernel, Store, contiguous
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref

Shapes = Mapping[str, tuple[int, ...]]
ROW = 1
"""The axis along which rows follow each other."""


@dataclass(frozen=True)
class Window:
    """The rows that a row needs of a buffer: row r those from step * r + low to step * r + high."""

    step: int
    low: int
    high: int


@dataclass(frozen=True)
class Rows:
    """A kernel whose turns of loop `var` are rows that do not wait for each other.

    loops, leaf: its nest. buffer: what it writes. rows: how many; row r of them is row first + r of
    the buffer. windows: what a row needs of each buffer that can be read so, of all those that it
    reads.
    """

    kernel: Kernel
    loops: tuple[tuple[str, int], ...]
    leaf: Body
    var: str
    buffer: str
    first: int
    windows: dict[str, Window]
    reads: frozenset[str]

    @property
    def rows(self) -> int:
        return dict(self.loops)[self.var]


def row_shapes(program: Program) -> dict[str, tuple[int, ...]]:
    """The shapes of buffers that have rows: of activations, and of the program's outputs."""
    found = shapes(program) | {b: v.shape for v, b in program.outputs if len(v.shape) > ROW}
    return {b: shape for b, shape in found.items() if shape[ROW] > 1}


def by_rows(kernel: Kernel, shapes: Shapes) -> Rows | None:
    """The kernel row by row; None where that cannot be."""
    body, regular = _split(kernel.body, shapes)
    loops, leaf = nest(body)
    if len(body) != 1 or not leaf or not isinstance(store := leaf[-1], Store) or len(
            stores(body)) != 1:
        return None
    name = store.ref.buffer
    if name not in regular or name in read(body) or not _starts_anew(leaf):
        return None
    var, first = _row_loop(digits_of(store.ref, body, shapes[name]), dict(loops))
    if var is None:
        return None
    windows = {}
    for b in regular & read(body):
        if window := _window([digits_of(r, body, shapes[b]) for s in body for r in s.refs()
                              if r.buffer == b], var, extents(body)):
            windows[b] = window
    return Rows(kernel, tuple(loops), leaf, var, name, first, windows, frozenset(read(body)))


def digits_of(ref: Ref, body: Body, shape: tuple[int, ...]) -> list[Affine]:
    """The reference's index along each axis, in a body whose loops follow them."""
    return axes(ref.index, extents(body), list(zip(contiguous(shape), shape, strict=True)))


def _split(body: Body, shapes: Shapes) -> tuple[Body, set[str]]:
    """The body with loops that follow the axes of the buffers that have rows, and which those
    are."""
    names = [b for b in shapes if any(b in s.buffers() for s in body)]
    while True:
        before, regular = body, set()
        for b in names:
            radices = list(zip(contiguous(shapes[b]), shapes[b], strict=True))
            if (along := along_axes(body, b, radices)) is not None:
                body = along
                regular.add(b)
        if body == before:
            return body, regular


def _row_loop(at: list[Affine], loops: Mapping[str, int]) -> tuple[str | None, int]:
    """(the loop whose turns are the rows, the row of its first turn) of what is stored there."""
    row = at[ROW]
    if len(row.terms) == 1 and row.terms[0][1] == 1 and (var := row.terms[0][0]) in loops and not (
            any(e.coefficient(var) for axis, e in enumerate(at) if axis != ROW)):
        return var, row.const
    return None, 0


def _window(places: list[list[Affine]], var: str, extent: Mapping[str, int]) -> Window | None:
    """The rows that all these places reach, for each turn of the loop over rows."""
    steps = {at[ROW].coefficient(var) for at in places}
    if len(steps) != 1 or (step := steps.pop()) < 1 or any(
            e.coefficient(var) for at in places for axis, e in enumerate(at) if axis != ROW):
        return None
    ends = [span(at[ROW].substitute(var, 0), dict(extent)) for at in places]
    return Window(step, min(a for a, _ in ends), max(b for _, b in ends))


def _starts_anew(leaf: Body) -> bool:
    """Whether every register is set before it is read: nothing is handed on between turns."""
    known: set[str] = set()
    for whole in leaf:
        for s in whole.flat():
            needed = {x for x in s.reads() if isinstance(x, str)}
            if not needed <= known:
                return False
            known |= {x for x in s.writes() if isinstance(x, str)}
    return True
