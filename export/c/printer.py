"""Prints a fixed-point program as one C99 source file and its header.

Only the statements of `quantize.fixed.kernel` are known here, never an op.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dsplet.export.c.arena import Arena, arena
from dsplet.export.c.statements import (
    COLUMNS,
    KernelPrinter,
    Unprintable,
    comment,
    folded,
    parameter,
)
from dsplet.quantize.fixed.arithmetic import CONTRACT
from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.kernel import Buffer, Repeat
from dsplet.quantize.fixed.program import Program

PRELUDE = Path(__file__).with_name("prelude.c")
PAIRS = Path(__file__).with_name("pairs.c")
CLAIM = "No rights are claimed in this text by the authors of dsplet, the helpers in it included."
MACROS = """\
/* Small enough to be part of its caller, whatever the compiler is told to save. */
#if defined(__GNUC__)
#define INLINE __attribute__((always_inline)) static inline
#else
#define INLINE static inline
#endif

/* A function of its own: its loops then have the registers to themselves. Nothing is inferred
 * across its border, either: gcc 12 took functions that only write to memory of this file for
 * functions without effect, and left out their calls. */
#if defined(__GNUC__) && defined(__has_attribute)
#if __has_attribute(noipa)
#define KERNEL __attribute__((noipa)) static
#else
#define KERNEL __attribute__((noinline)) static
#endif
#else
#define KERNEL static
#endif
"""


def print_c(program: Program, name: str | None = None,
            metadata: Iterable[tuple[str, str]] = ()) -> tuple[str, str]:
    """(text of NAME.h, text of NAME.c); the same program gives the same text.

    name: the prefix of every public name, an identifier of C; the program's own name by default.
    metadata: pairs of strings for the comment that opens the header.
    Raises Unprintable for a name that C cannot spell and for a shift to the right that int32_t
    cannot do.
    """
    name = program.name if name is None else name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise Unprintable(f"'{name}' cannot name C functions; expected letters, digits and _, "
                          f"a letter first")
    shared = arena(program)
    kernels = [KernelPrinter(program.buffers, k, [r.var for r in program.around(i)], shared.at)
               for i, k in enumerate(program.kernels)]
    constants = {b.name: b for b in program.buffers.values() if b.role == "const"}
    constants |= {b.name: b for k in kernels for b in k.shift_tables}
    scratch = [b for b in program.buffers.values()
               if b.role == "activation" and b.name not in shared.at]
    code = [
        *(_array(b, "static const ") for b in constants.values()),
        *(_array(b, "static ") for b in scratch),
        *_union(program, shared),
        *(k.function() for k in kernels),
        _run(program, name, kernels, shared),
    ]
    source = "\n".join([MACROS, *_helpers(code), *code])
    sizes = _bytes(constants.values()), _bytes(scratch) + shared.size
    return (_header(program, name, sizes, metadata),
            f"/* {name}.c: the definitions behind {name}.h, printed by dsplet. */\n"
            f'/* {CLAIM} */\n#include "{name}.h"\n\n{source}')


# --- the parts of the two files --------------------------------------------------------------

def _helpers(code: list[str]) -> list[str]:
    """The blocks of the prelude that the code calls, each with what it needs itself."""
    note, *blocks = PRELUDE.read_text().split("\n\n")
    kept: list[str] = []
    for block in reversed(blocks):
        found = re.search(r"(\w+\()\w+ \w+", block.partition("*/")[2])
        if found and any(found[1] in text for text in (*code, *kept)):
            kept.insert(0, block.rstrip("\n") + "\n")
    notes = [note + "\n"] if kept else []
    return [*notes, *([PAIRS.read_text()] if any("PAIRS" in text for text in kept) else []), *kept]


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


def _union(program: Program, shared: Arena) -> list[str]:
    """The memory of the activations: buffers that are never alive together overlap."""
    if not shared.at:
        return []
    lines = []
    for name, at in shared.at.items():
        b = program.buffers[name]
        before = f"uint8_t before[{at}]; " if at else ""
        lines.append(f"    struct {{ {before}{b.dtype}_t q[{b.size}]; }} {name};")
    return ["\n".join(["/* What is never alive at one time lies in one place. */", "static union {",
                       *lines, "} ram;", ""])]


def _prototype(program: Program, name: str) -> str:
    borders = [program.buffers[b] for _, b in (*program.inputs, *program.outputs)]
    parameters = ", ".join(parameter(b, b.role == "output") for b in borders)
    return f"void {name}_run({parameters})"


def _run(program: Program, name: str, kernels: list[KernelPrinter], shared: Arena) -> str:
    spelling = {b: f"ram.{b}.q" for b in shared.at}

    def block(items: Iterable[int | Repeat], depth: int) -> Iterator[str]:
        indent = "    " * (depth + 1)
        for item in items:
            if isinstance(item, int):
                yield from folded(indent + kernels[item].call(spelling))
                continue
            t = item.var
            yield f"{indent}for (int32_t {t} = 0; {t} < {item.extent}; {t}++) {{"
            yield from block(program.walk(item.first, item.last, depth + 1), depth + 1)
            yield f"{indent}}}"

    used = {b.name for k in kernels for b in k.memory}
    unused = [f"    (void){b};" for _, b in (*program.inputs, *program.outputs) if b not in used]
    return "\n".join([*folded(_prototype(program, name)), "{", *unused,
                      *block(program.walk(), 0), "}", ""])


def _header(program: Program, name: str, sizes: tuple[int, int],
            metadata: Iterable[tuple[str, str]]) -> str:
    constants, ram = sizes
    facts = [("contract", CONTRACT), ("work", f"{program.macs} multiply-accumulates"),
             ("memory", f"{constants} bytes of constants, {ram} bytes of static RAM"), *metadata]
    macro = name.upper()
    lines = [f"/* {name}: a neural network in fixed point, printed by dsplet.", " *",
             *(f" * {comment(key)}: {comment(text)}" for key, text in facts),
             f" * {CLAIM}", " */",
             f"#ifndef {macro}_H", f"#define {macro}_H", "", "#include <stdint.h>", "",
             "#ifdef __cplusplus", 'extern "C" {', "#endif", ""]
    for role, values in (("INPUT", program.inputs), ("OUTPUT", program.outputs)):
        for i, (v, buffer) in enumerate(values):
            lines += _border(f"{macro}_{role}{i if len(values) > 1 else ''}", v, buffer)
    return "\n".join([
        *lines,
        "/* One sample in, one out, row by row; the arrays must not overlap. It works in static",
        " * memory: one call at a time. */",
        *folded(f"{_prototype(program, name)};"), "",
        "#ifdef __cplusplus", "}", "#endif", "", "#endif", ""])


def _border(macro: str, v: Value, buffer: str) -> list[str]:
    shape, fmt = "x".join(map(str, v.shape)) or "scalar", v.format
    frac = f"({fmt.frac})" if fmt.frac < 0 else str(fmt.frac)
    return [*folded(f"/* {buffer}: {comment(v.name)}, {shape}, {fmt}: "
                    f"integers from {fmt.min} to {fmt.max}, "
                    f"real value = integer * 2^{-fmt.frac}. */"),
            f"#define {macro}_SIZE {v.size}", f"#define {macro}_FRAC {frac}", ""]


def _bytes(buffers: Iterable[Buffer]) -> int:
    return sum(b.size * b.dtype.itemsize for b in buffers)
