"""The kernel language: what an op means to a machine.

    kernel    ::= statement*
    statement ::= for VAR < EXTENT { statement* }     Loop
                | d = source                          Set
                | d += source << shift, or -=         Add
                | d += x * w                          Mac
                | d *= source                         Mul
                | d = max(d, source)                  Max
                | requantize d >> shifts[index] clamp [low, high] of bound
                                                      Requantize: round half up, then clamp
                | d = table(d - first)                Lookup: d = table[d - first]
                | d = interpolate(table, slopes, d - first, step_log2)
                                                      Interpolate: with u = d - first and
                                                      i = u >> step_log2:
                                                      d = (table[i] << step_log2)
                                                          + slopes[i] * (u - (i << step_log2))
                | d = ref[offset]                     Fetch: the element `offset` places after ref
                | divide d by by up to bound          Divide: rounded half up; by > 0
                | ref = d                             Store
    source    ::= ref | register | integer
    ref       ::= buffer[affine expression of loop variables]

A program is a list of kernels; a run of them may be a loop over time, `Repeat(var, extent, first,
last)`, whose variable may occur in their affine expressions. A kernel in it may run in some of its
turns only, `during`. `quantize.fixed.kernel_text` prints and reads it all.

Registers are named integers; a kernel keeps at most three alive. C and each instruction set
implement these statements and never hear of ops. `quantize.fixed.interpret` is their definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.statement import (
    Affine,
    Changed,
    Read,
    Ref,
    Role,
    Source,
    Span,
    Statement,
    Table,
    Target,
    Written,
)


@dataclass(frozen=True)
class Set(Statement):
    """d = source."""

    d: Written
    source: Source

    spellings = {"{d} = {source}": {}}


@dataclass(frozen=True)
class Add(Statement):
    """d += source << shift; negate: -=."""

    d: Changed
    source: Source
    shift: int = 0
    negate: bool = False

    spellings = {"{d} += {source}": {"shift": 0, "negate": False},
                 "{d} -= {source}": {"shift": 0, "negate": True},
                 "{d} += {source} << {shift}": {"negate": False},
                 "{d} -= {source} << {shift}": {"negate": True}}


@dataclass(frozen=True)
class Mac(Statement):
    """d += x * w."""

    d: Changed
    x: Ref
    w: Ref

    spellings = {"{d} += {x} * {w}": {}}


@dataclass(frozen=True)
class Mul(Statement):
    """d *= source."""

    d: Changed
    source: Source

    spellings = {"{d} *= {source}": {}}


@dataclass(frozen=True)
class Max(Statement):
    """d = max(d, source)."""

    d: Changed
    source: Source

    spellings = {"{d} = max({d}, {source})": {}}


@dataclass(frozen=True)
class Requantize(Statement):
    """bound: a proved interval of d before the shift; a clamp it rules out need not be executed."""

    d: Changed
    shifts: tuple[int, ...]
    index: Affine
    low: int
    high: int
    bound: Span

    spellings = {
        "requantize {d} >> {shifts} clamp [{low}, {high}] of {bound}": {"index": Affine()},
        "requantize {d} >> {shifts}[{index}] clamp [{low}, {high}] of {bound}": {}}


@dataclass(frozen=True)
class Lookup(Statement):
    """d = table[d - first]."""

    d: Changed
    table: Table
    first: int

    spellings = {"{d} = {table}({d})": {"first": 0}, "{d} = {table}({d} - {first})": {}}


@dataclass(frozen=True)
class Interpolate(Statement):
    """d = the table's value at d - first, on the line between entries 2**step_log2 apart."""

    d: Changed
    table: Table
    slopes: Table
    first: int
    step_log2: int

    spellings = {"{d} = interpolate({table}, {slopes}, {d} - {first}, {step_log2})": {}}


@dataclass(frozen=True)
class Fetch(Statement):
    """d = the element `offset` places after ref."""

    d: Written
    ref: Ref
    offset: Read

    spellings = {"{d} = {ref}[{offset}]": {}}


MOST_QUOTIENT, MOST_DIVISOR = 1 << 16, (1 << 24) - 1
"""What Divide gives and takes at most: beyond these a target's quotient may be off."""


@dataclass(frozen=True)
class Divide(Statement):
    """bound: the largest quotient and the largest divisor, both proved: at most MOST_QUOTIENT and
    MOST_DIVISOR."""

    d: Changed
    by: Source
    bound: tuple[int, int]

    spellings = {"divide {d} by {by} up to {bound}": {}}


@dataclass(frozen=True)
class Store(Statement):
    """ref = d."""

    ref: Target
    d: Read

    spellings = {"{ref} = {d}": {}}


