"""How the DSP32C computes one number: each statement as floating-point instructions.

Integers travel as float words: every sum below 2**32 is exact (dsp32c.md 3.3). Rounding is a floor,
and a floor is two additions: adding 1.5 * 2**31 pushes the fraction out of the accumulator's 31
fraction bits, and the adder truncates toward minus infinity (S, K70: the `adder_truncates`
assumption). Where nothing is to rest on that, what rounds is `round`, once a number beside which
its fraction still fits the accumulator has brought the integers to the end of 24 bits, or `int24`,
by way of memory. Recipes: dsp32c.md section 9.
"""

from __future__ import annotations

from dsplet.firmware_sim.dsp32c.codegen.code import PLACES, Acc, Access, Code, Ins, Kind
from dsplet.firmware_sim.dsp32c.codegen.excess import Excess
from dsplet.firmware_sim.dsp32c.codegen.instructions import (
    MOVE,
    add,
    apply,
    move,
    multiply,
    sets_flags,
    subtract,
)
from dsplet.firmware_sim.dsp32c.codegen.saturate import Saturate
from dsplet.firmware_sim.dsp32c.codegen.scale import (
    AddScaled,
    Base,
    Round,
    Scale,
    SetScaled,
    Word,
)
from dsplet.firmware_sim.dsp32c.codegen.selection import TEMP, Selection
from dsplet.firmware_sim.dsp32c.parts.target import GUARD_BITS
from dsplet.quantize.fixed.kernel import Add, Divide, Mac, Max, Mul, Set, Store
from dsplet.quantize.fixed.statement import Ref, Source

FLOOR_MAGIC = 1.5 * 2.0**31
"""Added and taken away again, it leaves a floor."""
SPLIT_UNIT = 256
"""Floored to a multiple of it, an integer below 2**31 has at most 24 bits; so it has rounded."""
ROUND_MAGIC = 1.5 * 2.0**23
"""Beside it an integer below `ROUND_MAGNITUDE` ends where a word's 24 bits do."""
ROUND_MAGNITUDE = 1 << 22
BORDER = {Kind.LONG: "int24", Kind.IEEE: "ieee", Kind.HALF: "int"}
"""How a float word is stored where words are something else; `Kind.unpack` is how it is read."""


