"""Prints a fixed-point program as one C99 source file and its header.

Only the statements of `quantize.fixed.kernel` are known here, never an op.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dsplet.base.errors import shown
from dsplet.export.c import selftest
from dsplet.export.c.context import Context, context
from dsplet.export.c.header import CLAIM, borders, print_header, prototype, verbs
from dsplet.export.c.selftest import Checks
from dsplet.export.c.statements import COLUMNS, KernelPrinter, Unprintable, folded
from dsplet.quantize.fixed.kernel import Buffer
from dsplet.quantize.fixed.program import Program

LONG = 60
"""Names of layers that are handed out are no longer."""
PRELUDE = Path(__file__).with_name("prelude.c")
PAIRS = Path(__file__).with_name("pairs.c")
KEYWORDS = frozenset("""
    auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while asm bool catch class constexpr delete explicit export false friend
    mutable namespace new operator private protected public template this throw true try typename
    using virtual main""".split())
"""Words that name nothing in C, or in the C++ that includes the header."""
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

/* A loop whose turns are as long as its registers allow. At -O3, gcc 12 writes out all of a short
 * one and keeps numbers on the stack. */
#if defined(__GNUC__) && !defined(__clang__) && (__GNUC__ >= 8)
#define ROLLED _Pragma("GCC unroll 1")
#else
#define ROLLED
#endif
"""


def print_c(program: Program, name: str | None = None,
            metadata: Iterable[tuple[str, str]] = (), pixels: Sequence[int] | None = None,
            tested: bool = False) -> tuple[str, str]:
    """(text of NAME.h, text of NAME.c); the same program gives the same text.

    name: the prefix of every public name, an identifier of C; the program's own name by default.
    metadata: pairs of strings for the comment that opens the header. pixels: the input's integers
    for pixels from 0 to 255, where it is an image. tested: with a self-test, for which the program
    is interpreted once.
    Raises Unprintable for a name that C cannot spell and for a shift to the right that int32_t
    cannot do.
    """
    name = program.name if name is None else name
    check_name(name)
    memory = context(program)
    kernels = [KernelPrinter(program.buffers, k, [r.var for r in program.around(i)],
                             memory.spelling) for i, k in enumerate(program.kernels)]
    constants = {b.name: b for b in program.buffers.values() if b.role == "const"}
    constants |= {b.name: b for k in kernels for b in k.shift_tables}
    calls = _Calls(program, name, kernels, memory)
    code = [
        *(_array(b, f"{name.upper()}_CONST ") for b in constants.values()),
        *(_array(replace(b, name=f"{b.name}_image"), f"{name.upper()}_CONST ")
          for b in memory.kept if b.data is not None and b.data.any()),
        *(k.function() for k in kernels),
        calls.begin(), calls.go(),
    ]
    if tested:
        code.append(calls.selftest(Checks(program, [
            [b for b in constants.values() if b.name in k.constants] for k in kernels])))
    size = sum(_bytes(b) for b in constants.values())
    helpers = _helpers(code)
    source = "\n".join([
        _macros(name), *([_space(name)] if any(" SPACE " in text for text in helpers) else []),
        *_too_large(constants.values()), MACROS, *helpers,
        *([selftest.HELPERS] if tested else []), *code])
    return (print_header(program, name, memory, size, metadata, pixels, tested),
            f"/* {name}.c: the definitions behind {name}.h, printed by dsplet. */\n"
            f'/* {CLAIM} */\n#include "{name}.h"\n\n{source}')


def is_name(name: str) -> bool:
    """Whether it can be the prefix of C's names."""
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", name)) and name not in KEYWORDS


def check_name(name: str) -> None:
    """Raises Unprintable for what cannot name C functions, nor files anywhere."""
    if not is_name(name):
        raise Unprintable(f"{shown(name)} cannot name C functions", expected="letters, digits and "
                          "_, a letter first, at most 100, and no word of the language",
                          remedy="give one with --name")


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


def _unread_context(lines: Iterable[str]) -> list[str]:
    """What keeps compilers from warning of a context that no line of a function reads."""
    return [] if any("context->" in line for line in lines) else ["    (void)context;"]


def _macros(name: str) -> str:
    """What whoever compiles the source may say otherwise."""
    prefix = name.upper()
    return f"""\
/* What stands before every constant: name a section or an alignment here. */
#ifndef {prefix}_CONST
#define {prefix}_CONST static const
#endif

/* What happens after every layer, numbered from 1: a checksum, a watchdog, another task's turn. */
#ifndef {prefix}_LAYER
#define {prefix}_LAYER(number, name) ((void)0)
#endif
"""


def _space(name: str) -> str:
    """What helpers need that read constants by their addresses."""
    prefix = name.upper()
    return f"""\
/* The address space of constants, where it is not that of variables: on an AVR, __memx here and
 * behind {prefix}_CONST's "static const" leaves them in flash (gcc, -std=gnu99). */
#ifdef {prefix}_SPACE
#define SPACE {prefix}_SPACE
#else
#define SPACE
#endif
"""