@dataclass(frozen=True)
class Loop(Statement):
    """What it reads and writes is what its body does."""

    var: str
    extent: int
    body: tuple[Statement, ...]

    def flat(self) -> Iterator[Statement]:
        for s in self.body:
            yield from s.flat()

    def tables(self) -> Iterator[str]:
        for s in self.body:
            yield from s.tables()

    def map_affine(self, f: Callable[[Affine], Affine]) -> Loop:
        return replace(self, body=tuple(s.map_affine(f) for s in self.body))

    def operands(self) -> Iterator[tuple[Ref | str, Role | None]]:
        for s in self.body:
            yield from s.operands()


SIMPLE: tuple[type[Statement], ...] = (Set, Add, Mac, Mul, Max, Requantize, Lookup, Interpolate,
                                       Fetch, Divide, Store)
"""Every statement of the language but the loop."""


@dataclass(frozen=True, eq=False)
class Buffer:
    """`size` integers in memory.

    role: "input", "output", "activation" or "const". low, high: the range of what it holds.
    data: a constant's integers, or what an activation buffer holds before the first run (borders).
    """

    name: str
    size: int
    low: int
    high: int
    role: str
    data: IntArray | None = None

    @property
    def integers(self) -> IntArray:
        """`data` of a buffer that has it, as every constant does."""
        assert self.data is not None
        return self.data

    @property
    def dtype(self) -> np.dtype:
        """The smallest integer type for [low, high]."""
        for name in ("int8", "uint8", "int16", "uint16", "int32"):
            info = np.iinfo(name)
            if info.min <= self.low and self.high <= info.max:
                return np.dtype(name)
        raise ValueError(f"buffer '{self.name}' needs more than 32 bits: [{self.low}, {self.high}]")


@dataclass(frozen=True)
class Kernel:
    """name: unique in its program and an identifier. node: the graph node it came from. macs: of
    one run. during: the first and the last turn, of the innermost loop over time around it, in
    which it runs; None is in all."""

    name: str
    node: str
    op: str
    body: tuple[Statement, ...]
    macs: int = 0
    during: tuple[int, int] | None = None


@dataclass(frozen=True)
class Repeat:
    """A loop over time: kernels first..last of the program, `extent` times. node: whose loop."""

    var: str
    extent: int
    first: int
    last: int
    node: str


@dataclass(frozen=True)
class Storage:
    """Where a value lives: element [i, j, ...] at offset + i*strides[0] + j*strides[1] + ...

    offset: a number, or an affine expression of the variables of loops over time.
    """

    buffer: str
    offset: int | Affine
    strides: tuple[int, ...]

    def __getitem__(self, index: Affine | int | tuple[Affine | int, ...]) -> Ref:
        index = index if isinstance(index, tuple) else (index,)
        at = Affine() + self.offset
        for i, stride in zip(index, self.strides, strict=True):
            at = at + i * stride
        return Ref(self.buffer, at)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides, in elements."""
    strides = [1]
    for n in reversed(shape[1:]):
        strides.insert(0, strides[0] * n)
    return tuple(strides[:len(shape)])


def refs(statement: Statement) -> Iterator[Ref]:
    """Every memory reference of a statement, loops included."""
    return statement.refs()


def flat(statement: Statement) -> Iterator[Statement]:
    """The statements without their loops."""
    return statement.flat()


def map_affine(statement: Statement, f: Callable[[Affine], Affine]) -> Statement:
    """The statement with every affine expression replaced by f of it."""
    return statement.map_affine(f)


def coalesce(statement: Statement) -> Statement:
    """Merge perfectly nested loops that walk every buffer as one longer loop would."""
    if not isinstance(statement, Loop):
        return statement
    body = tuple(coalesce(s) for s in statement.body)
    if statement.extent == 1:
        body = tuple(s.map_affine(lambda a: a.substitute(statement.var, 0)) for s in body)
        if len(body) == 1 and isinstance(body[0], Loop):
            return body[0]
        return Loop(statement.var, 1, body)
    if len(body) == 1 and isinstance(inner := body[0], Loop):
        if inner.extent == 1:
            return Loop(statement.var, statement.extent, inner.body)
        indices = [r.index for r in inner.refs()] + [s.index for s in inner.flat()
                                                     if isinstance(s, Requantize)]
        if all(a.coefficient(statement.var) == inner.extent * a.coefficient(inner.var)
               for a in indices):
            merged = inner.map_affine(lambda a: a.substitute(statement.var, 0))
            return replace(merged, extent=statement.extent * inner.extent)
    return Loop(statement.var, statement.extent, body)
