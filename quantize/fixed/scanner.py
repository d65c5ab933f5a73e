"""Words and numbers of a text, one after another, and what would have fitted where none does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

from dsplet.base.errors import UserError, shown

T = TypeVar("T")

GAP = re.compile(r"[ \t]*")
END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)(?:[ \t]*(?:#[^\n]*)?\n)*(?:[ \t]*\Z)?")
NAME = re.compile(r"[A-Za-z_]\w*'*", re.ASCII)
INTEGER = re.compile(r"-?\d{1,18}(?![\w.])")  # 64 bits hold it
REAL = re.compile(r"-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|inf|nan)(?![\w.])")
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
TOKEN = re.compile(r"[ \t]*([\w.]+|\S)")
PIECE = re.compile(r"\w+|\+=|-=|\*=|<<|>>|[^\w\s]")


class UnreadableKernels(UserError):
    """Text that is no program of kernels; it says the line."""


class Misfit(Exception):
    """What was tried does not fit; within `Scanner.whole` it ends as an UnreadableKernels."""


class Scanner:
    """Words and numbers of a text, one after another."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._furthest = 0
        self._wanted: dict[str, None] = {}

    def whole(self, read: Callable[[], T]) -> T:
        """All of the text, which is what `read` reads."""
        try:
            if found := END.match(self.text):
                self.at = found.end()
            result = read()
            if self.at < len(self.text):
                self.misfit("the end")
            return result
        except Misfit:
            self.at = self._furthest
            word = TOKEN.match(self.text, self.at)
            what = f"{shown(word[1])} cannot be read" if word else "the line ends too early"
            raise self.error(what, " or ".join(self._wanted)) from None

    def error(self, what: str, expected: str = "") -> UnreadableKernels:
        """A mistake in the line where the reader is."""
        line = self.text.count("\n", 0, self.at) + 1
        return UnreadableKernels(what, where=f"line {line}", expected=expected)

    def misfit(self, wanted: str) -> NoReturn:
        if self.at > self._furthest:
            self._furthest, self._wanted = self.at, {}
        if self.at == self._furthest:
            self._wanted[wanted] = None
        raise Misfit

    def first(self, *ways: Callable[[], T]) -> T:
        """What the first of the ways reads that fits."""
        start = self.at
        for way in ways:
            try:
                return way()
            except Misfit:
                self.at = start
        raise Misfit

    def follows(self, literal: str) -> bool:
        """Whether the literal comes next; it is passed by then."""
        start = self.at
        try:
            self.literal(literal)
        except Misfit:
            self.at = start
            return False
        return True

    def many(self, read: Callable[[], T]) -> Iterator[T]:
        """As many as there are."""
        while True:
            start = self.at
            try:
                found = read()
            except Misfit:
                self.at = start
                return
            yield found

    # --- words ----------------------------------------------------------------------------------
    def match(self, pattern: re.Pattern[str], wanted: str) -> re.Match[str]:
        gap = GAP.match(self.text, self.at)
        self.at = gap.end() if gap else self.at
        found = pattern.match(self.text, self.at)
        if found is None:
            self.misfit(wanted)
        self.at = found.end()
        return found

    def literal(self, text: str) -> None:
        for piece in PIECE.findall(text):
            found = self.match(PIECE, f"'{piece}'")
            if found[0] != piece:
                self.at = found.start()
                self.misfit(f"'{piece}'")

    def end_of_line(self) -> None:
        self.match(END, "the end of the line")

    def name(self, kind: str = "a name") -> str:
        return self.match(NAME, kind)[0]

    def string(self) -> str:
        return str(json.loads(self.match(STRING, "a name in quotes")[0]))

    def integer(self) -> int:
        return int(self.match(INTEGER, "an integer")[0])

    def real(self) -> float:
        return float(self.match(REAL, "a number")[0])

    def constants(self, count: int, pattern: re.Pattern[str], what: str) -> list[str]:
        """`count` numbers on this line and the next ones."""
        run = re.compile(rf"(?:\s+{pattern.pattern})*").match(self.text, self.at)
        found = run[0].split() if run else []
        self.at += len(run[0]) if run else 0
        if self.follows("..."):
            raise self.error(f"the numbers of '{what}' are shortened", f"all {count}")
        if len(found) != count:
            raise self.error(f"'{what}' has {len(found)} numbers", str(count))
        return found
