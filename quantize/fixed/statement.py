"""What statements are made of, and what every statement says of itself.

A statement is a frozen dataclass. The types of its fields say what they are: a register that is
read, written or both, a place in memory, a table. From these types follow its `reads` and `writes`,
how its addresses are moved, and how it is printed and read as text (`quantize.fixed.kernel_text`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin, get_type_hints


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
    """An element of a buffer."""

    buffer: str
    index: Affine


class Role(Enum):
    """What a field of a statement is, where its type alone does not say it."""

    READ = "read"
    WRITTEN = "written"
    CHANGED = "read and written"
    TABLE = "table"
    SPAN = "span"


Read = Annotated[str, Role.READ]
"""A register that is read."""
Written = Annotated[str, Role.WRITTEN]
"""A register that is written."""
Changed = Annotated[str, Role.CHANGED]
"""A register that is read and written."""
Target = Annotated[Ref, Role.WRITTEN]
"""A place in memory that is written; every other `Ref` is read."""
Table = Annotated[str, Role.TABLE]
"""A buffer that is read at a place that the data tell."""
Span = Annotated[tuple[int, int], Role.SPAN]
"""The smallest and the largest of something."""
Source = Ref | Read | int
"""What is read: a place in memory, a register or a number."""


@dataclass(frozen=True)
class Part:
    """A field of a kind of statement. hint: its type, roles included."""

    name: str
    hint: Any
    role: Role | None


def _role(hint: Any) -> Role | None:
    """The role in a type, or in one of the types it is a union of."""
    roles = [r for t in (hint, *get_args(hint)) for r in getattr(t, "__metadata__", ())]
    return next((r for r in roles if isinstance(r, Role)), None)


@dataclass(frozen=True)
class Statement:
    """One step of a kernel; see `quantize.fixed.kernel`.

    spellings: how it is written as text, with its fields in braces -> the fields that a spelling
    leaves out, and what they are then. The first that fits is printed, each is understood. Without
    any it is written as its class and fields: `Name(field=value, ...)`.
    """

    spellings: ClassVar[dict[str, dict[str, object]]] = {}
    parts: ClassVar[tuple[Part, ...]]
    """Its fields, in order."""

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        cls.parts = tuple(Part(name, hint, _role(hint)) for name, hint in hints.items()
                          if get_origin(hint) is not ClassVar)

    def operands(self) -> Iterator[tuple[Ref | str, Role | None]]:
        """Its places in memory and its registers, in the order of its fields, with their roles."""
        for f in self.parts:
            value = getattr(self, f.name)
            if isinstance(value, Ref) or (isinstance(value, str) and f.role in (
                    Role.READ, Role.WRITTEN, Role.CHANGED)):
                yield value, f.role

    def reads(self) -> Iterator[Ref | str]:
        """The registers and the places in memory that it reads."""
        for value, role in self.operands():
            if role is not Role.WRITTEN:
                yield value

    def writes(self) -> Iterator[Ref | str]:
        """The registers and the places in memory that it writes."""
        for value, role in self.operands():
            if role in (Role.WRITTEN, Role.CHANGED):
                yield value

    def tables(self) -> Iterator[str]:
        """The buffers that it reads without a `Ref`: at a place that the data tell."""
        for f in self.parts:
            if f.role is Role.TABLE:
                yield getattr(self, f.name)

    def refs(self) -> Iterator[Ref]:
        """Every place in memory that it reads or writes."""
        for value, _ in self.operands():
            if isinstance(value, Ref):
                yield value

    def registers(self) -> Iterator[str]:
        """Every mention of a register."""
        for value, _ in self.operands():
            if isinstance(value, str):
                yield value

    def buffers(self) -> set[str]:
        """The buffers that it reads or writes."""
        return {r.buffer for r in self.refs()} | set(self.tables())

    def flat(self) -> Iterator[Statement]:
        """The statements in it that are no loops: itself, or those of a loop."""
        yield self

    def map_affine(self, f: Callable[[Affine], Affine]) -> Self:
        """The statement with every affine expression replaced by f of it."""
        changes: dict[str, Any] = {}
        for field in self.parts:
            match getattr(self, field.name):
                case Ref(buffer, index):
                    changes[field.name] = Ref(buffer, f(index))
                case Affine() as index:
                    changes[field.name] = f(index)
        return replace(self, **changes) if changes else self
