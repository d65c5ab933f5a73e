"""The kernel language: what an op means to a machine.

    kernel    ::= statement*
    statement ::= Loop(var, extent, statement*)
                | Set(d, source)                      d = source
                | Add(d, source, shift, negate)       d = d +- (source << shift)
                | Mac(d, x, w)                        d = d + x * w
                | Mul(d, source)                      d = d * source
                | Max(d, source)                      d = max(d, source)
                | Requantize(d, shifts, index, low, high)
                                                      d = requantize(d, shifts[index], low, high)
                | Lookup(d, table, first)             d = table[d - first]
                | Interpolate(d, table, slopes, first, step_log2)
                                                      with u = d - first and i = u >> step_log2:
                                                      d = (table[i] << step_log2)
                                                          + slopes[i] * (u - (i << step_log2))
                | Fetch(d, ref, offset)               d = the element `offset` places after ref
                | Divide(d, by)                       d = d / by, rounded half up; by > 0
                | Store(ref, d)                       ref = d
    source    ::= Ref | register name | integer
    Ref       ::= buffer[affine expression of loop variables]

A program is a list of kernels; a run of them may be a loop over time, `Repeat(var, extent, first,
last)`, whose variable may occur in their affine expressions.

Registers are named integers; a kernel keeps at most three alive. C and each instruction set
implement these statements and never hear of ops. `quantize.fixed.interpret` is their definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True)
class Affine:
    """const + sum(coefficient * loop variable); terms are sorted and have no zero coefficient."""

    const: int = 0
    terms: tuple[tuple[str, int], ...] = ()

    def __add__(self, other: Affine | int) -> Affine:
        if isinstance(other, int):
            return Affine(self.const + other, self.terms)
        sums = dict(self.terms)
        for var, c in other.terms:
            sums[var] = sums.get(var, 0) + c
        return Affine(self.const + other.const, _tidy(sums))

    __radd__ = __add__

    def __mul__(self, k: int) -> Affine:
        return Affine(self.const * k, _tidy({v: c * k for v, c in self.terms}))

    __rmul__ = __mul__

    def coefficient(self, var: str) -> int:
        return dict(self.terms).get(var, 0)

    def substitute(self, var: str, value: Affine | int) -> Affine:
        c = self.coefficient(var)
        rest = Affine(self.const, tuple(t for t in self.terms if t[0] != var))
        return rest + (Affine(value) if isinstance(value, int) else value) * c if c else self

    def at(self, env: dict[str, int]) -> int:
        return self.const + sum(c * env[v] for v, c in self.terms)


def _tidy(coefficients: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((v, c) for v, c in coefficients.items() if c))


@dataclass(frozen=True)
class Ref:
    buffer: str
    index: Affine


Source = Ref | str | int


@dataclass(frozen=True)
class Set:
    d: str
    source: Source


@dataclass(frozen=True)
class Add:
    d: str
    source: Source
    shift: int = 0
    negate: bool = False


@dataclass(frozen=True)
class Mac:
    d: str
    x: Ref
    w: Ref


@dataclass(frozen=True)
class Mul:
    d: str
    source: Source


@dataclass(frozen=True)
class Max:
    d: str
    source: Source


@dataclass(frozen=True)
class Requantize:
    """bound: a proved interval of d before the shift; a clamp it rules out need not be executed."""

    d: str
    shifts: tuple[int, ...]
    index: Affine
    low: int
    high: int
    bound: tuple[int, int]


@dataclass(frozen=True)
class Lookup:
    d: str
    table: str
    first: int


@dataclass(frozen=True)
class Interpolate:
    d: str
    table: str
    slopes: str
    first: int
    step_log2: int


@dataclass(frozen=True)
class Fetch:
    d: str
    ref: Ref
    offset: str


@dataclass(frozen=True)
class Divide:
    """bound: the largest quotient and the largest divisor (both proved, both < 2**24)."""

    d: str
    by: Source
    bound: tuple[int, int]


@dataclass(frozen=True)
class Store:
    ref: Ref
    d: str


@dataclass(frozen=True)
class Loop:
    var: str
    extent: int
    body: tuple


Statement = (Loop | Set | Add | Mac | Mul | Max | Requantize | Lookup | Interpolate | Fetch
             | Divide | Store)


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
    data: np.ndarray | None = None

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
    """name: unique in its program and an identifier. node: the graph node it came from."""

    name: str
    node: str
    op: str
    body: tuple[Statement, ...]
    macs: int = 0


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

    def __getitem__(self, index: tuple) -> Ref:
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


class Builder:
    """Collects the statements of one kernel; ops write their loop nests with it."""

    def __init__(self, name: str, storage: dict[str, Storage]) -> None:
        self.name = name
        self.buffers: list[Buffer] = []
        self._storage = storage
        self._bodies: list[list[Statement]] = [[]]
        self._vars = 0

    def __getitem__(self, value) -> Storage:
        """Where a graph value is stored, indexed like the value."""
        return self._storage[value.name]

    def const(self, role: str, data: np.ndarray) -> Storage:
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

    def requantize(self, d: str, node, bound: tuple[int, int], channel: Affine | int = 0) -> None:
        """The requantize that ends a `Requantizing` node; channel indexes per-channel shifts."""
        shifts = tuple(int(s) for s in node.shift)
        index = Affine() if len(shifts) == 1 or isinstance(channel, int) else channel
        self.emit(Requantize(d, shifts, index, *node.limits, bound))

    def body(self) -> tuple[Statement, ...]:
        return tuple(coalesce(s) for s in self._bodies[0])


def refs(statement: Statement) -> Iterator[Ref]:
    """Every memory reference of a statement, loops included."""
    if isinstance(statement, Loop):
        for s in statement.body:
            yield from refs(s)
        return
    for f in fields(statement):
        if isinstance(r := getattr(statement, f.name), Ref):
            yield r


def map_affine(statement: Statement, f) -> Statement:
    """The statement with every affine expression replaced by f of it."""
    if isinstance(statement, Loop):
        return replace(statement, body=tuple(map_affine(s, f) for s in statement.body))
    changes = {}
    for field in fields(statement):
        match getattr(statement, field.name):
            case Ref(buffer, index):
                changes[field.name] = Ref(buffer, f(index))
            case Affine() as index:
                changes[field.name] = f(index)
    return replace(statement, **changes) if changes else statement


def coalesce(statement: Statement) -> Statement:
    """Merge perfectly nested loops that walk every buffer as one longer loop would."""
    if not isinstance(statement, Loop):
        return statement
    body = tuple(coalesce(s) for s in statement.body)
    if statement.extent == 1:
        body = tuple(map_affine(s, lambda a: a.substitute(statement.var, 0)) for s in body)
        if len(body) == 1 and isinstance(body[0], Loop):
            return body[0]
        return Loop(statement.var, 1, body)
    if len(body) == 1 and isinstance(inner := body[0], Loop):
        if inner.extent == 1:
            return Loop(statement.var, statement.extent, inner.body)
        indices = [r.index for r in refs(inner)] + [s.index for s in flat(inner)
                                                    if isinstance(s, Requantize)]
        if all(a.coefficient(statement.var) == inner.extent * a.coefficient(inner.var)
               for a in indices):
            merged = map_affine(inner, lambda a: a.substitute(statement.var, 0))
            return replace(merged, extent=statement.extent * inner.extent)
    return Loop(statement.var, statement.extent, body)


def flat(statement: Statement) -> Iterator[Statement]:
    """The statements without their loops."""
    if isinstance(statement, Loop):
        for s in statement.body:
            yield from flat(s)
    else:
        yield statement
