"""Rows that tie an instruction's encoding, spelling and effect together.

A layout is 32 characters, bit 31 first: `0` and `1` are fixed, a letter belongs to the operand of
that name, wherever its bits lie.  A spelling is the source text with `{letter}` for each operand;
the row's `operands` give each letter its kind.  From these a row can encode, decode, parse and
print; its effect is a function of a machine and the operand values.  Which operands it writes, and
when what it reads and writes is there, stands beside: a scheduler needs no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace

Fields = SimpleNamespace  # operand letter -> unsigned field value


class OperandError(Exception):
    """An operand's text is well formed but its value cannot be encoded."""


@dataclass
class Context:
    """What an operand may ask for while it is parsed: symbols and the instruction's address."""

    address: int = 0
    symbols: dict[str, int] = field(default_factory=dict)
    constant: bool = True  # False once a symbol or the address was used


@dataclass(frozen=True)
class Operand:
    """A kind of operand: how its text looks, and the way between text and field value."""

    what: str  # "a 16-bit register", for messages
    pattern: str  # regular expression without groups
    read: Callable[[str, Context], int]  # text -> field value, or OperandError
    show: Callable[[int, Fields], str | None]  # field value -> text; None: illegal value
    again: Operand | None = None  # how it is spelled further on in the same statement

    def again_is(self, text: str, before: str) -> bool:
        """Whether two texts stand for the same."""
        try:
            return self.read(text, Context()) == self.read(before, Context())
        except OperandError:
            return False


def choice(what: str, values: dict[str, int], pattern: str | None = None,
           aliases: Collection[str] = ()) -> Operand:
    """An operand whose texts can be listed; white space inside a text does not count.

    aliases: texts that are understood but never printed.
    """
    texts = {"".join(text.split()): code for text, code in values.items()}
    names = {code: text for text, code in values.items() if text not in aliases}
    if pattern is None:
        longest_first = sorted(texts, key=len, reverse=True)
        pattern = "(?:" + "|".join(map(re.escape, longest_first)) + ")"
        pattern += r"(?!\w)" if longest_first[0][-1].isalnum() else ""

    def read(text: str, context: Context) -> int:
        code = texts.get("".join(text.split()))
        if code is None:
            raise OperandError(f"expected {what}")
        return code

    return Operand(what, pattern, read, lambda code, fields: names.get(code))


_TOKEN = re.compile(r"\{(.)\}|(\w+)|(--|>=|[^\s\w])")
"""Of a spelling: an operand's letter, a word or a sign."""


Run = tuple[int, int, int]
"""Adjacent bits of an operand: lowest bit in the word, lowest bit in the value, mask."""
Piece = tuple[str, str | None, str, Operand | None]
"""Of a spelling: pattern, the operand's letter, description, how the operand is read here."""


@dataclass(frozen=True, eq=False)
class Instruction:
    """One row of an instruction set.

    writes, updates: the letters of the registers and memory operands that it writes, and of those
    that it reads as well; all others it only reads. multiplies: the letters of those that go to the
    multiplier, which sees accumulators late. late: what it writes is there one instruction later.
    """

    format: str  # docs/dsp32c.md's number: "5a", "DA 3"
    layout: str  # 32 bits, spaces ignored
    spelling: str
    operands: dict[str, Operand]
    effect: Callable[..., None]  # (machine, fields)
    alias: bool = False  # understood by the assembler, never printed
    settle: Callable[[Fields], None] = lambda fields: None  # after parsing: canonical choice
    writes: str = ""
    updates: str = ""
    multiplies: str = ""
    late: bool = False
    mask: int = field(init=False)
    """The bits of the word that are the row's own ..."""
    match: int = field(init=False)
    """... and what they are."""
    runs: dict[str, list[Run]] = field(init=False)
    """Where the bits of each operand lie."""

    def __post_init__(self) -> None:
        bits = self.layout.replace(" ", "")
        assert len(bits) == 32, (self.format, len(bits))
        places = {name: [31 - i for i, bit in enumerate(bits) if bit == name]
                  for name in sorted(set(bits) - {"0", "1"})}
        assert set(places) == set(self.operands), (self.format, self.spelling)
        assert set(self.writes + self.updates + self.multiplies) <= set(places), self.spelling
        derive = object.__setattr__
        derive(self, "mask", sum(1 << 31 - i for i, bit in enumerate(bits) if bit in "01"))
        derive(self, "match", int(re.sub(r"\D", "0", bits), 2))
        derive(self, "runs", {name: _runs(where) for name, where in places.items()})

    @cached_property
    def pieces(self) -> list[Piece]:
        """Of each token of the spelling."""
        return list(_pieces(self.spelling, self.operands))

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The words and signs of the spelling, which every statement of this row contains."""
        return tuple(word or sign for letter, word, sign in _TOKEN.findall(self.spelling)
                     if not letter)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Matches a statement spelled like this row; group g<i> is the i-th piece."""
        return re.compile("".join(rf"\s*(?P<g{i}>{pattern})"
                                  for i, (pattern, *_) in enumerate(self.pieces)))

    def encode(self, fields: Fields) -> int:
        """The instruction word of the operand values."""
        word = self.match
        for name, runs in self.runs.items():
            value = getattr(fields, name)
            for place, low, mask in runs:
                word |= (value >> low & mask) << place
        return word

    def decode(self, word: int) -> Fields | None:
        """The operand values of a word, None where this row does not describe it."""
        if word & self.mask != self.match:
            return None
        fields = Fields(**{name: sum((word >> place & mask) << low for place, low, mask in runs)
                           for name, runs in self.runs.items()})
        legal = all(self.operands[name].show(getattr(fields, name), fields) is not None
                    for name in self.runs)
        return fields if legal else None

    def show(self, fields: Fields) -> str:
        """The source text of the operand values."""
        return self.spelling.format_map({
            name: operand.show(getattr(fields, name), fields)
            for name, operand in self.operands.items()})

    def parse(self, statement: str, context: Context) -> int | None:
        """The word of a statement, None where it is spelled differently.

        Raises OperandError(message, column) where an operand has no encoding in this row.
        """
        if not all(literal in statement for literal in self.literals):
            return None  # without compiling the pattern, which takes long
        found = self.regex.fullmatch(statement)
        if not found:
            return None
        fields = Fields()
        seen: dict[str, int] = {}
        for index, (_, name, _, operand) in enumerate(self.pieces):
            if not name or not operand:
                continue
            text = found[f"g{index}"]
            try:
                value = operand.read(text, context)
            except OperandError as error:
                raise OperandError(str(error), found.start(f"g{index}")) from None
            if seen.setdefault(name, value) != value:
                return None
            setattr(fields, name, value)
        self.settle(fields)
        return self.encode(fields)

    def word(self, texts: dict[str, str], context: Context) -> int:
        """The word of the row with these texts as its operands: as the statement that they make is
        parsed, where no row before this one is spelled like it. Raises OperandError."""
        fields = Fields(**{name: operand.read(texts[name], context)
                           for name, operand in self.operands.items()})
        self.settle(fields)
        return self.encode(fields)

    def progress(self, statement: str) -> tuple[int, str]:
        """How far a misspelled statement follows this row, and what was expected there."""
        column, what = 0, ""
        seen: dict[str, str] = {}
        for pattern, name, expected, operand in self.pieces:
            what = expected
            found = re.compile(rf"\s*({pattern})").match(statement, column)
            if not found:
                break
            if name and seen.setdefault(name, found[1]) != found[1] and not (
                    operand and operand.again_is(found[1], seen[name])):
                what = f"`{seen[name]}`"
                break
            column = found.end()
        else:
            what = "the end of the statement"
        return column + len(statement[column:]) - len(statement[column:].lstrip()), what


