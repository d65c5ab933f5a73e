"""Constant expressions, with the operators of C in its order: | ^ & << >> + - * / % and - ~ ( ).

In an instruction the operators between registers are the instruction's own. `fold` finds what is
constant around them and puts a number in its place, so that the rows of the instruction set know
numbers alone: `r5e = r6e + 4*(W-1)` is read as `r5e = r6e + 12`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dsplet.firmware_sim.dsp32c.isa.lexer import Token, is_reserved, tokens
from dsplet.firmware_sim.dsp32c.isa.source import Refused

Value = Callable[[str], int]
"""What a name stands for; raises Refused. `.` and `$` are the statement's own address."""
_ORDER = {"|": 1, "^": 2, "&": 3, "&~": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6, "/": 6,
          "%": 6}
"""How tightly an operator binds."""
_UNARY, _ATOM = 7, 8
_OF_REGISTERS = _ORDER | {"#": 5, "+r": 5, ">>>": 4, "<<<": 4}
_ASSOCIATIVE = {"+", "&", "|", "^"}
_BEFORE_OPERAND = {"goto", "pcgoto", "call", "do", "return"}
TOO_MUCH = 1 << 64


@dataclass(frozen=True)
class Constant:
    """A part of a statement that stands for a number: tokens begin to end. order: of the operator
    that is applied last."""

    value: int
    end: int
    order: int


@contextmanager
def _shallow() -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise Refused("nested too deeply") from None


def integer(text: str, value: Value, column: int = 0) -> int:
    """The whole number that an expression stands for. Raises Refused."""
    read = tokens(text, column)
    with _shallow():
        found = constant(read, 0, value)
    if found is None or found.end < len(read):
        at = read[found.end if found else 0].column if read else column
        raise Refused("expected a number or a label", at)
    return found.value


def constant(read: Sequence[Token], at: int, value: Value, least: int = 1) -> Constant | None:
    """The longest constant that begins at a token, of operators that bind at least so tightly."""
    found = _primary(read, at, value)
    while found and found.end < len(read):
        sign = read[found.end]
        order = _ORDER.get(sign.text, 0)
        if order < least or (right := constant(read, found.end + 1, value, order + 1)) is None:
            return found
        found = Constant(_applied(sign, found.value, right.value), right.end,
                         min(order, found.order))
    return found


def _primary(read: Sequence[Token], at: int, value: Value) -> Constant | None:
    if at >= len(read):
        return None
    token = read[at]
    if token.kind == "number":
        return Constant(_number(token), at + 1, _ATOM)
    if token.kind == "name" and not is_reserved(token.text):
        try:
            return Constant(value(token.text), at + 1, _ATOM)
        except Refused as error:
            raise Refused(error.message, token.column) from None
    if token.text in ("-", "+", "~"):
        found = _primary(read, at + 1, value)
        made = {"-": lambda x: -x, "+": lambda x: x, "~": lambda x: ~x}[token.text]
        return found and Constant(made(found.value), found.end, _UNARY)
    if token.text == "(":
        found = constant(read, at + 1, value)
        if found and found.end < len(read) and read[found.end].text == ")":
            return Constant(found.value, found.end + 1, _ATOM)
    return None


def _number(token: Token) -> int:
    if token.text.isdigit() and token.text[0] == "0" and token.text.strip("0"):
        raise Refused("a number that begins with 0, octal in C: expected 0x or no 0", token.column)
    return int(token.text, 0)


def _applied(sign: Token, left: int, right: int) -> int:
    match sign.text:
        case "/" | "%" if right == 0:
            raise Refused("division by zero", sign.column)
        case "<<" | ">>" if not 0 <= right < 64:
            raise Refused(f"a shift by {right}: expected 0..63", sign.column)
    quotient = abs(left) // abs(right) if sign.text in "/%" else 0  # toward zero, as in C
    quotient = quotient if (left < 0) == (right < 0) else -quotient
    made = {"|": lambda: left | right, "^": lambda: left ^ right, "&": lambda: left & right,
            "&~": lambda: left & ~right, "<<": lambda: left << right, ">>": lambda: left >> right,
            "+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right,
            "/": lambda: quotient, "%": lambda: left - right * quotient}[sign.text]()
    if abs(made) >= TOO_MUCH:
        raise Refused("more than 64 bits", sign.column)
    return made