def _too_large(constants: Iterable[Buffer]) -> Iterator[str]:
    """Where addresses have 16 bits, no object reaches further than half of them."""
    for b in constants:
        if _bytes(b) > 0x7FFF:
            yield (f"#if PTRDIFF_MAX < {_bytes(b)}\n#error \"{b.name} has {_bytes(b)} bytes, more "
                   "than one object of this processor may have\"\n#endif\n")


class _Calls:
    """The functions that call the kernels."""

    def __init__(self, program: Program, name: str, kernels: list[KernelPrinter], memory: Context
                 ) -> None:
        self.program, self.name, self.kernels, self.memory = program, name, kernels, memory
        self.resume = program.resume or 0

    def begin(self) -> str:
        """What runs once."""
        lines = [*self._preset(), *self._block(0, self.resume - 1)]
        verb, _ = verbs(self.program)
        return "\n".join([f"void {self.name}_{verb}({self.name}_context *context)", "{",
                          *_unread_context(lines), *lines, "}", ""])

    def go(self) -> str:
        """What runs for each sample, or each step of one."""
        _, verb = verbs(self.program)
        lines = [*self._block(self.resume, len(self.kernels) - 1)]
        used = {b.name for k in self.kernels for b in k.memory}
        unused = [b for _, b in (*self.program.inputs, *self.program.outputs) if b not in used]
        return "\n".join([*folded(f"void {prototype(self.program, self.name, verb)}"), "{",
                          *_unread_context(lines), *(f"    (void){b};" for b in unused), *lines,
                          "}", ""])

    def selftest(self, checks: Checks) -> str:
        """See `selftest`."""
        expected, program = checks.expected(), self.program
        table = folded("        " + " ".join(f"0x{crc:08x}u," for crc in expected))
        lines = [*folded(f"int32_t {prototype(program, self.name, 'selftest', constant=False)}"),
                 "{", f"    static const uint32_t expected[{len(expected)}] = {{", table[0],
                 *(f"        {line.strip()}" for line in table[1:]), "    };",
                 f"    uint32_t crc[{len(expected)}], state = {selftest.SEED};",
                 f"    for (int32_t i = 0; i < {len(expected)}; i++) {{",
                 "        crc[i] = 0xFFFFFFFFu;", "    }"]
        for b in borders(program)[0]:
            fmt = b.value.format
            lines += [f"    for (int32_t i = 0; i < {b.value.size}; i++) {{",
                      f"        {b.buffer}[i] = ({b.dtype})drawn(&state, {fmt.min}, {fmt.max});",
                      "    }"]
        lines += checks.before("    ")
        block = [*self._preset(), *self._block(0, len(self.kernels) - 1, checks)]
        lines += [*_unread_context(block), *block]
        return "\n".join([*(part for line in lines for part in folded(line)),
                          f"    for (int32_t i = 0; i < {len(expected)}; i++) {{",
                          "        if (~crc[i] != expected[i]) {", "            return i + 1;",
                          "        }", "    }", "    return 0;", "}", ""])

    def _preset(self) -> Iterator[str]:
        """What is there before the first run."""
        for b in self.memory.kept:
            value = f"{b.name}_image[i]" if b.data is not None and b.data.any() else "0"
            yield f"    for (int32_t i = 0; i < {b.size}; i++) {{"
            yield f"        context->{b.name}[i] = {value};"
            yield "    }"

    def _block(self, first: int, last: int, checks: Checks | None = None, depth: int = 0
               ) -> Iterator[str]:
        """Kernels first to last, inside `depth` loops over time."""
        indent = "    " * (depth + 1)
        for item in self.program.walk(first, last, depth):
            if isinstance(item, int):
                yield from self._layer(item, indent, checks)
                continue
            t = item.var
            yield f"{indent}for (int32_t {t} = 0; {t} < {item.extent}; {t}++) {{"
            yield from self._block(item.first, item.last, checks, depth + 1)
            yield f"{indent}}}"

    def _layer(self, i: int, indent: str, checks: Checks | None) -> Iterator[str]:
        """Kernel number i and what happens after it, in the turns in which it runs."""
        kernel, inside = self.kernels[i], indent
        if during := kernel.kernel.during:
            r = self.program.around(i)[-1]
            tests = [*([f"{r.var} >= {during[0]}"] if during[0] > 0 else []),
                     *([f"{r.var} <= {during[1]}"] if during[1] < r.extent - 1 else [])]
            if tests:
                yield f"{indent}if ({' && '.join(tests)}) {{"
                inside += "    "
        yield from folded(inside + kernel.call(self.memory.spelling))
        if checks:
            yield from checks.after(i, self.memory.spelling, inside)
        else:
            yield f"{inside}{self.name.upper()}_LAYER({i + 1}, {_literal(kernel.kernel.node)});"
        if inside != indent:
            yield f"{indent}}}"


def _literal(text: str) -> str:
    """A string of C, cut where it is long."""
    text = text if len(text) <= LONG else f"{text[:LONG - 3]}..."
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\?' else "." for c in text) + '"'


def _bytes(b: Buffer) -> int:
    return b.size * b.dtype.itemsize
