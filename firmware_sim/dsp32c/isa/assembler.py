"""Assembler and disassembler for AT&T-style DSP32C source [spellings: dsp32c.md 5.5, 9, 11; A L].

A statement ends at a line's end or `;`; `//` or `#` starts a comment.  Labels are `name:`.

    instructions     as the instruction set's table spells them; `3*nop` repeats
    float 1.5, -2    float words, nearest to the value       word 0x80   32 bits as they are
    int 7, -7        16 bits                                 byte 255    8 bits
    int24 7, long 7  32 bits, sign-extended                  org 0x800   continue at an address

Instructions and 32-bit data start on multiples of four, 16-bit data on multiples of two: bytes that
this skips are zero.  Integers may be expressions of numbers and labels joined by + and -.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.operands import EXPRESSION, RESERVED, evaluate
from dsplet.firmware_sim.dsp32c.isa.table import Context, OperandError

LAST = (1 << 24) - 1
"""The last byte address."""
MOST_NOPS = 1 << 16
"""Of one statement: 6.5 ms of doing nothing."""
MOST_SHOWN = 200
"""Characters of a line that a message quotes."""
_COMMENT = re.compile(r"//|#")
_LABEL = re.compile(r"\s*([A-Za-z_.][\w.]*)\s*:")
_DIRECTIVE = re.compile(r"\s*(org|float|int24|int|long|byte|word)(?![\w.])\s*(?!\()")
_REPEATED = re.compile(r"\s*([0-9]+)\s*\*\s*nop\s*")
_EXPRESSION = re.compile(EXPRESSION)
_SIZES = {"float": 4, "int24": 4, "long": 4, "word": 4, "int": 2, "byte": 1}
_RANGES = {"int24": (-1 << 23, (1 << 24) - 1), "long": (-1 << 31, (1 << 32) - 1),
           "word": (-1 << 31, (1 << 32) - 1), "int": (-1 << 15, (1 << 16) - 1),
           "byte": (-1 << 7, (1 << 8) - 1)}


class AssemblyError(UserError):
    """A statement that cannot be assembled: file, line, the line with a caret, what to expect."""

    def __init__(self, file: str, line: int, text: str, column: int, message: str) -> None:
        self.file, self.line, self.column = file, line, column
        if len(text) > MOST_SHOWN:
            begin = max(0, column - MOST_SHOWN // 2)
            text, column = text[begin:begin + MOST_SHOWN], column - begin
        caret = "".join("\t" if c == "\t" else " " for c in text[:column]) + "^"
        super().__init__(f"{file}:{line}: {message}\n    {text}\n    {caret}")


@dataclass(frozen=True)
class Assembly:
    """Machine code: words by address, label addresses, the source line behind each address."""

    words: dict[int, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict)

    @cached_property
    def segments(self) -> list[tuple[int, np.ndarray]]:
        """Runs of adjacent words as (byte address, uint32 array), ascending."""
        runs: list[tuple[int, list[int]]] = []
        for address in sorted(self.words):
            if not runs or runs[-1][0] + 4 * len(runs[-1][1]) != address:
                runs.append((address, []))
            runs[-1][1].append(self.words[address])
        return [(address, np.array(run, np.uint32)) for address, run in runs]

    def load(self, memory: np.ndarray) -> None:
        """Write the words, little-endian, into a byte array indexed by address."""
        for address, words in self.segments:
            raw = words.astype("<u4").view(np.uint8)
            memory[address:address + len(raw)] = raw


@dataclass
class _Statement:
    """A statement with its place: line number, column where it starts, byte address."""

    text: str
    line: int
    column: int
    address: int = 0
    kind: str = ""  # a directive, "nop" for repeats, "" for an instruction
    count: int = 1
    data: int = 0  # column of a directive's data within the text


@dataclass(frozen=True)
class _Label:
    name: str
    line: int
    column: int


class _Refused(Exception):
    """(message, column within the statement)"""


def assemble(source: str, origin: int = 0, file: str = "<asm>",
             symbols: dict[str, int] | None = None) -> Assembly:
    """Machine code of a source text, first word at `origin` (byte address).

    symbols: more names and their values.  Raises AssemblyError.
    """
    source_lines = source.splitlines()
    statements: list[_Statement] = []
    labels: dict[str, int] = {}

    def fail(line: int, column: int, message: str) -> AssemblyError:
        return AssemblyError(file, line, source_lines[line - 1], column, message)

    address, waiting = origin, list[str]()
    for line, text in enumerate(source_lines, 1):
        for item in _split(text, line):
            if isinstance(item, _Label):
                name = item.name
                if name in RESERVED or name in labels or name in (symbols or {}):
                    what = "reserved" if name in RESERVED else "already defined"
                    raise fail(line, item.column, f"label `{name}` is {what}")
                labels[name] = address
                waiting.append(name)
                continue
            try:
                size, align = _measure(item, Context(address, labels))
            except _Refused as error:
                raise fail(line, item.column + error.args[1], error.args[0]) from None
            address = size if item.kind == "org" else address + -address % align
            for name in waiting:
                labels[name] = address
            waiting.clear()
            item.address = address
            address += 0 if item.kind == "org" else size
            if address > LAST + 1:
                raise fail(line, item.column, f"the program passes the last address, {LAST:#x}")
            statements.append(item)

    pieces: dict[int, int] = {}
    lines: dict[int, int] = {}
    context = Context(symbols=(symbols or {}) | labels)
    for item in statements:
        context.address = item.address
        try:
            _emit(item, context, pieces)
        except _Refused as error:
            raise fail(item.line, item.column + error.args[1], error.args[0]) from None
        except OperandError as error:
            column = error.args[1] if len(error.args) > 1 else 0
            raise fail(item.line, item.column + column, error.args[0]) from None
        for at in range(item.address & ~3, item.address + 4 * item.count, 4):
            if at in pieces:
                lines.setdefault(at, item.line)
    return Assembly(pieces, labels, lines)


def disassemble(word: int, address: int = 0) -> str:
    """The source text of an instruction word; `word 0x...` where it is not one."""
    return TABLE.show(word) or f"word 0x{word:08x}"


def _split(text: str, line: int) -> Iterator[_Label | _Statement]:
    """The labels (with their colon) and statements of a line, each with its column."""
    comment = _COMMENT.search(text)
    column = 0
    for part in text[:comment.start() if comment else None].split(";"):
        start = 0
        while label := _LABEL.match(part, start):
            yield _Label(label[1], line, column + label.start(1))
            start = label.end()
        body = part[start:].strip()
        if body:
            yield _Statement(body, line, column + part.index(body, start))
        column += len(part) + 1


def _measure(item: _Statement, context: Context) -> tuple[int, int]:
    """(bytes, alignment) of a statement; for `org` the new address."""
    repeated = _REPEATED.fullmatch(item.text)
    if repeated:
        if len(repeated[1]) > 9 or int(repeated[1]) > MOST_NOPS:
            raise _Refused(f"too many nop, expected at most {MOST_NOPS:,} in one statement", 0)
        item.kind, item.count = "nop", int(repeated[1])
        return 4 * item.count, 4
    directive = _DIRECTIVE.match(item.text)
    if not directive or item.text.startswith("=", directive.end()):
        return 4, 4
    item.kind, item.data = directive[1], directive.end()
    rest = item.text[item.data:]
    if item.kind == "org":
        try:
            address = _integer(rest, context, 0, LAST)
        except OperandError as error:
            raise _Refused(error.args[0], item.data) from None
        return address, 1
    item.count = rest.count(",") + 1
    size = _SIZES[item.kind]
    return size * item.count, size


def _emit(item: _Statement, context: Context, words: dict[int, int]) -> None:
    if item.kind == "org":
        return
    if item.kind in ("", "nop"):
        word = TABLE.parse(item.text, context) if not item.kind else 0
        for at in range(item.address, item.address + 4 * item.count, 4):
            _place(words, at, 4, word)
        return
    start, address, size = item.data, item.address, _SIZES[item.kind]
    for text in item.text[start:].split(","):
        try:
            value = _datum(item.kind, text.strip(), context)
        except (OperandError, ValueError, OverflowError) as error:
            start += len(text) - len(text.lstrip())
            raise _Refused(str(error), start) from None
        _place(words, address, size, value)
        address += size
        start += len(text) + 1


def _place(words: dict[int, int], address: int, size: int, value: int) -> None:
    if size == 4:
        if address in words:
            raise _Refused(f"address {address:#08x} is already used", 0)
        words[address] = value & 0xFFFFFFFF
        return
    shift = 8 * (address & 3)
    mask = (1 << 8 * size) - 1
    words[address & ~3] = words.get(address & ~3, 0) | (value & mask) << shift


def _datum(kind: str, text: str, context: Context) -> int:
    if kind == "float":
        try:
            if math.isfinite(number := float(text)):
                return floats.nearest_word(number)
        except ValueError:
            pass
        raise OperandError("expected a decimal number")
    return _integer(text, context, *_RANGES[kind], sign_bit=23 if kind == "int24" else None)


def _integer(text: str, context: Context, low: int, high: int,
             sign_bit: int | None = None) -> int:
    if not _EXPRESSION.fullmatch(text):
        raise OperandError("expected a number or a label")
    value = evaluate(text, context)
    if not low <= value <= high:
        raise OperandError(f"{value} does not fit: expected {low}..{high}")
    return value - (1 << 24) if sign_bit and value >> sign_bit & 1 and value > 0 else value
