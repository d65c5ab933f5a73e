"""Source text as numbered lines without comments, and what is said of lines that are wrong.

What the C preprocessor has gone through names the lines that it comes from: `# 12 "file.h"`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dsplet.base.errors import UserError

MOST_SHOWN = 200
"""Characters of a line that a message quotes."""
MOST_FAULTS = 50
"""Mistakes that one message tells of."""
UNKNOWN = "unknown name"
"""How the message about a name begins that nobody has."""
_NOT_CODE = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_MARKER = re.compile(r'\s*#\s*(?:line\s+)?([0-9]{1,9})\s+"((?:[^"\\]|\\.)*)"[\s\d]*')
_DIRECTIVE = re.compile(r"^[ \t]*#", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A line of a file. text: as it is read; code: the same with blanks for comments."""

    file: str
    number: int
    text: str
    code: str


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where: a column of a line."""

    line: Line
    column: int
    message: str

    def __str__(self) -> str:
        text, column = self.line.text, self.column
        if len(text) > MOST_SHOWN:
            begin = max(0, column - MOST_SHOWN // 2)
            text, column = text[begin:begin + MOST_SHOWN], column - begin
        caret = "".join("\t" if c == "\t" else " " for c in text[:column]) + "^"
        return f"{self.line.file}:{self.line.number}: {self.message}\n    {text}\n    {caret}"


class AssemblyError(UserError):
    """All that cannot be assembled: of each mistake the file, the line, the line with a caret, and
    what is expected there."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        said = [str(fault) for fault in self.faults[:MOST_FAULTS]]
        if more := len(self.faults) - MOST_FAULTS:
            said += [f"and {more} more"] if more > 0 else []
        super().__init__("\n".join(said))


class Refused(Exception):
    """A mistake, before it is known in which line: its message and its column."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.message, self.column = message, column


def without_comments(text: str) -> str:
    """The text with blanks for comments, line by line; a `/*` that nothing ends stays."""
    def blank(found: re.Match[str]) -> str:
        piece = found[0]
        if piece[0] == '"' or piece[:2] == "/*" and (len(piece) < 4 or piece[-2:] != "*/"):
            return piece
        return re.sub(r"[^\t\n]", " ", piece)
    return _NOT_CODE.sub(blank, text)


def needs_preprocessor(text: str) -> bool:
    """Whether there is a line for the C preprocessor, such as `#include` or `#ifdef`."""
    code = without_comments(text)
    return any(not _MARKER.fullmatch(code[found.start():].split("\n", 1)[0])
               for found in _DIRECTIVE.finditer(code))


def lines_of(text: str, file: str, faults: list[Fault]) -> Iterator[Line]:
    """The lines of a text, each with the file and the number that the preprocessor says it has.

    A line that only the preprocessor understands, and a comment without an end, are faults.
    """
    number = 0
    for raw, code in zip(text.split("\n"), without_comments(text).split("\n"), strict=True):
        number += 1
        if marker := _MARKER.fullmatch(code):
            file, number = re.sub(r"\\(.)", r"\1", marker[2]), int(marker[1]) - 1
            continue
        line = Line(file, number, raw, code)
        if code.lstrip().startswith("#"):
            faults.append(Fault(line, code.index("#"), "no line of the C preprocessor that it "
                                "knows, and no comment: comments begin with //"))
        elif "/*" in code:
            faults.append(Fault(line, code.index("/*"), "a comment without an end: expected */"))
            return
        else:
            yield line
