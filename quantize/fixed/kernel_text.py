"""Kernels as text, and back: what a person reads after every pass, and what tests are written in.

    program lenet5
    input in_x "x" (1, 28, 28) UQ0.8
    output out_y "y" 10 Q8.7
    buffer in_x[784] input [0, 255]
    buffer k01_conv_weight[25] const [-127, 127] = 1 2 3 ...
    value "x" at in_x[0] by (784, 28, 1)
    kernel k01_conv "c1/Conv" Conv macs=117600 {
      for i0 < 576 {
        acc = k01_conv_bias[0]
        ...
      }
    }
    repeat t0 < 28 "lstm" {
      kernel ...
      kernel k03_pool "p1" MaxPool during [2, 15] {
        ...
      }
    }

A value line says where a value of the graph lives: element [i, j, ..] lies i, j, .. times the
strides behind the place that is named. Lines `reals NAME = ...` hold what constants are in float
arithmetic (`program NAME reals`); `resume` stands before the kernel with which a step begins.
Statements are written as `quantize.fixed.kernel` has them, others as their class and fields:
`Mark(kernel=k02)`. A `#` begins a comment. Nothing is left out but what was proved of the graph:
`kernel_reader.from_text` gives an equal program.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from string import Formatter

from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Repeat
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Role, Statement

COLUMNS = 100
SHORT = 8
"""So many numbers of a constant are shown where the others are left out."""


def to_text(what: Program | Kernel | Statement, shorten: bool = False) -> str:
    """The text of a program, a kernel or a statement; it ends in a newline.

    shorten: long constants are cut, for people; such a text cannot be read back.
    """
    lines = (_program(what, shorten) if isinstance(what, Program) else
             _kernel(what) if isinstance(what, Kernel) else _statement(what, ""))
    return "".join(f"{line}\n" for line in lines)


def _program(p: Program, shorten: bool) -> Iterator[str]:
    yield f"program {p.name}{'' if p.reals is None else ' reals'}"
    for role, border in (("input", p.inputs), ("output", p.outputs)):
        for v, buffer in border:
            yield f"{role} {buffer} {json.dumps(v.name)} {_show(v.shape)} {v.format}"
    for b in p.buffers.values():
        yield from _buffer(b, shorten)
    for name, numbers in (p.reals or {}).items():
        yield from _numbers(f"reals {name} =", [repr(float(r)) for r in numbers], shorten)
    for name, s in p.storage.items():
        offset = Affine(s.offset) if isinstance(s.offset, int) else s.offset
        yield (f"value {json.dumps(name)} at {_show(Ref(s.buffer, offset))} "
               f"by {_show(s.strides)}")
    yield from _kernels(p, p.walk(), "")


def _buffer(b: Buffer, shorten: bool) -> Iterator[str]:
    head = f"buffer {b.name}[{b.size}] {b.role} [{b.low}, {b.high}]"
    if b.data is None:
        yield head
    else:
        yield from _numbers(f"{head} =", [str(q) for q in b.data.tolist()], shorten)


def _numbers(head: str, numbers: list[str], shorten: bool) -> Iterator[str]:
    """The numbers after the head, on as many lines as they need."""
    line = head
    for word in [*numbers[:SHORT], "..."] if shorten and len(numbers) > SHORT else numbers:
        if len(line) + 1 + len(word) > COLUMNS:
            yield line
            line = "   "
        line += f" {word}"
    yield line


def _kernels(p: Program, items: Iterable[int | Repeat], indent: str, depth: int = 0
             ) -> Iterator[str]:
    for item in items:
        if isinstance(item, int):
            if item == p.resume:
                yield f"{indent}resume"
            yield from (indent + line for line in _kernel(p.kernels[item]))
        else:
            yield f"{indent}repeat {item.var} < {item.extent} {json.dumps(item.node)} {{"
            inside = p.walk(item.first, item.last, depth + 1)
            yield from _kernels(p, inside, indent + "  ", depth + 1)
            yield f"{indent}}}"


def _kernel(k: Kernel) -> Iterator[str]:
    macs = f" macs={k.macs}" if k.macs else ""
    during = f" during [{k.during[0]}, {k.during[1]}]" if k.during else ""
    op = k.op if k.op.isidentifier() and k.op.isascii() else json.dumps(k.op)
    yield f"kernel {k.name} {json.dumps(k.node)} {op}{macs}{during} {{"
    for s in k.body:
        yield from _statement(s, "  ")
    yield "}"


def _statement(s: Statement, indent: str) -> Iterator[str]:
    if not isinstance(s, Loop):
        yield indent + spelled(s)
        return
    yield f"{indent}for {s.var} < {s.extent} {{"
    for inner in s.body:
        yield from _statement(inner, indent + "  ")
    yield f"{indent}}}"


# --- statements ------------------------------------------------------------------------------

def spellings(kind: type[Statement]) -> dict[str, dict[str, object]]:
    """How a kind of statement may be written; see `Statement.spellings`."""
    plain = ", ".join(f"{f.name}={{{f.name}}}" for f in kind.parts)
    return kind.spellings or {f"{kind.__name__}({plain})": {}}


def pieces(spelling: str) -> Iterator[tuple[str, str | None]]:
    """The pieces of a spelling: (literal text, the field after it or None)."""
    return ((text, field) for text, field, *_ in Formatter().parse(spelling))


def spelled(s: Statement) -> str:
    """A statement that is no loop, on one line."""
    spelling = next(text for text, without in spellings(type(s)).items()
                    if all(getattr(s, name) == value for name, value in without.items()))
    shown = {f.name: _show(getattr(s, f.name), f.role) for f in s.parts}
    return "".join(text + (shown[field] if field else "") for text, field in
                   pieces(spelling)).replace("- -", "+ ")


def _show(value: object, role: Role | None = None) -> str:
    match value:
        case Ref(buffer, index):
            return f"{buffer}[{_affine(index)}]"
        case Affine():
            return _affine(value)
        case bool() | None:
            return str(value).lower()
        case (low, high) if role is Role.SPAN:
            return f"[{low}, {high}]"
        case (one,):
            return str(one)
        case tuple():
            return f"({', '.join(map(str, value))})"
        case float():
            return repr(float(value))
    return str(value)


def _affine(a: Affine) -> str:
    terms = [f" {'-' if c < 0 else '+'} {f'{abs(c)}*' if abs(c) > 1 else ''}{var}"
             for var, c in a.terms]
    if a.const or not terms:
        terms.append(f" {'-' if a.const < 0 else '+'} {abs(a.const)}")
    text = "".join(terms)
    return text[3:] if text.startswith(" + ") else f"-{text[3:]}"
