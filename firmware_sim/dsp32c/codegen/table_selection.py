"""How the DSP32C looks up and interpolates: an integer becomes a pointer by way of memory.

Only a CAU load sets an address register from data (dsp32c.md 5.4), and its latency is filled by a
second look-up in step with the first.
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import (
    PLACES,
    SCRATCH,
    Acc,
    Access,
    Code,
    Ins,
    Kind,
    Memory,
    Turns,
)
from dsplet.firmware_sim.dsp32c.codegen.instructions import (
    add,
    advance,
    apply,
    load,
    mask,
    move,
    multiply,
    subtract,
)
from dsplet.firmware_sim.dsp32c.codegen.scalar_selection import ScalarSelector
from dsplet.firmware_sim.dsp32c.codegen.scale import Between, Round, Scale
from dsplet.firmware_sim.dsp32c.codegen.segment_words import Line
from dsplet.firmware_sim.dsp32c.codegen.selection import TEMP, Selection
from dsplet.quantize.fixed.kernel import Fetch, Lookup, Loop, Set, Store
from dsplet.quantize.fixed.statement import Affine, Ref
from dsplet.quantize.float.kernel import InterpolateReal


class TableSelector:
    """Instructions for statements that read at addresses from the data."""

    def __init__(self, selection: Selection, scalar: ScalarSelector) -> None:
        self.using, self.scalar = selection, scalar

    def is_place(self, s) -> bool:
        """Whether a statement reads the place of a table's entry."""
        return isinstance(s, Set) and isinstance(s.source, Ref) and (
            self.using.layout.kind(s.source.buffer) in PLACES)

    def walk(self, statements: tuple, code: Code) -> int:
        """Look up one stored place, or two in step: the latency of one is the other's work. Returns
        how many statements that covers."""
        using = self.using
        two = [type(s) for s in statements] == 2 * [Set, Lookup, Store] and (
            self.is_place(statements[3]))
        walks = (statements[:3], statements[3:]) if two else (statements[:2],)
        names = [using.index(i) for i in range(len(walks))]
        code += [load(name, using.at(s.source))
                 for name, (s, *_) in zip(names, walks, strict=True)]
        code += [mask(name, -2) for name, (_, lookup, *_) in zip(names, walks, strict=True)
                 if using.layout.kind(lookup.table) is not Kind.BYTE]
        code += [self._add_base(name, lookup.table)
                 for name, (s, lookup, *_) in zip(names, walks, strict=True)
                 if using.layout.kind(s.source.buffer) is Kind.OFFSET]
        for name, (_, lookup, *store) in zip(names, walks, strict=True):
            read = "ic" if using.layout.kind(lookup.table) is Kind.BYTE else "float"
            code.append(apply(read, using.result(lookup.d), Memory(name)))
            for s in store:
                self.scalar.store(s.ref, s.d, code)
        return sum(map(len, walks))

    def between(self, s: Between | Line, code: Code) -> None:
        """The segment's number times 4 and the table's address, made in floating point, stored as
        an integer and loaded as a pointer; its last two bits do not count."""
        using = self.using
        a = using.result(s.d)
        scale = 4.0 * 2.0**-s.step_log2
        whole = s.first % (1 << s.step_log2) == 0
        base = s.table if whole else ""  # whose place a mantissa has room for
        start = using.constant(-0.5 - s.first * scale, base)
        code.append(add(TEMP, start, a, using.constant(scale)))
        name = self._to_pointer(code)
        code.append(mask(name, -4))
        if not whole:
            code.append(self._add_base(name, s.table))
        stride = using.stride(4 * s.segments)
        if isinstance(s, Line):  # X steps the pointer before Y reads (dsp32c.md 5.2, L)
            code.append(add(a, Memory(name), a, Memory(name, "++", stride)))
            return
        code += [subtract(a, a, Memory(name, "++", stride)),
                 multiply(a, a, Memory(name, "++", stride)), add(a, a, Memory(name))]

    def lookup(self, s: Lookup, code: Code) -> None:
        using = self.using
        code.append(multiply(TEMP, using.acc(s.d), using.constant(4.0)))
        name = self._to_index(s.table, code)
        code.append(move(using.result(s.d), Memory(name)))

    def interpolate(self, s: InterpolateReal, code: Code) -> None:
        """The whole part of an accumulator addresses a pair, its fraction weighs the slope."""
        using = self.using
        a = using.acc(s.d)
        self.scalar.scale(Scale(s.d, s.offset, s.scale, wide=False), code)
        self.scalar.round(Round(s.d, 1, False, 0, s.last, s.last), code)
        self.scalar.floor(a, 1, code, TEMP)
        code += [subtract(a, a, TEMP), multiply(TEMP, TEMP, using.constant(8.0))]
        name = self._to_index(s.table, code)
        code += [move(TEMP, Memory(name, "++")), add(a, TEMP, a, Memory(name))]

    def fetch(self, s: Fetch, code: Code) -> None:
        """One element."""
        name = self._to_element(s, s.ref, code)
        code.append(self._read(s, Memory(name)))

    def fetch_loop(self, s: Fetch, loop: Loop, store: Store, code: Code) -> None:
        """A loop of elements: the pointer is made once and moves on as it reads."""
        using = self.using
        first = Ref(s.ref.buffer, s.ref.index.substitute(loop.var, 0))
        name = self._to_element(s, first, code)
        size = using.layout.kind(s.ref.buffer).bytes
        step = size * s.ref.index.coefficient(loop.var)
        increment = using.stride(step) if step not in (0, size) else ""
        body: Code = [self._read(s, Memory(name, "++" if step else "", increment))]
        self.scalar.store(store.ref, store.d, body)
        code.append(Turns(loop.var, loop.extent, body))

    def _to_element(self, s: Fetch, ref: Ref, code: Code) -> str:
        """A pointer to the element `s.offset` places after ref."""
        using = self.using
        where: Access = replace(using.at(ref), address=True)
        a = using.acc(s.offset)
        code.append(multiply(TEMP, a, using.constant(float(where.size))))
        name = self._to_pointer(code)
        code.append(advance(name, where))
        return name

    def _read(self, s: Fetch, operand: Memory) -> Ins:
        d: Acc = self.using.result(s.d)
        unpack = self.using.layout.kind(s.ref.buffer).unpack
        return apply(unpack, d, operand) if unpack else move(d, operand)

    def _to_index(self, table: str, code: Code) -> str:
        """A byte offset in TEMP becomes a pointer to a table's entry."""
        name = self._to_pointer(code)
        code.append(self._add_base(name, table))
        return name

    def _to_pointer(self, code: Code) -> str:
        """The integer in TEMP becomes a pointer, by way of memory."""
        name, scratch = self.using.index(), Ref(SCRATCH, Affine())
        code += [apply("int24", TEMP, TEMP).storing(self.using.at(scratch, True)),
                 load(name, self.using.at(scratch))]
        return name

    def _add_base(self, name: str, table: str) -> Ins:
        return advance(name, self.using.base(table))
