"""Prints one kernel as a C function. Registers are int32_t locals.

Only the statements of `quantize.fixed.kernel` are known here, never an op.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np

from dsplet.base.errors import UserError
from dsplet.quantize.fixed.arithmetic import requantize
from dsplet.quantize.fixed.kernel import (
    Add,
    Buffer,
    Divide,
    Fetch,
    Interpolate,
    Kernel,
    Lookup,
    Loop,
    Mac,
    Max,
    Mul,
    Requantize,
    Set,
    Store,
)
from dsplet.quantize.fixed.statement import Affine, Ref, Source, Statement

COLUMNS = 100
DOTS = {("uint8", "int8"): 4, ("int8", "int8"): 4, ("int16", "int16"): 2}
"""Types of two factors -> how many of them one helper of the prelude multiplies and adds."""
SHORT = 4
"""Turns of a loop of products that compilers may write out."""


class Unprintable(UserError):
    """What C cannot spell."""


class KernelPrinter:
    """One kernel as a C function without result.

    times: the variables of the loops over time around it; those it uses become parameters, as do
    the buffers in `shared` and at the program's border.
    """

    def __init__(self, buffers: dict[str, Buffer], kernel: Kernel, times: list[str],
                 shared: Collection[str]) -> None:
        self.kernel = kernel
        named = {var for s in kernel.body for r in s.refs() for var, _ in r.index.terms}
        self.times = [t for t in times if t in named]
        self.shift_tables: list[Buffer] = []
        self._used = {b for s in kernel.body for b in s.buffers()}
        self.memory = [b for b in buffers.values()
                       if b.name in self._used
                       and (b.name in shared or b.role in ("input", "output"))]
        self._written = {s.ref.buffer for whole in kernel.body for s in whole.flat()
                         if isinstance(s, Store)}
        self._buffers = buffers
        self._lines = self._body(kernel.body, "    ")

    def function(self) -> str:
        k = self.kernel
        work = f", {k.macs} MACs" if k.macs else ""
        registers = sorted({r for s in k.body for r in s.registers()},
                           key=lambda r: (r.rstrip("0123456789"), len(r), r))
        parameters = ", ".join([*(parameter(b, b.name in self._written) for b in self.memory),
                                *(f"int32_t {t}" for t in self.times)]) or "void"
        return "\n".join([*folded(f"/* {comment(k.op)} '{comment(k.node)}'{work} */"),
                          *folded(f"KERNEL void {k.name}({parameters})"), "{",
                          *folded(f"    int32_t {', '.join(registers)};"), *self._lines, "}", ""])

    @property
    def constants(self) -> set[str]:
        """The constant buffers that it reads, those included that it made."""
        return {*self._used, *(b.name for b in self.shift_tables)}

    def call(self, spelling: dict[str, str]) -> str:
        """spelling: how C names a buffer where the call stands."""
        names = [*(spelling.get(b.name, b.name) for b in self.memory), *self.times]
        return f"{self.kernel.name}({', '.join(names)});"

    # --- statements --------------------------------------------------------------------------

    def _body(self, body: tuple[Statement, ...], indent: str) -> list[str]:
        around = zip((None, *body), body, (*body[1:], None), strict=False)
        return [line for before, s, after in around for line in self._statement(
            s, indent, any(map(_multiplies, (before, after))))]

    def _statement(self, s: Statement, indent: str, straight: bool = False) -> list[str]:
        """straight: whether products stand before or after the statement."""
        match s:
            case Loop(var, 1, body):
                return [line for inner in body for line in self._turn(inner, var, 0, indent)]
            case Loop(var, extent, body):
                if step := self._dot(body, var, extent):
                    name = "pair" if straight and step == extent == 2 else f"dot{step}"
                    return self._dots([t for t in body if isinstance(t, Mac)], var, extent, step,
                                      name, indent)
                return [f"{indent}for (int32_t {var} = 0; {var} < {extent}; {var}++) {{",
                        *self._body(body, indent + "    "), f"{indent}}}"]
        return [line for text in self._simple(s) for line in folded(indent + text)]

    def _turn(self, s: Statement, var: str, turn: int, indent: str) -> list[str]:
        """The statement in one turn of the loop around it."""
        return self._statement(s.map_affine(lambda a: a.substitute(var, turn)), indent)

    def _dot(self, body: Iterable[Statement], var: str, extent: int) -> int:
        """How many turns of a loop one helper does; 0 where the loop is no dot product."""
        steps = set()
        for s in body:
            if not isinstance(s, Mac) or any(r.index.coefficient(var) != 1 for r in (s.x, s.w)):
                return 0
            steps.add(DOTS.get(self._types(s), DOTS.get(self._types(s)[::-1], 0)))
        step = steps.pop()
        return step if not steps and step <= extent else 0

    def _types(self, mac: Mac) -> tuple[str, str]:
        return str(self._buffers[mac.x.buffer].dtype), str(self._buffers[mac.w.buffer].dtype)

    def _dots(self, macs: list[Mac], var: str, extent: int, step: int, name: str, indent: str
              ) -> list[str]:
        """A loop around products in steps, each by the helper of that name; what is left over
        follows it, one by one."""
        whole = extent // step * step
        at = Affine() if whole == step else Affine(0, ((var, 1),))
        inside = indent if whole == step else indent + "    "
        lines: list[str] = []
        for mac in macs:
            x, w = (Ref(r.buffer, r.index.substitute(var, at)) for r in (mac.x, mac.w))
            types = self._types(mac)
            if types not in DOTS or self._buffers[x.buffer].role == "const" and (
                    types[::-1] in DOTS):
                types, x, w = types[::-1], w, x
            lines += folded(f"{inside}{mac.d} = {name}_{types[0]}_{types[1]}({mac.d}, "
                            f"&{self._ref(x)}, &{self._ref(w)});")
        if whole > step:
            lines = [*([f"{indent}ROLLED"] if whole > SHORT * step else []),
                     f"{indent}for (int32_t {var} = 0; {var} < {whole}; {var} += {step}) {{",
                     *lines, f"{indent}}}"]
        return lines + [line for turn in range(whole, extent) for mac in macs
                        for line in self._turn(mac, var, turn, indent)]

    def _simple(self, s: Statement) -> Iterator[str]:
        match s:
            case Set(d, source):
                yield f"{d} = {self._source(source)};"
            case Add(d, source, shift, negate):
                scaled = f" * {1 << shift}" if shift else ""
                yield f"{d} {'-' if negate else '+'}= {self._int32(source)}{scaled};"
            case Mac(d, x, w):
                yield f"{d} += {self._int32(x)} * {self._source(w)};"
            case Mul(d, source):
                yield f"{d} *= {self._source(source)};"
            case Max(d, source):
                yield f"{d} = larger({d}, {self._source(source)});"
            case Requantize():
                yield from self._requantize(s)
            case Lookup(d, table, first):
                yield f"{d} = {self._ref(Ref(table, Affine(-first, ((d, 1),))))};"
            case Interpolate(d, table, slopes, first, step):
                if first:
                    yield f"{d} {'-' if first >= 0 else '+'}= {abs(first)};"
                segment = f"(uint32_t){d} >> {step}"
                yield f"{d} = interpolate({table}[{segment}], {slopes}[{segment}], {d}, {step});"
            case Fetch(d, ref, offset):
                yield f"{d} = {self._ref(Ref(ref.buffer, ref.index + Affine(0, ((offset, 1),))))};"
            case Divide(d, by):
                yield f"{d} = divide_half_up({d}, {self._source(by)});"
            case Store(ref, d):
                dtype = self._buffers[ref.buffer].dtype
                yield f"{self._ref(ref)} = {d if dtype == np.int32 else f'({dtype}_t){d}'};"
            case _:
                raise TypeError(f"C has no spelling for the statement {type(s).__name__}")

    def _requantize(self, s: Requantize) -> Iterator[str]:
        """What the shifts' signs and the proved bound leave to do. What is shifted left by 31 bits
        is beyond every limit or 0, and would be if shifted further."""
        s = replace(s, shifts=tuple(max(t, -31) for t in s.shifts))
        d, ends = s.d, [e << max(-t, 0) for e in s.bound for t in s.shifts]
        if max(s.shifts) > 31:
            raise Unprintable(f"'{self.kernel.node}' shifts by {s.shifts}; int32_t has at most 31")
        shift = self._shift(s.shifts, s.index)
        if min(s.shifts) >= 0 and max(s.shifts) <= 30:
            if max(s.shifts):
                yield f"{d} = rounded({d}, {shift});"
        elif max(s.shifts) <= 0 and len(set(s.shifts)) == 1 and -(1 << 31) < min(ends) and max(
                ends) < 1 << 31:
            yield f"{d} *= {1 << -s.shifts[0]};"
        else:
            yield f"{d} = requantize({d}, {shift}, {s.low}, {s.high});"
            return
        low, high = (f(int(requantize(e, t, -(1 << 62), 1 << 62)) for t in set(s.shifts))
                     for f, e in zip((min, max), s.bound, strict=True))
        if low < s.low and high > s.high:
            yield f"{d} = limited({d}, {s.low}, {s.high});"
        elif low < s.low:
            yield f"{d} = larger({d}, {s.low});"
        elif high > s.high:
            yield f"{d} = smaller({d}, {s.high});"

    def _shift(self, shifts: tuple[int, ...], index: Affine) -> str:
        if len(set(shifts)) == 1:
            return str(shifts[0])
        table = next((b for b in self.shift_tables
                      if b.data is not None and b.data.tolist() == list(shifts)), None)
        if table is None:
            name = f"{self.kernel.name}_shift{len(self.shift_tables) or ''}"
            table = Buffer(name, len(shifts), min(shifts), max(shifts), "const", np.array(shifts))
            self.shift_tables.append(table)
        return self._ref(Ref(table.name, index))

    def _ref(self, ref: Ref) -> str:
        return f"{ref.buffer}[{affine(ref.index)}]"

    def _source(self, source: Source) -> str:
        return self._ref(source) if isinstance(source, Ref) else str(source)

    def _int32(self, source: Source) -> str:
        """An operand as wide as what it goes into, whatever the width of int."""
        return f"(int32_t){self._ref(source)}" if isinstance(source, Ref) else self._source(source)


def _multiplies(s: Statement | None) -> bool:
    """Whether the statement is a product, or a loop of two turns of nothing else."""
    return isinstance(s, Mac) or isinstance(s, Loop) and s.extent == 2 and all(
        isinstance(t, Mac) for t in s.body)


def affine(a: Affine) -> str:
    """An index as C spells it, such as 6 * i0 + i1 - 1."""
    terms = [f" {'-' if c < 0 else '+'} {f'{abs(c)} * ' if abs(c) > 1 else ''}{var}"
             for var, c in a.terms]
    if a.const or not terms:
        terms.append(f" {'-' if a.const < 0 else '+'} {abs(a.const)}")
    text = "".join(terms)
    return text[3:] if text.startswith(" + ") else f"-{text[3:]}"


def folded(line: str) -> list[str]:
    """The line, or where it is too long lines of at most `COLUMNS`, broken at spaces."""
    lines, more = [], " " * (len(line) - len(line.lstrip()) + 8)
    while len(line) > COLUMNS and (cut := line.rfind(" ", len(more), COLUMNS + 1)) > 0:
        lines.append(line[:cut])
        line = more + line[cut + 1:]
    return [*lines, line]


def parameter(b: Buffer, is_written: bool) -> str:
    """A buffer as a parameter of a function."""
    return f"{'' if is_written else 'const '}{b.dtype}_t *{b.name}"


def comment(text: object) -> str:
    """Text that cannot end or nest the comment around it."""
    return " ".join(str(text).split()).replace("*/", "* /").replace("/*", "/ *")
