"""How the DSP32C spells each kernel statement.

Integers travel as float words: every sum below 2**32 is exact (dossier 3.3). Rounding is a floor,
and a floor is two additions: adding 1.5 * 2**31 pushes the fraction out of the accumulator's 31
fraction bits, and the adder truncates toward minus infinity (S, K65: the `adder_truncates`
assumption). Recipes: dossier section 9.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import takewhile

from firmware_sim.codegen.code import (
    SCRATCH,
    WIDTH,
    Access,
    Constants,
    Ins,
    NeedsRegisters,
    Turns,
)
from firmware_sim.codegen.fuse import Mark
from firmware_sim.codegen.scale import AddScaled, Base, Between, Round, Scale, SetScaled, Word
from quantize.fixed.kernel import (
    Add,
    Affine,
    Divide,
    Lookup,
    Loop,
    Mac,
    Max,
    Mul,
    Ref,
    Set,
    Store,
)
from quantize.fixed.real import InterpolateReal

FLOOR_MAGIC = 1.5 * 2.0**31
SPLIT_MAGIC = 1.5 * 2.0**39
"""Floors to a multiple of 256: of an integer below 2**31, what has at most 24 bits."""
PLACES = ("offset", "place")
UNPACK = {"long": "float24", "half": "float", "byte": "ic", "ieee": "dsp"}
"""How a stored integer, or an IEEE number, becomes a float word (dossier 5.3)."""
BORDER = {"long": "int24", "ieee": "ieee"}
"""And how a float word leaves."""
TEMP = 3
"""a3 belongs to the speller; a0..a2 hold the kernel's registers."""