@dataclass(frozen=True)
class Folded:
    """A statement with its constants as numbers. places: (column here, column in the source) where
    the two part."""

    text: str
    places: tuple[tuple[int, int], ...] = ((0, 0),)

    def column(self, column: int) -> int:
        """The column in the source."""
        here, there = self.places[bisect_right(self.places, (column, 1 << 30)) - 1]
        return there + column - here


def fold(text: str, value: Value) -> Folded:
    """The statement with a number in place of each constant expression. Raises Refused."""
    read = tokens(text)
    made, copied, at = "", 0, _after_condition(read)
    places = [(0, 0)]
    while at < len(read):
        with _shallow():
            found = constant(read, at, value) if _begins_operand(read, at) else None
        if found is None:
            at += 1
            continue
        _check_order(read, at, found)
        made += text[copied:read[at].column]
        places.append((len(made), read[at].column))
        made += str(found.value)
        copied = read[found.end - 1].end
        places.append((len(made), copied))
        at = found.end
    return Folded(made + text[copied:], tuple(places))


def _after_condition(read: Sequence[Token]) -> int:
    """The token after `if (condition)`, where there is one."""
    if not read or read[0].text != "if":
        return 0
    return next((i + 1 for i, token in enumerate(read) if token.text == ")"), len(read))


def _begins_operand(read: Sequence[Token], at: int) -> bool:
    if at == 0:
        return False
    before = read[at - 1]
    return (before.kind == "sign" and before.text not in (")", "++", "--")
            or before.text in _BEFORE_OPERAND)


def _check_order(read: Sequence[Token], at: int, found: Constant) -> None:
    """Refuse a constant whose operators would, in C, not be its own: `r5 - 1 - 2`, `r5 & 1 | 2`."""
    sign = read[at - 1].text if at > 1 and not _begins_operand(read, at - 1) else ""
    order = _OF_REGISTERS.get(sign, 0)
    after = _OF_REGISTERS.get(read[found.end].text, 0) if found.end < len(read) else 0
    if (order > found.order or order == found.order and sign not in _ASSOCIATIVE
            or after > found.order):
        raise Refused("what belongs together? expected parentheses around the constant",
                      read[at].column)


def real(text: str, value: Value, column: int = 0) -> float:
    """The number that an expression of reals, whole numbers and names stands for. Raises Refused,
    also for a quotient of whole numbers that is none: C would drop its fraction."""
    read = tokens(text, column)
    with _shallow():
        found, end = _sum(read, 0, value, 5)
    if end < len(read):
        raise Refused("expected a decimal number", read[end].column)
    return float(found)


def _sum(read: Sequence[Token], at: int, value: Value, order: int) -> tuple[float, int]:
    if order > 6:
        return _real_primary(read, at, value)
    left, at = _sum(read, at, value, order + 1)
    while at < len(read) and read[at].text in "+-*/" and _ORDER[read[at].text] == order:
        sign = read[at]
        right, at = _sum(read, at + 1, value, order + 1)
        if sign.text == "/":
            if right == 0:
                raise Refused("division by zero", sign.column)
            if isinstance(left, int) and isinstance(right, int) and left % right:
                raise Refused("a quotient of whole numbers: expected a decimal point in one",
                              sign.column)
            left = left // right if isinstance(left, int) and isinstance(right, int) else (
                left / right)
        else:
            left = {"+": left + right, "-": left - right, "*": left * right}[sign.text]
    return left, at


def _real_primary(read: Sequence[Token], at: int, value: Value) -> tuple[float, int]:
    if at < len(read):
        token = read[at]
        if token.kind == "real":
            return float(token.text), at + 1
        if token.text in ("-", "+"):
            found, end = _real_primary(read, at + 1, value)
            return -found if token.text == "-" else found, end
        if token.text == "(":
            found, end = _sum(read, at + 1, value, 5)
            if end < len(read) and read[end].text == ")":
                return found, end + 1
        else:
            try:
                whole = _primary(read, at, value)
            except Refused as error:
                raise Refused(f"{error.message}, or a decimal number", error.column) from None
            if whole is not None:
                return whole.value, whole.end
        raise Refused("expected a decimal number", token.column)
    raise Refused("expected a decimal number", read[-1].end if read else 0)
