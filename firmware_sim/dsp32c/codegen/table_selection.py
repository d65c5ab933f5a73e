"""How the DSP32C looks up and interpolates: an integer becomes a pointer by way of memory.

Only a CAU load sets an address register from data (dsp32c.md 5.4), and its latency is filled by a
second look-up in step with the first.
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import SCRATCH, WIDTH, Ins, Turns
from dsplet.firmware_sim.dsp32c.codegen.scale import Between, Round, Scale
from dsplet.quantize.fixed.kernel import Affine, Fetch, Lookup, Loop, Ref, Set, Store
from dsplet.quantize.float.kernel import InterpolateReal

FLOOR_MAGIC = 1.5 * 2.0**31
"""Added and taken away again, it leaves a floor: see `dsp32c_spell`."""
PLACES = ("offset", "place")
UNPACK = {"long": "float24", "half": "float", "byte": "ic", "ieee": "dsp"}
"""How a stored integer, or an IEEE number, becomes a float word (dsp32c.md 5.3)."""
TEMP = 3
"""a3 belongs to the selector; a0..a2 hold the kernel's registers."""


class TableSelector:
    """The part of `dsp32c_spell.InstructionSelector` that reads tables."""

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
            code[-1] = code[-1].storing(self._at(ref, True))
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

    def _fetch(self, s: Fetch, loop: Loop | None, store: Store | None, code: list) -> None:
        """One element, or a loop of them: the pointer is made once and moves on as it reads."""
        kind, a = self.kind(s.ref.buffer), self._a(s.offset)
        size = WIDTH.get(kind, 4)
        first = s.ref.index.substitute(loop.var, 0) if loop else s.ref.index
        self._da(code, TEMP, f"a{a} * {{0}}", (self._constant(float(size)),), (a,))
        self._to_pointer(code)
        where = replace(self._at(Ref(s.ref.buffer, first)), address=True)
        code.append(Ins("{index0}e = {index0}e + {0}", (where,), uses=("index0",),
                        sets=("index0",)))
        step = size * s.ref.index.coefficient(loop.var) if loop else 0
        move, stride = ("", ()) if not step else ("++", ())
        if step not in (0, size):
            self.strides.add(f"stride {step}")
            move, stride = f"++{{stride {step}}}", (f"stride {step}",)
        body = code if loop is None else []
        text, unpack = f"*{{index0}}{move}", UNPACK.get(kind)
        d = self._a(s.d)
        self.units[s.d] = 1
        self.indices = max(self.indices, 1)
        body.append(Ins(f"a{d} = {unpack}({text})" if unpack else f"a{d} = {text}", (), "other", d,
                        uses=("index0", *stride), sets=("index0",)))
        if loop:
            self._store(store.ref, store.d, body)
            code.append(Turns(loop.var, loop.extent, body))

    def _to_index(self, table: str, code: list) -> None:
        """A byte offset in TEMP becomes the address of a table's entry."""
        self._to_pointer(code)
        code.append(self._add_base(0, table))

    def _to_pointer(self, code: list) -> None:
        """The integer in TEMP becomes an address register, by way of memory."""
        scratch = Ref(SCRATCH, Affine())
        self._da(code, TEMP, f"int24(a{TEMP})")
        code[-1] = code[-1].storing(self._at(scratch, True))
        code.append(Ins("{index0}e = {0}", (self._at(scratch),), sets=("index0",), load=True))

    def _add_base(self, i: int, table: str) -> Ins:
        self.tables.add(table)
        return Ins(f"{{index{i}}}e = {{index{i}}}e + {{base {table}}}e",
                   uses=(f"index{i}", f"base {table}"), sets=(f"index{i}",))

    def _read(self, d: str, operand: str, i: int, code: list) -> None:
        a = self._a(d)
        self.units[d] = 1
        self.indices = max(self.indices, i + 1)
        code.append(Ins(f"a{a} = {operand.format(i)}", (), "other", a, uses=(f"index{i}",)))