class Speller:
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
        the operand that lies outside goes to X, which is written second (dossier 4.4)."""
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

    def _walk(self, statements: tuple, code: list) -> int:
        """Look up one stored place, or two in step: the latency of one is the other's work."""
        two = [type(s) for s in statements] == 2 * [Set, Lookup, Store] and isinstance(
            statements[3].source, Ref) and self.kind(statements[3].source.buffer) in PLACES
        walks = (statements[:3], statements[3:]) if two else (statements[:2],)
        for i, (s, *_) in enumerate(walks):
            code.append(Ins(f"{{index{i}}}e = {{0}}", (self._at(s.source),), sets=(f"index{i}",),
                            load=True))
        for i in range(len(walks)):
            code.append(Ins(f"{{index{i}}}e = {{index{i}}}e & -2", uses=(f"index{i}",),
                            sets=(f"index{i}",)))
        for i, (s, lookup, *_) in enumerate(walks):
            if self.kind(s.source.buffer) == "offset":
                code.append(self._add_base(i, lookup.table))
        for i, (_, lookup, *store) in enumerate(walks):
            self._read(lookup.d, "float(*{{index{}}})", i, code)
            for s in store:
                self._store(s.ref, s.d, code)
        return sum(map(len, walks))

    def _between_two(self, statements: tuple, code: list) -> None:
        """Two in step: the latency of one is the other's work."""
        rename = {statements[4].d: f"other {statements[4].d}"}
        first, second = statements[:4], tuple(replace(s, d=rename[s.d]) for s in statements[4:])
        for pair in zip(first, second, strict=True):
            match pair:
                case (Between(), Between()):
                    self._between(list(pair), code)
                case (Store(), Store()):
                    pass
                case (Round(), Round()):
                    for s, store in zip(pair, (first[3], second[3]), strict=True):
                        self._statement((s,), 0, code)
                        self._statement((store,), 0, code)
                case _:
                    for s in pair:
                        self._statement((s,), 0, code)
        self.accumulators.pop(second[0].d)

    def _between(self, walks: list[Between], code: list) -> None:
        """The segment's number times 4 and the table's address, made in floating point, stored as
        an integer and loaded as a pointer; its last two bits do not count."""
        slots = [self._a(s.d) for s in walks]
        temps = [TEMP] if len(walks) == 1 else [self._a("address"), TEMP]
        whole = walks[0].first % (1 << walks[0].step_log2) == 0
        for s, a, t in zip(walks, slots, temps, strict=True):
            scale = 4.0 * 2.0**-s.step_log2
            base = self.place(s.table) if whole else 0  # which a mantissa has room for
            start = self._constant(base - 0.5 - s.first * scale)
            self._da(code, t, f"{{0}} + a{a} * {{1}}", (start, self._constant(scale)), (a,))
        scratch = [Ref(SCRATCH, Affine(i)) for i in range(len(walks))]
        for ref, t in zip(scratch, temps, strict=True):
            self._da(code, t, f"int24(a{t})")
            code[-1] = _with_store(code[-1], self._at(ref, True))
        names = [f"index{i}" for i in range(len(walks))]
        self.indices = max(self.indices, len(walks))
        for ref, name in zip(scratch, names, strict=True):
            code.append(Ins(f"{{{name}}}e = {{0}}", (self._at(ref),), sets=(name,), load=True))
        for name in names:
            code.append(Ins(f"{{{name}}}e = {{{name}}}e & -4", uses=(name,), sets=(name,)))
        if not whole:
            code += [self._add_base(i, s.table) for i, s in enumerate(walks)]
        stride = f"stride {4 * walks[0].segments}"
        self.strides.add(stride)
        for sign, then in (("-", f"++{{{stride}}}"), ("*", f"++{{{stride}}}"), ("+", "")):
            for a, name in zip(slots, names, strict=True):
                code.append(Ins(f"a{a} = a{a} {sign} *{{{name}}}{then}", (), "other", a,
                                (a,) if sign == "*" else (), uses=(name, stride), sets=(name,)))
        for s in walks:
            self.units[s.d] = 1
        if len(walks) == 2:
            self.accumulators.pop("address")

    def _lookup(self, d: str, table: str, code: list) -> None:
        a = self._a(d)
        self._da(code, TEMP, f"a{a} * {{0}}", (self._constant(4.0),), (a,))
        self._to_index(table, code)
        self._read(d, "*{{index{}}}", 0, code)

    def _interpolate(self, s: InterpolateReal, code: list) -> None:
        """The whole part of an accumulator addresses a pair, its fraction weighs the slope."""
        a = self._a(s.d)
        self._scale(Scale(s.d, s.offset, s.scale, wide=False), code)
        self._round(Round(s.d, 1, False, 0, s.last, s.last), code)
        magic = self._constant(FLOOR_MAGIC)
        self._da(code, TEMP, f"a{a} + {{0}}", (magic,))
        self._da(code, TEMP, f"a{TEMP} - {{0}}", (magic,))
        self._da(code, s.d, f"a{a} - a{TEMP}", (), (TEMP,))
        self._da(code, TEMP, f"a{TEMP} * {{0}}", (self._constant(8.0),), (TEMP,))
        self._to_index(s.table, code)
        self.indices = max(self.indices, 1)
        for text, read in ((f"a{TEMP} = *{{index0}}++", ()),
                           (f"a{a} = a{TEMP} + a{a} * *{{index0}}", (a,))):
            code.append(Ins(text, (), "other", a if read else TEMP, read, uses=("index0",),
                            sets=("index0",)))

    def _to_index(self, table: str, code: list) -> None:
        """A byte offset in TEMP becomes the address of a table's entry, by way of memory."""
        scratch = Ref(SCRATCH, Affine())
        self._da(code, TEMP, f"int24(a{TEMP})")
        code[-1] = _with_store(code[-1], self._at(scratch, True))
        code.append(Ins("{index0}e = {0}", (self._at(scratch),), sets=("index0",), load=True))
        code.append(self._add_base(0, table))

    def _add_base(self, i: int, table: str) -> Ins:
        self.tables.add(table)
        return Ins(f"{{index{i}}}e = {{index{i}}}e + {{base {table}}}e",
                   uses=(f"index{i}", f"base {table}"), sets=(f"index{i}",))

    def _read(self, d: str, operand: str, i: int, code: list) -> None:
        a = self._a(d)
        self.units[d] = 1
        self.indices = max(self.indices, i + 1)
        code.append(Ins(f"a{a} = {operand.format(i)}", (), "other", a, uses=(f"index{i}",)))

    def _divide(self, s: Divide, code: list) -> None:
        """Newton's reciprocal from `seed`, a quotient within 1 of the true one, two corrections.

        seed errs by at most 1/8 (dossier 9.6); three steps square that to below 2**-22, so the
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
        code[-1] = _with_store(code[-1], access)


def _registers(statements: tuple) -> Iterator[str]:
    """Every mention of a kernel register."""
    for s in statements:
        if isinstance(s, Loop):
            yield from _registers(s.body)
        elif not isinstance(s, Mark):
            yield s.d
            yield from (r for r in (getattr(s, "source", None), getattr(s, "by", None))
                        if isinstance(r, str))


def _with_store(ins: Ins, access: Access) -> Ins:
    """The same instruction with its result stored (Z)."""
    return Ins(f"{{{len(ins.accesses)}}} = {ins.text}", (*ins.accesses, access), ins.role,
               ins.accumulator, ins.multiplies, ins.uses, ins.sets, ins.load, ins.early)
