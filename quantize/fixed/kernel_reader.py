"""Reads the text of kernels: the other half of `quantize.fixed.kernel_text`, which has the grammar.

What fits is found by trying; of all that was tried, an error names what got furthest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import numpy as np

from dsplet.quantize.fixed.arithmetic import RealArray
from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.kernel import SIMPLE, Buffer, Kernel, Loop, Repeat, Storage
from dsplet.quantize.fixed.kernel_text import pieces, spellings
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.fixed.scanner import INTEGER, REAL, Scanner, UnreadableKernels
from dsplet.quantize.fixed.statement import Affine, Ref, Role, Statement

FORMAT = re.compile(r"(U?)Q(-?\d{1,4})\.(-?\d{1,4})")
KINDS: dict[Role | None, str] = {Role.TABLE: "a table", None: "a name"}
"""What a name may be; most are registers."""


def from_text(text: str, vocabulary: Iterable[type[Statement]] = ()) -> Program:
    """The program that `kernel_text.to_text` printed.

    vocabulary: statements besides those of `quantize.fixed.kernel`, such as a target's.
    Raises UnreadableKernels.
    """
    return _Reader(text, vocabulary).program()


def kernel_from_text(text: str, vocabulary: Iterable[type[Statement]] = ()) -> Kernel:
    """The kernel that `kernel_text.to_text` printed; otherwise as `from_text`."""
    return _Reader(text, vocabulary).only_kernel()


class _Reader(Scanner):
    """Programs, kernels and statements."""

    def __init__(self, text: str, vocabulary: Iterable[type[Statement]]) -> None:
        super().__init__(text)
        self._kinds = (*SIMPLE, *vocabulary)
        self._kernels: list[Kernel] = []
        self._repeats: list[Repeat] = []
        self._resume: int | None = None

    # --- programs -------------------------------------------------------------------------------
    def program(self) -> Program:
        return self.whole(self._program)

    def only_kernel(self) -> Kernel:
        return self.whole(self._kernel)

    def _program(self) -> Program:
        self.literal("program")
        name = self.name()
        reals: dict[str, RealArray] | None = {} if self.follows("reals") else None
        self.end_of_line()
        inputs, outputs = (tuple(self.many(partial(self._border, role)))
                           for role in ("input", "output"))
        buffers: dict[str, Buffer] = {}
        for b in self.many(self._buffer):
            if b.name in buffers:
                raise self.error(f"two buffers are called '{b.name}'")
            buffers[b.name] = b
        if reals is not None:
            reals |= dict(self.many(partial(self._reals, buffers)))
        storage = dict(self.many(self._value))
        for _ in self.many(self._part):
            pass
        self._check(buffers)
        return Program(name, buffers, tuple(self._kernels), inputs, outputs, storage,
                       tuple(self._repeats), reals, self._resume)

    def _border(self, role: str) -> tuple[Value, str]:
        self.literal(role)
        buffer, name, shape = self.name("a buffer"), self.string(), self._integers()
        found = self.match(FORMAT, "a format such as Q0.7")
        signed, m, frac = not found[1], int(found[2]), int(found[3])
        if not 2 <= (bits := m + frac + signed) <= 16:
            raise self.error(f"{found[0]} has {bits} bits", "2 to 16")
        try:
            value = Value(name, shape, QFormat(bits, frac, signed))
        except ValueError as error:
            raise self.error(str(error)) from None
        self.end_of_line()
        return value, buffer

    def _buffer(self) -> Buffer:
        self.literal("buffer")
        name = self.name("a buffer")
        self.literal("[")
        size = self.integer()
        self.literal("]")
        role = self.name("a role such as 'const'")
        low, high = self._span()
        data = None
        if self.follows("="):
            data = np.array(self.constants(size, INTEGER, name), np.int64)
        self.end_of_line()
        return Buffer(name, size, low, high, role, data)

    def _reals(self, buffers: dict[str, Buffer]) -> tuple[str, RealArray]:
        self.literal("reals")
        name = self.name("a buffer")
        if name not in buffers:
            raise self.error(f"there is no buffer '{name}'")
        self.literal("=")
        numbers = self.constants(buffers[name].size, REAL, name)
        self.end_of_line()
        return name, np.array(numbers, np.float64)

    def _value(self) -> tuple[str, Storage]:
        self.literal("value")
        name = self.string()
        self.literal("at")
        place = self._ref()
        self.literal("by")
        strides = self._integers()
        self.end_of_line()
        offset = place.index if place.index.terms else place.index.const
        return name, Storage(place.buffer, offset, strides)

    def _part(self) -> None:
        """A kernel, a loop over time, or the mark before the first kernel of a step."""
        self.first(self._repeat, self._resumes, lambda: self._kernels.append(self._kernel()))

    def _resumes(self) -> None:
        self.literal("resume")
        self.end_of_line()
        self._resume = len(self._kernels)

    def _repeat(self) -> None:
        self.literal("repeat")
        var = self.name("a variable")
        self.literal("<")
        extent, node = self.integer(), self.string()
        self._open()
        first, place = len(self._kernels), len(self._repeats)
        for _ in self.many(self._part):
            pass
        self._close()
        if len(self._kernels) == first:
            raise self.error(f"nothing is repeated over '{var}'", "a kernel")
        self._repeats.insert(place, Repeat(var, extent, first, len(self._kernels) - 1, node))

    def _check(self, buffers: dict[str, Buffer]) -> None:
        """Raise where a kernel's name is another's, or it names a buffer that there is not."""
        names = [k.name for k in self._kernels]
        for k in self._kernels:
            if names.count(k.name) > 1:
                raise UnreadableKernels(f"two kernels are called '{k.name}'")
            if unknown := set().union(*(s.buffers() for s in k.body)) - buffers.keys():
                raise UnreadableKernels(f"there is no buffer '{min(unknown)}'",
                                        where=f"kernel '{k.name}'")

    # --- kernels --------------------------------------------------------------------------------
    def _kernel(self) -> Kernel:
        self.literal("kernel")
        name, node = self.name("a kernel"), self.string()
        op = self.first(self.name, self.string)
        macs = 0
        if self.follows("macs"):
            self.literal("=")
            macs = self.integer()
        during = self._span() if self.follows("during") else None
        return Kernel(name, node, op, self._block(), macs, during)

    def _block(self) -> tuple[Statement, ...]:
        self._open()
        body = tuple(self.many(self._statement))
        self._close()
        return body

    def _open(self) -> None:
        self.literal("{")
        self.end_of_line()

    def _close(self) -> None:
        self.literal("}")
        self.end_of_line()

    def _statement(self) -> Statement:
        return self.first(self._loop, *(partial(self._spelled, kind, spelling, without)
                                        for kind in self._kinds
                                        for spelling, without in spellings(kind).items()))

    def _loop(self) -> Statement:
        self.literal("for")
        var = self.name("a variable")
        self.literal("<")
        extent = self.integer()
        return Loop(var, extent, self._block())

    def _spelled(self, kind: type[Statement], spelling: str, without: dict[str, object]
                 ) -> Statement:
        fields = {f.name: f for f in kind.parts}
        found = dict(without)
        for text, name in pieces(spelling):
            plus = text.strip() == "-" and self.follows("+")
            self.literal("" if plus else text)
            if name is None:
                continue
            start = self.at
            value = self._field(fields[name].hint, fields[name].role)
            value = -value if plus else value  # (where a negative number is taken away)
            if found.setdefault(name, value) != value:
                self.at = start
                self.misfit(f"'{found[name]}'")
        self.end_of_line()
        return kind(**found)

    # --- fields ---------------------------------------------------------------------------------
    def _field(self, hint: Any, role: Role | None) -> Any:
        """A field of this type."""
        if get_origin(hint) is Annotated:
            return self._span() if role is Role.SPAN else self._field(get_args(hint)[0], role)
        if get_origin(hint) in (Union, UnionType):
            return self.first(*(partial(self._field, t, role) for t in get_args(hint)))
        if get_origin(hint) is tuple:
            return self._integers()
        if hint is str:
            return self.name(KINDS.get(role, "a register"))
        ways: dict[Any, Callable[[], Any]] = {
            int: self.integer, float: self.real, bool: self._truth, Ref: self._ref,
            Affine: self._affine, NoneType: lambda: self.literal("none")}
        return ways[hint]()

    def _truth(self) -> bool:
        if self.follows("true"):
            return True
        self.literal("false")
        return False

    def _span(self) -> tuple[int, int]:
        self.literal("[")
        low = self.integer()
        self.literal(",")
        high = self.integer()
        self.literal("]")
        return low, high

    def _integers(self) -> tuple[int, ...]:
        """One integer, or several in parentheses."""
        if not self.follows("("):
            return (self.integer(),)
        found: list[int] = []
        while not self.follows(")"):
            if found:
                self.literal(",")
            found.append(self.integer())
        return tuple(found)

    def _ref(self) -> Ref:
        buffer = self.name("a buffer")
        self.literal("[")
        index = self._affine()
        self.literal("]")
        return Ref(buffer, index)

    def _affine(self) -> Affine:
        sign = -1 if self.follows("-") else 1
        total = self._term() * sign
        while True:
            if self.follows("+"):
                total = total + self._term()
            elif self.follows("-"):
                total = total + self._term() * -1
            else:
                return total

    def _term(self) -> Affine:
        """A number, a variable, or a number times a variable."""
        return self.first(self._number, lambda: self._variable(1))

    def _number(self) -> Affine:
        number = self.integer()
        return self._variable(number) if self.follows("*") else Affine(number)

    def _variable(self, coefficient: int) -> Affine:
        return Affine(0, ((self.name("a variable"), 1),)) * coefficient
