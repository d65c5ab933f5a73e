"""How the DSP32C spells each kernel statement.

Integers travel as float words: every sum below 2**32 is exact (dsp32c.md 3.3). Rounding is a floor,
and a floor is two additions: adding 1.5 * 2**31 pushes the fraction out of the accumulator's 31
fraction bits, and the adder truncates toward minus infinity (S, K65: the `adder_truncates`
assumption). Recipes: dsp32c.md section 9.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import takewhile

from dsplet.firmware_sim.compile.fuse import Mark
from dsplet.firmware_sim.dsp32c.codegen.code import (
    WIDTH,
    Access,
    Constants,
    Ins,
    NeedsRegisters,
    Turns,
)
from dsplet.firmware_sim.dsp32c.codegen.scale import (
    AddScaled,
    Base,
    Between,
    Round,
    Scale,
    SetScaled,
    Word,
)
from dsplet.firmware_sim.dsp32c.codegen.table_selection import (
    FLOOR_MAGIC,
    PLACES,
    TEMP,
    UNPACK,
    TableSelector,
)
from dsplet.quantize.fixed.kernel import (
    Add,
    Divide,
    Fetch,
    Lookup,
    Loop,
    Mac,
    Max,
    Mul,
    Ref,
    Set,
    Store,
)
from dsplet.quantize.float.kernel import InterpolateReal

SPLIT_MAGIC = 1.5 * 2.0**39
"""Floors to a multiple of 256: of an integer below 2**31, what has at most 24 bits."""
BORDER = {"long": "int24", "ieee": "ieee"}
"""How a float word leaves; `UNPACK` is how it came."""


class InstructionSelector(TableSelector):
    """Turns the statements of one kernel into instructions.

    kind(buffer): "word" float words, "long" int24 words at the border, "half" and "byte" packed,
    "offset" and "place" bytes from a table's entry for 0 and from address 0 (`scale.Entry`).
    inside(buffer): whether it lies on chip. place(table): the address of its entry for 0.
    """

    def __init__(self, kind: Callable[[str], str], inside: Callable[[str], bool],
                 place: Callable[[str], int], constants: Constants) -> None:
        self.kind, self.inside, self.place, self.constants = kind, inside, place, constants
        self.accumulators: dict[str, int] = {}
        self.tables: set[str] = set()
        self.strides: set[str] = set()
        """Registers "stride N" that hold N bytes, by which pointers into tables move."""
        self.indices = 0
        self.units: dict[str, int] = {}

    def kernel(self, statements: tuple) -> list:
        """The code of a whole kernel: instructions and loops (`Turns`) of them."""
        self._uses = Counter(_registers(statements))
        return self.body(statements)

    def body(self, statements: tuple) -> list:
        code: list = []
        mentions = Counter(_registers(statements))
        ahead = {d: n for d, n in mentions.items() if n == self._uses[d]}  # known only in here
        i = 0
        while i < len(statements):
            covered = statements[i:i + self._statement(statements, i, code)]
            i += len(covered)
            for d in _registers(covered):
                if d in ahead:
                    ahead[d] -= 1
                    if not ahead[d]:
                        self.accumulators.pop(d, None)
        return code

    # --- operands -------------------------------------------------------------------------------
    def _a(self, d: str) -> int:
        if d not in self.accumulators:
            free = set(range(TEMP)) - set(self.accumulators.values())
            if not free:
                raise NeedsRegisters("a kernel may keep three registers alive")
            self.accumulators[d] = min(free)
        return self.accumulators[d]

    def _at(self, ref: Ref, write: bool = False) -> Access:
        return Access(ref.buffer, ref.index, WIDTH.get(self.kind(ref.buffer), 4), write)

    def _constant(self, value: float) -> Access:
        return self.constants.access(value)

    def _source(self, source) -> tuple[str, tuple[Access, ...], tuple[int, ...]]:
        """(text, accesses, accumulators) of a source that the multiplier or adder reads."""
        if isinstance(source, str):
            return f"a{self._a(source)}", (), (self._a(source),)
        if isinstance(source, Ref):
            return "{0}", (self._at(source),), ()
        return "{0}", (self._constant(float(source)),), ()

    # --- statements -----------------------------------------------------------------------------
    def _statement(self, statements: tuple, i: int, code: list) -> int:
        """Append the instructions of statements[i]; returns how many statements they cover."""
        s = statements[i]
        match s:
            case Mark(kernel):
                code.append(Ins(f"{kernel}:", role="label"))
            case Loop(_, _, (Mac() as mac,)) if self.kind(mac.w.buffer) in UNPACK:
                self._packed(s, mac, code)
            case Loop(_, _, (Fetch(d) as fetch, Store(_, stored) as store)) if d == stored:
                self._fetch(fetch, s, store, code)
            case Loop(var, extent, body):
                code += self._hoist(Turns(var, extent, self.body(body)))
            case Set(_, Ref() as r) if self.kind(r.buffer) in PLACES:
                return self._walk(statements[i:i + 6], code)
            case Set() if [type(t) for t in statements[i:i + 8]] == 2 * [Set, Between, Round,
                                                                         Store]:
                self._between_two(statements[i:i + 8], code)
                return 8
            case Between():
                self._between([s], code)
            case SetScaled(d, source, factor):
                self._da(code, d, "{0} * {1}", (self._at(source), self._constant(factor)))
            case Set(d, source):
                self._set(d, source, code)
            case Word(d, value):
                self._da(code, d, "{0}", (self._constant(value),))
            case Base(d, table):
                place = self._constant(float(self.place(table)))
                self._da(code, d, f"a{self._a(d)} + {{0}}", (place,))
            case Mac(d, x, w):
                self._mac(d, x, w, code)
            case Add():
                self._add(s, code)
            case AddScaled(d, source, factor):
                a = self._a(d)
                if abs(factor) == 1.0:
                    self._da(code, d, f"a{a} {'+' if factor > 0 else '-'} {{0}}",
                             (self._at(source),))
                else:
                    self._da(code, d, f"a{a} + {{0}} * {{1}}",
                             (self._at(source), self._constant(factor)))
            case Mul(d, source):
                text, accesses, read = self._source(source)
                self._da(code, d, f"a{self._a(d)} * {text}", accesses, (self._a(d), *read))
            case Max(d, source):
                text, accesses, read = self._source(source)
                self._da(code, TEMP, f"a{self._a(d)} - {text}", accesses, read)
                self._da(code, d, f"ifalt({text})", accesses)
            case Scale():
                self._scale(s, code)
            case Round():
                self._round(s, code)
            case Lookup(d, table):
                self._lookup(d, table, code)
            case Fetch():
                self._fetch(s, None, None, code)
            case InterpolateReal():
                self._interpolate(s, code)
            case Divide():
                self._divide(s, code)
            case Store(ref, d):
                self._store(ref, d, code)
            case _:
                raise TypeError(f"{type(s).__name__} is not a statement")
        return 1

    def _da(self, code: list, d: str | int, text: str, accesses: tuple = (),
            multiplies: tuple = (), role: str = "other", early: bool = False) -> None:
        a = d if isinstance(d, int) else self._a(d)
        if isinstance(d, str):
            self.units[d] = 1
        if len(accesses) == 2 and accesses[0].stream == accesses[1].stream:
            accesses = (accesses[0], replace(accesses[1], lane=1))
        code.append(Ins(f"a{a} = {text}", tuple(accesses), role, a, multiplies, early=early))

    def _set(self, d: str, source, code: list) -> None:
        function = UNPACK.get(self.kind(source.buffer)) if isinstance(source, Ref) else None
        if function:
            self._da(code, d, f"{function}({{0}})", (self._at(source),))
        else:
            text, accesses, _ = self._source(source)
            self._da(code, d, text, accesses)

    def _mac(self, d: str, x: Ref, w: Ref, code: list) -> None:
        """The X slot follows the instruction fetch at once and external memory is slow to recover:
        the operand that lies outside goes to X, which is written second (dsp32c.md 4.4)."""
        a = self._a(d)
        y_ref, x_ref = (x, w) if self.inside(x.buffer) else (w, x)
        self._da(code, d, f"a{a} + {{0}} * {{1}}", (self._at(y_ref), self._at(x_ref)), role="mac")

    def _hoist(self, loop: Turns) -> list:
        """What does not depend on the turn is made once, before the loop: the start value to which
        a turn's first multiply-accumulate adds."""
        if all(isinstance(i, Ins) for i in loop.body):
            loop = self._keep_start(loop)
        kept = {a for d, a in self.accumulators.items() if d.startswith("start of ")}
        outside = list(takewhile(lambda i: isinstance(i, Ins) and i.accumulator in kept
                                 and not any(a.index.coefficient(loop.var) for a in i.accesses),
                                 loop.body))
        return [*outside, Turns(loop.var, loop.extent, loop.body[len(outside):])]

    def _keep_start(self, loop: Turns) -> Turns:
        """Give the start value of a multiply-accumulate its own accumulator, if one is left."""
        start = list(takewhile(lambda i: i.role != "mac", loop.body))
        rest = loop.body[len(start):]
        if not start or not rest:
            return loop
        a = start[0].accumulator
        used = {i.accumulator for i in loop.body} | {m for i in loop.body for m in i.multiplies}
        free = set(range(TEMP)) - used - set(self.accumulators.values())
        if not free or start[0].text != f"a{a} = {{0}}" or rest[0].accumulator != a or any(
                i.accumulator != a or i.multiplies or any(
                    x.write or x.index.coefficient(loop.var) for x in i.accesses) for i in start):
            return loop
        self.accumulators[f"start of {len(self.accumulators)}"] = b = min(free)
        first = replace(rest[0], text=rest[0].text.replace(f"a{a} + ", f"a{b} + "))
        return Turns(loop.var, loop.extent, [
            *(replace(i, text=i.text.replace(f"a{a}", f"a{b}"), accumulator=b) for i in start),
            first, *rest[1:]])

    def _packed(self, loop: Loop, mac: Mac, code: list) -> None:
        """Unpack a weight one turn ahead: the multiplier reads the a3 of three slots ago."""
        a, unpack = self._a(mac.d), f"{UNPACK[self.kind(mac.w.buffer)]}({{0}})"
        first = Ref(mac.w.buffer, mac.w.index.substitute(loop.var, 0))
        following = Ref(mac.w.buffer, mac.w.index + mac.w.index.coefficient(loop.var))
        self._da(code, TEMP, unpack, (self._at(first),))
        code.append(Ins("nop", role="nop"))
        body: list = []
        self._da(body, TEMP, unpack, (self._at(following),))
        self._da(body, mac.d, f"a{a} + a{TEMP} * {{0}}", (self._at(mac.x),), (TEMP,), "mac", True)
        code.append(Turns(loop.var, loop.extent, body))

    def _add(self, s: Add, code: list) -> None:
        a, sign = self._a(s.d), "-" if s.negate else "+"
        text, accesses, read = self._source(s.source)
        if s.shift:
            self._da(code, s.d, f"a{a} {sign} {text} * {{{len(accesses)}}}",
                     (*accesses, self._constant(2.0**s.shift)), read)
        else:
            self._da(code, s.d, f"a{a} {sign} {text}", accesses, read)

    def _scale(self, s: Scale, code: list) -> None:
        a = self._a(s.d)
        factor = self._at(s.factor) if isinstance(s.factor, Ref) else self._constant(s.factor)
        if s.wide:  # d = 256 * high + low; both parts fit the multiplier's 24 bits
            magic = self._constant(SPLIT_MAGIC)
            self._da(code, TEMP, f"a{a} + {{0}}", (magic,))
            self._da(code, TEMP, f"a{TEMP} - {{0}}", (magic,))
            self._da(code, s.d, f"a{a} - a{TEMP}", (), (TEMP,))
        if s.half:
            half = self._constant(s.half)
            self._da(code, s.d, f"{{0}} + a{a} * {{1}}", (half, factor), (a,))
        else:
            self._da(code, s.d, f"a{a} * {{0}}", (factor,), (a,))
        if s.wide:
            self._da(code, s.d, f"a{a} + a{TEMP} * {{0}}", (factor,), (TEMP,))

    def _floor(self, d: str | int, unit: int, code: list) -> None:
        a = d if isinstance(d, int) else self._a(d)
        magic = self._constant(FLOOR_MAGIC * unit)
        self._da(code, d, f"a{a} + {{0}}", (magic,))
        self._da(code, d, f"a{a} - {{0}}", (magic,))

    def _round(self, s: Round, code: list) -> None:
        a = self._a(s.d)
        if s.floor:
            self._floor(s.d, s.unit, code)
        if s.low is not None:
            low = self._constant(float(s.low * s.unit))
            last = next((c for c in reversed(code) if isinstance(c, Ins | Turns)), None)
            if s.low or not (isinstance(last, Ins) and last.accumulator == a
                             and not last.text.startswith(f"a{a} = if")):  # which sets no flags
                self._da(code, TEMP, f"a{a} - {{0}}", (low,))
            self._da(code, s.d, "ifalt({0})", (low,))
        if s.high is not None:
            high = self._constant(float(s.high * s.unit))
            self._da(code, TEMP, f"a{a} - {{0}}", (high,))
            self._da(code, s.d, "ifagt({0})", (high,))
        self.units[s.d] = s.unit

    def _divide(self, s: Divide, code: list) -> None:
        """Newton's reciprocal from `seed`, a quotient within 1 of the true one, two corrections.

        seed errs by at most 1/8 (dsp32c.md 9.6); three steps square that to below 2**-22, so the
        quotient, below 2**16, is off by less than one.
        """
        a, y, q, t = self._a(s.d), self._a("reciprocal"), self._a("quotient"), TEMP
        text, n, _ = self._source(s.by)
        half, two, one = (self._constant(c) for c in (0.5, 2.0, 1.0))
        self._da(code, y, "seed({0})", n)
        for _ in range(3):
            self._da(code, q, f"{{0}} - a{y} * {{1}}", (two, *n), (y,))
            self._da(code, y, f"a{y} * a{q}", (), (y, q))
        self._da(code, q, f"{{0}} + a{a} * a{y}", (half,), (a, y))
        self._floor(q, 1, code)
        # remainder + n/2, which lies in [0, n) for the right quotient
        self._da(code, y, f"a{a} - a{q} * {{0}}", n, (q,))
        self._da(code, y, f"a{y} + {{0}} * {{1}}", (*n, half))
        self._da(code, t, f"a{q} - {{0}}", (one,))
        self._da(code, y, f"a{y}")
        self._da(code, q, f"ifalt(a{t})")
        self._da(code, t, f"a{q} + {{0}}", (one,))
        self._da(code, y, f"-a{y} + {{0}}", n)
        self._da(code, y, f"a{y} - {{0}}", (self._constant(0.25),))
        self._da(code, q, f"ifalt(a{t})")
        self._da(code, s.d, f"a{q}")
        del self.accumulators["reciprocal"], self.accumulators["quotient"]

    def _store(self, ref: Ref, d: str, code: list) -> None:
        kind, a, access = self.kind(ref.buffer), self._a(d), self._at(ref, True)
        if kind == "offset" and self.units.get(d, 1) == 1:
            self._da(code, TEMP, f"a{a} * {{0}}", (self._constant(2.0),), (a,))
            a = TEMP
        if kind in (*BORDER, *PLACES):
            self._da(code, TEMP, f"{BORDER.get(kind, 'int24')}(a{a})")
        elif not (code and isinstance(code[-1], Ins) and code[-1].accumulator == a
                  and "int24" not in code[-1].text and not any(c.write for c in code[-1].accesses)):
            self._da(code, TEMP, f"a{a}")
        code[-1] = code[-1].storing(access)


def _registers(statements: tuple) -> Iterator[str]:
    """Every mention of a kernel register."""
    for s in statements:
        if isinstance(s, Loop):
            yield from _registers(s.body)
        elif not isinstance(s, Mark):
            yield s.d
            yield from (r for r in (getattr(s, name, None) for name in ("source", "by", "offset"))
                        if isinstance(r, str))
