"""Prints a fixed-point program as one C99 source file and its header.

Only the statements of `quantize.fixed.kernel` are known here, never an op.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from dsplet.base.errors import UserError
from dsplet.quantize.fixed.arithmetic import CONTRACT
from dsplet.quantize.fixed.graph import Value
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
    Repeat,
    Requantize,
    Set,
    Store,
)
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Source, Statement

PRELUDE = Path(__file__).with_name("prelude.c")
COLUMNS = 100
CLAIM = "No rights are claimed in this text by the authors of dsplet, the helpers in it included."


class Unprintable(UserError):
    """What C cannot spell."""


def print_c(program: Program, name: str | None = None,
            metadata: Iterable[tuple[str, str]] = ()) -> tuple[str, str]:
    """(text of NAME.h, text of NAME.c); the same program gives the same text.

    name: the prefix of every public name, an identifier of C; the program's own name by default.
    metadata: pairs of strings for the comment that opens the header.
    Raises Unprintable for a name that C cannot spell and for a shift that int32_t cannot do.
    """
    name = program.name if name is None else name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise Unprintable(f"'{name}' cannot name C functions; expected letters, digits and _, "
                          f"a letter first")
    kernels = [_Printer(program.buffers, k, [r.var for r in program.around(i)])
               for i, k in enumerate(program.kernels)]
    constants = {b.name: b for b in program.buffers.values() if b.role == "const"}
    constants |= {b.name: b for k in kernels for b in k.shift_tables}
    scratch = [b for b in program.buffers.values() if b.role == "activation"]
    code = [
        *(_array(b, "static const ") for b in constants.values()),
        *(_array(b, "static ") for b in scratch),
        *(k.function() for k in kernels),
        _run(program, name, kernels),
    ]
    source = "\n".join(_helpers(code) + code)
    sizes = _bytes(constants.values()), _bytes(scratch)
    return (_header(program, name, sizes, metadata),
            f"/* {name}.c: the definitions behind {name}.h, printed by dsplet. */\n"
            f'/* {CLAIM} */\n#include "{name}.h"\n\n{source}')


# --- statements ------------------------------------------------------------------------------

class _Printer:
    """One kernel as a C function without result. Registers are int32_t locals.

    times: the variables of the loops over time around it; those it uses become parameters.
    """

    def __init__(self, buffers: dict[str, Buffer], kernel: Kernel, times: list[str]) -> None:
        self.kernel = kernel
        named = {var for s in kernel.body for r in s.refs() for var, _ in r.index.terms}
        self.times = [t for t in times if t in named]
        self.shift_tables: list[Buffer] = []
        used = {r.buffer for s in kernel.body for r in s.refs()}
        self.borders = [b for b in buffers.values()
                        if b.name in used and b.role in ("input", "output")]
        self._buffers = buffers
        self._lines = [line for s in kernel.body for line in self._statement(s, "    ")]

    def function(self) -> str:
        k = self.kernel
        work = f", {k.macs} MACs" if k.macs else ""
        registers = sorted({r for s in k.body for r in s.registers()})
        parameters = ", ".join([*(_parameter(b) for b in self.borders),
                                *(f"int32_t {t}" for t in self.times)]) or "void"
        return "\n".join([f"/* {_comment(k.op)} '{_comment(k.node)}'{work} */",
                          f"static void {k.name}({parameters})", "{",
                          f"    int32_t {', '.join(registers)};", *self._lines, "}", ""])

    def call(self) -> str:
        return f"{self.kernel.name}({', '.join([*(b.name for b in self.borders), *self.times])});"

    def _statement(self, s: Statement, indent: str) -> list[str]:
        match s:
            case Loop(var, 1, body):
                turn = (inner.map_affine(lambda a: a.substitute(var, 0)) for inner in body)
                return [line for inner in turn for line in self._statement(inner, indent)]
            case Loop(var, extent, body):
                lines = [line for inner in body for line in self._statement(inner, indent + "    ")]
                return [f"{indent}for (int32_t {var} = 0; {var} < {extent}; {var}++) {{", *lines,
                        f"{indent}}}"]
        return [indent + self._simple(s)]

    def _simple(self, s: Statement) -> str:
        match s:
            case Set(d, source):
                return f"{d} = {_source(source)};"
            case Add(d, source, shift, negate):
                scaled = _source(source) if not shift else f"{_int32(source)} * {1 << shift}"
                return f"{d} {'-' if negate else '+'}= {scaled};"
            case Mac(d, x, w):
                return f"{d} += {_int32(x)} * {_source(w)};"
            case Mul(d, source):
                return f"{d} *= {_source(source)};"
            case Max(d, source):
                return f"{d} = larger({d}, {_source(source)});"
            case Requantize(d, shifts, index, low, high):
                return f"{d} = requantize({d}, {self._shift(shifts, index)}, {low}, {high});"
            case Lookup(d, table, first):
                return f"{d} = {_source(Ref(table, Affine(-first, ((d, 1),))))};"
            case Interpolate(d, table, slopes, first, step):
                move = f"{d} {'-' if first >= 0 else '+'}= {abs(first)}; " if first else ""
                return (f"{move}{d} = interpolate({table}[{d} >> {step}], {slopes}[{d} >> {step}], "
                        f"{d}, {step});")
            case Fetch(d, ref, offset):
                place = ref.index + Affine(0, ((offset, 1),))
                return f"{d} = {_source(Ref(ref.buffer, place))};"
            case Divide(d, by):
                return f"{d} = divide_half_up({d}, {_source(by)});"
            case Store(ref, d):
                dtype = self._buffers[ref.buffer].dtype
                return f"{_source(ref)} = {d if dtype == np.int32 else f'({dtype}_t){d}'};"
        raise TypeError(f"C has no spelling for the statement {type(s).__name__}")

    def _shift(self, shifts: tuple[int, ...], index: Affine) -> str:
        if not all(-31 <= s <= 31 for s in shifts):
            raise Unprintable(f"'{self.kernel.node}' shifts by {shifts}; int32_t has -31 to 31")
        if len(set(shifts)) == 1:
            return str(shifts[0])
        name = f"{self.kernel.name}_shift{len(self.shift_tables) or ''}"
        self.shift_tables.append(
            Buffer(name, len(shifts), min(shifts), max(shifts), "const", np.array(shifts)))
        return _source(Ref(name, index))


def _source(source: Source) -> str:
    return f"{source.buffer}[{_affine(source.index)}]" if isinstance(source, Ref) else str(source)


def _int32(source: Source) -> str:
    """A factor of a product, as wide as the product whatever the width of int."""
    return f"(int32_t){_source(source)}" if isinstance(source, Ref) else _source(source)


def _affine(a: Affine) -> str:
    terms = [f" {'-' if c < 0 else '+'} {f'{abs(c)} * ' if abs(c) > 1 else ''}{var}"
             for var, c in a.terms]
    if a.const or not terms:
        terms.append(f" {'-' if a.const < 0 else '+'} {abs(a.const)}")
    text = "".join(terms)
    return text[3:] if text.startswith(" + ") else f"-{text[3:]}"


# --- the parts of the two files --------------------------------------------------------------

def _helpers(code: list[str]) -> list[str]:
    """The blocks of the prelude that the code calls, each with what it needs itself."""
    note, *blocks = PRELUDE.read_text().split("\n\n")
    kept: list[str] = []
    for block in reversed(blocks):
        found = re.search(r"(\w+\()\w+ \w+", block.partition("*/")[2])
        if found and any(found[1] in text for text in (*code, *kept)):
            kept.insert(0, block.rstrip("\n") + "\n")
    return [note + "\n", *kept] if kept else []


def _array(b: Buffer, storage: str) -> str:
    head = f"{storage}{b.dtype}_t {b.name}[{b.size}]"
    if b.data is None or (b.role != "const" and not b.data.any()):
        return f"{head};\n"
    lines, line = [f"{head} = {{"], "   "
    for q in b.data.tolist():
        word = f" {q},"
        if len(line) + len(word) > COLUMNS:
            lines.append(line)
            line = "   "
        line += word
    return "\n".join([*lines, line, "};", ""])


def _parameter(b: Buffer) -> str:
    return f"{'const ' if b.role == 'input' else ''}{b.dtype}_t *{b.name}"


def _prototype(program: Program, name: str) -> str:
    borders = [program.buffers[b] for _, b in (*program.inputs, *program.outputs)]
    return f"void {name}_run({', '.join(_parameter(b) for b in borders)})"


def _run(program: Program, name: str, kernels: list[_Printer]) -> str:
    def block(items: Iterable[int | Repeat], depth: int) -> Iterator[str]:
        indent = "    " * (depth + 1)
        for item in items:
            if isinstance(item, int):
                yield indent + kernels[item].call()
                continue
            t = item.var
            yield f"{indent}for (int32_t {t} = 0; {t} < {item.extent}; {t}++) {{"
            yield from block(program.walk(item.first, item.last, depth + 1), depth + 1)
            yield f"{indent}}}"

    return "\n".join([_prototype(program, name), "{", *block(program.walk(), 0), "}", ""])


def _header(program: Program, name: str, sizes: tuple[int, int],
            metadata: Iterable[tuple[str, str]]) -> str:
    constants, ram = sizes
    facts = [("contract", CONTRACT), ("work", f"{program.macs} multiply-accumulates"),
             ("memory", f"{constants} bytes of constants, {ram} bytes of static RAM"), *metadata]
    macro = name.upper()
    lines = [f"/* {name}: a neural network in fixed point, printed by dsplet.", " *",
             *(f" * {_comment(key)}: {_comment(text)}" for key, text in facts),
             f" * {CLAIM}", " */",
             f"#ifndef {macro}_H", f"#define {macro}_H", "", "#include <stdint.h>", "",
             "#ifdef __cplusplus", 'extern "C" {', "#endif", ""]
    for role, values in (("INPUT", program.inputs), ("OUTPUT", program.outputs)):
        for i, (v, buffer) in enumerate(values):
            lines += _border(f"{macro}_{role}{i if len(values) > 1 else ''}", v, buffer)
    return "\n".join([
        *lines,
        "/* One sample in, one out, row by row. It works in static memory: one call at a time. */",
        f"{_prototype(program, name)};", "",
        "#ifdef __cplusplus", "}", "#endif", "", "#endif", ""])


def _border(macro: str, v: Value, buffer: str) -> list[str]:
    shape, fmt = "x".join(map(str, v.shape)) or "scalar", v.format
    frac = f"({fmt.frac})" if fmt.frac < 0 else str(fmt.frac)
    return [f"/* {buffer}: {_comment(v.name)}, {shape}, {fmt}: "
            f"integers from {fmt.min} to {fmt.max}, real value = integer * 2^{-fmt.frac}. */",
            f"#define {macro}_SIZE {v.size}", f"#define {macro}_FRAC {frac}", ""]


def _comment(text: object) -> str:
    """Text that cannot end or nest the comment around it."""
    return " ".join(str(text).split()).replace("*/", "* /").replace("/*", "/ *")


def _bytes(buffers: Iterable[Buffer]) -> int:
    return sum(b.size * b.dtype.itemsize for b in buffers)