def _runs(places: list[int]) -> list[Run]:
    """The contiguous runs of an operand's bits, which lie at these places of the word."""
    runs: list[Run] = []
    value_bit = len(places)
    for index, place in enumerate(places):
        value_bit -= 1
        if index and places[index - 1] == place + 1:
            runs[-1] = (place, value_bit, runs[-1][2] << 1 | 1)
        else:
            runs.append((place, value_bit, 1))
    return runs


def _pieces(spelling: str, operands: dict[str, Operand]) -> Iterator[Piece]:
    seen = set()
    for letter, word, sign in _TOKEN.findall(spelling):
        if letter:
            operand = operands[letter]
            operand = operand.again or operand if letter in seen else operand
            seen.add(letter)
            yield operand.pattern, letter, operand.what, operand
        elif word:
            yield word + r"(?!\w)", None, f"`{word}`", None
        else:
            yield re.escape(sign), None, f"`{sign}`", None


class Table:
    """An instruction set: rows in order of preference, for parsing and for printing."""

    def __init__(self, rows: list[Instruction], group: Callable[[str], int]) -> None:
        """group(statement) tells which statements can match which rows: a row is in the group of
        its own spelling, and only the statement's group is tried."""
        self.rows = rows
        self._group = group
        self._groups: dict[int, list[Instruction]] = {}
        self._by_top: dict[int, list[Instruction]] = {}
        self._decoded: dict[int, tuple[Instruction, Fields] | None] = {}
        self._words: dict[str, int] = {}
        for row in rows:
            self._groups.setdefault(group(row.spelling), []).append(row)
            for top in range(64 if not row.alias else 0):
                if (top << 26 ^ row.match) & row.mask & 0xFC000000 == 0:
                    self._by_top.setdefault(top, []).append(row)

    def row(self, form: str, spelling: str) -> Instruction:
        """The row of that format and spelling."""
        return next(r for r in self.rows if r.format == form and r.spelling == spelling)

    def decode(self, word: int) -> tuple[Instruction, Fields] | None:
        """The row and operand values of a word; None for an illegal word."""
        if word not in self._decoded:
            self._decoded[word] = next(
                ((row, fields) for row in self._by_top.get(word >> 26, ())
                 if (fields := row.decode(word)) is not None), None)
        return self._decoded[word]

    def parse(self, statement: str, context: Context) -> int:
        """The word of a statement; OperandError(message, column) where there is none."""
        word = self._words.get(statement)
        if word is not None:
            return word
        refused = None
        context.constant = True
        rows = self._groups.get(self._group(statement), [])
        for row in rows:
            try:
                word = row.parse(statement, context)
            except OperandError as error:
                refused = refused or error
                continue
            if word is not None:
                if context.constant and refused is None:
                    self._words[statement] = word
                return word
        raise refused or self._explain(statement, rows)

    @staticmethod
    def _explain(statement: str, rows: list[Instruction]) -> OperandError:
        reached = [row.progress(statement) for row in rows]
        column = max((column for column, _ in reached), default=0)
        wanted = list(dict.fromkeys(what for at, what in reached if at == column))
        if not wanted or column == 0 and len(wanted) > 4:
            return OperandError("expected an instruction, a directive or a label", column)
        return OperandError("expected " + " or ".join(wanted[:6]), column)

    def show(self, word: int) -> str | None:
        """The source text of a word; None for an illegal word."""
        found = self.decode(word)
        return None if found is None else found[0].show(found[1])
