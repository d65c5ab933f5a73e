"""Lines as labels and statements, statements as tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dsplet.firmware_sim.dsp32c.isa.operands import IO, RESERVED
from dsplet.firmware_sim.dsp32c.isa.source import Line

_LABEL = re.compile(r"\s*([A-Za-z_.][\w.]*)\s*:")
_TOKEN = re.compile(
    r"(?P<real>(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])|\d+[eE][-+]?\d+(?![\w.]))"
    r"|(?P<number>(?:0[xX][0-9a-fA-F]{1,20}|0[bB][01]{1,40}|\d{1,20})(?![\w.]))"
    r"|(?P<name>[A-Za-z_.$][\w.]*)"
    r'|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<sign>\+r(?![\w.])|\+\+|--|>>>|<<<|>>|<<|>=|&~|\S)")
_IF = re.compile(r"\s*if\s*\([^()]*\)", re.IGNORECASE)
_NO_REGISTER = re.compile(r"[ra]\d+[ehlr]?")
SPECIAL = {"dauc", "ioc", "pc", "pcsh", "pin", "pout", "ivtp", *IO}
"""Registers that are spelled in lower case only: programs call constants DAUC and PCW."""

@dataclass(frozen=True)
class Token:
    """A word, number or sign of a statement. kind: real, number, name, text or sign."""

    kind: str
    text: str
    column: int

    @property
    def end(self) -> int:
        return self.column + len(self.text)

@dataclass(frozen=True)
class Label:
    """A name that stands for the address of what comes next."""

    name: str
    line: Line
    column: int

@dataclass(frozen=True)
class Statement:
    """An instruction, data or a directive, and where it begins in its line."""

    text: str
    line: Line
    column: int

def tokens(text: str, start: int = 0) -> list[Token]:
    """The tokens of a statement from a column on."""
    return [Token(str(found.lastgroup), found[0], found.start())
            for found in _TOKEN.finditer(text, start)]

def is_reserved(name: str) -> bool:
    """Whether a name means something in instructions, as it is spelled, or looks like a register
    that there is not."""
    lower = name.lower()
    return lower in RESERVED and (name == lower or lower not in SPECIAL) or (
        _NO_REGISTER.fullmatch(lower) is not None)

def in_lower_case(text: str) -> str:
    """The statement with registers, mnemonics and conditions in lower case, other names as they
    are."""
    if text.islower():
        return text
    if found := _IF.match(text):
        return found[0].lower() + in_lower_case(text[found.end():])
    return re.sub(r'"[^"]*"|[A-Za-z_.$][\w.]*', lambda name: name[0].lower()
                  if is_reserved(name[0]) else name[0], text)

def split(line: Line) -> Iterator[Label | Statement]:
    """The labels (with their colon) and statements of a line, in order."""
    column = 0
    for part in line.code.split(";"):
        start = 0
        while label := _LABEL.match(part, start):
            yield Label(label[1], line, column + label.start(1))
            start = label.end()
        if body := part[start:].strip():
            yield Statement(body, line, column + part.index(body, start))
        column += len(part) + 1