class ScalarSelector:
    """Instructions for statements that neither loop nor look anything up."""

    def __init__(self, selection: Selection) -> None:
        self.using = selection

    def statement(self, s, code: Code) -> None:
        """Append the instructions of a statement."""
        using = self.using
        match s:
            case SetScaled(d, source, factor):
                x = self.operand(source, code)
                code.append(multiply(using.result(d), x, using.constant(factor)))
            case Set(d, source):
                self._set(d, source, code)
            case Word(d, value):
                code.append(move(using.result(d), using.constant(value)))
            case Base(d, table):
                self._plus(using.result(d), [using.constant(0.0, table)], "+", code)
            case Mac(d, x, w):
                self._mac(d, x, w, code)
            case Add():
                self._add(s, code)
            case AddScaled():
                self._add_scaled(s, code)
            case Mul(d, source):
                other = self.operand(source, code)
                code.append(multiply(using.result(d), using.acc(d), other))
            case Max(d, source):
                other = using.source(source)
                code.append(subtract(TEMP, using.acc(d), other))
                code.append(apply("ifalt", using.result(d), other))
            case Scale():
                self.scale(s, code)
            case Round():
                self.round(s, code)
            case Saturate(d, bits, excess):
                a, magic = using.result(d), using.constant(excess or FLOOR_MAGIC)
                code.append(add(a, magic, a, using.constant(2.0**(bits - 128))))
                code += [subtract(a, a, magic)] * (not excess)
            case Excess(d, excess):
                code.append(add(using.result(d), using.acc(d), using.constant(excess)))
            case Divide():
                self._divide(s, code)
            case Store(ref, d):
                self.store(ref, d, code)
            case _:
                raise TypeError(f"{type(s).__name__} is not a statement")

    def operand(self, source: Source, code: Code) -> Acc | Access:
        """What the multiplier or the adder reads; of integers, once they are converted."""
        using = self.using
        if isinstance(source, Ref) and (unpack := using.layout.kind(source.buffer).unpack):
            code.append(apply(unpack, TEMP, using.at(source)))
            return TEMP
        return using.source(source)

    def _set(self, d: str, source: Source, code: Code) -> None:
        using = self.using
        unpack = using.layout.kind(source.buffer).unpack if isinstance(source, Ref) else None
        value = using.source(source)
        code.append(apply(unpack, using.result(d), value) if unpack else
                    move(using.result(d), value))

    def _mac(self, d: str, x: Ref, w: Ref, code: Code) -> None:
        """The X slot follows the instruction fetch at once and external memory is slow to recover:
        the operand that lies outside goes to X, which is written second (dsp32c.md 4.4)."""
        using = self.using
        first, second = (w, x) if using.layout.region(x.buffer) is None else (x, w)
        code.append(add(using.result(d), using.acc(d), using.at(first), using.at(second), mac=True))

    def _add(self, s: Add, code: Code) -> None:
        using, sign = self.using, "-" if s.negate else "+"
        factors = [self.operand(s.source, code)]
        if s.shift:
            factors.append(using.constant(2.0**s.shift))
        self._plus(using.result(s.d), factors, sign, code)

    def _plus(self, a: Acc, factors: list[Acc | Access], sign: str, code: Code) -> None:
        """a = a + factors; where a has just been read from memory, both are read at once."""
        addend: Acc | Access = a
        match factors, code[-1:]:
            case [Access()], [Ins(row, {"Y": Access() as read} as operands)] if (
                    row is MOVE and operands == {"A": a, "Y": read}):
                code.pop()
                addend = read
        code.append(add(a, addend, *factors, sign=sign))

    def _add_scaled(self, s: AddScaled, code: Code) -> None:
        using = self.using
        a, factors = using.result(s.d), [self.operand(s.source, code)]
        if abs(s.factor) == 1.0:
            self._plus(a, factors, "+" if s.factor > 0 else "-", code)
        else:
            code.append(add(a, a, *factors, using.constant(s.factor)))

    def scale(self, s: Scale, code: Code) -> None:
        using = self.using
        a = using.result(s.d)
        factor = (self.operand(s.factor, code) if isinstance(s.factor, Ref)
                  else using.constant(s.factor))
        if s.wide:  # d = 256 * high + low; both parts fit the multiplier's 24 bits
            self.floor(a, SPLIT_UNIT, code, TEMP)
            code.append(subtract(a, a, TEMP))
        if s.half:
            code.append(add(a, using.constant(s.half), a, factor))
        else:
            code.append(multiply(a, a, factor))
        if s.wide:
            code.append(add(a, a, TEMP, factor))

    def floor(self, a: Acc, unit: int, code: Code, to: Acc | None = None) -> None:
        """To a multiple of `unit`. to: where the result goes, if not where the number was."""
        magic, to = self.using.constant(FLOOR_MAGIC * unit), to or a
        code += [add(to, a, magic), subtract(to, to, magic)]

    def nearest(self, a: Acc, s: Round, code: Code) -> None:
        """To integers, ties upward, and without an addition that loses bits. What int24 cannot hold
        it saturates, which leaves the clamp to narrower formats what it was."""
        if s.nearest <= GUARD_BITS and s.magnitude < ROUND_MAGNITUDE:
            magic = self.using.constant(ROUND_MAGIC)
            code += [add(a, a, magic), apply("round", a, a), subtract(a, a, magic)]
            return
        code += [apply("int24", TEMP, a).storing(self.using.scratch(True)),
                 apply("float24", a, self.using.scratch())]

    def round(self, s: Round, code: Code) -> None:
        using = self.using
        a = using.result(s.d)
        if s.floor:
            self.floor(a, s.unit, code)
        elif s.nearest:
            self.nearest(a, s, code)
        if s.low is not None:
            low = using.constant(float(s.low * s.unit))
            last = code[-1] if code else None
            if s.low or not (isinstance(last, Ins) and last.accumulator == a and sets_flags(last)):
                code.append(subtract(TEMP, a, low))
            code.append(apply("ifalt", a, low))
        if s.high is not None:
            high = using.constant(float(s.high * s.unit))
            code += [subtract(TEMP, a, high), apply("ifagt", a, high)]
        using.set_unit(s.d, s.unit)

    def _divide(self, s: Divide, code: Code) -> None:
        """Newton's reciprocal from `seed`, a quotient within 1 of the true one, two corrections.

        seed errs by at most 1/8 (dsp32c.md 9.6); three steps square that to below 2**-22, so the
        quotient, below 2**16, is off by less than one.
        """
        using = self.using
        a, y, q, t = using.result(s.d), using.acc("reciprocal"), using.acc("quotient"), TEMP
        n = using.source(s.by)
        half, two, one = (using.constant(c) for c in (0.5, 2.0, 1.0))
        code.append(apply("seed", y, n))
        for _ in range(3):
            code += [subtract(q, two, y, n), multiply(y, y, q)]
        code.append(add(q, half, a, y))
        self.floor(q, 1, code)
        # remainder + n/2, which lies in [0, n) for the right quotient
        code += [subtract(y, a, q, n), add(y, y, n, half),
                 subtract(t, q, one), move(y, y), apply("ifalt", q, t),
                 add(t, q, one), add(y, y, n, minus=True),
                 subtract(y, y, using.constant(0.25)), apply("ifalt", q, t), move(a, q)]
        del using.accumulators["reciprocal"], using.accumulators["quotient"]

    def store(self, ref: Ref, d: str, code: Code) -> None:
        """The instruction that made the register also stores it, where it can."""
        using = self.using
        kind, a, access = using.layout.kind(ref.buffer), using.acc(d), using.at(ref, True)
        if kind is Kind.OFFSET and using.unit(d) == 1:
            code.append(multiply(TEMP, a, using.constant(2.0)))
            a = TEMP
        last = code[-1] if code else None
        if kind in (*BORDER, *PLACES):
            last = apply(BORDER.get(kind, "int24"), TEMP, a)
        elif isinstance(last, Ins) and last.accumulator == a and not any(
                c.write for _, c in last.accesses):
            code.pop()
        else:
            last = move(TEMP, a)
        code.append(last.storing(access))
