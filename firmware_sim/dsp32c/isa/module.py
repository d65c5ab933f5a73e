"""One file of a program, in two passes: where everything lies, and then what its bits are.

What is said of the syntax here stands in docs/programs.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from dsplet.base.errors import near
from dsplet.firmware_sim.dsp32c.isa.data import SIZES, Data, data
from dsplet.firmware_sim.dsp32c.isa.expressions import Folded, Value, fold, integer
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE, is_floating
from dsplet.firmware_sim.dsp32c.isa.layout import LAST, Layout, Part
from dsplet.firmware_sim.dsp32c.isa.lexer import (
    Label,
    Statement,
    in_lower_case,
    is_reserved,
    split,
)
from dsplet.firmware_sim.dsp32c.isa.source import UNKNOWN, Fault, Line, Refused, lines_of
from dsplet.firmware_sim.dsp32c.isa.table import Context, OperandError

MOST_REPEATED = 1 << 16
"""Times that one statement says the same: 6.5 ms of doing nothing."""
Put = Callable[[int, int, int, Line], None]
"""Takes address, bytes, bits and their line; raises Refused."""
HERE = (".", "$")
"""What stands for the address of the statement."""
_KINDS = "|".join(["nop", *SIZES])
_REPEATED = re.compile(rf"([^=*\"]+?)\s*\*\s*(?=(?:{_KINDS})(?![\w.])\s*+(?!=))")
_MOVE = re.compile(r"\.\s*=(?!=)")
_ORG = re.compile(r"org(?![\w.])\s*+(?!=)")
_DEFINITION = re.compile(r"([A-Za-z_][\w.]*)(?:\s+(equ)(?![\w.])|\s*=(?!=))")
_DOT = re.compile(r"(\.[A-Za-z]\w*)\s*")
_NAME = re.compile(r"[A-Za-z_.][\w.]*")
_DIRECTIVES = (".align", ".extern", ".global", ".page", ".rsect", ".=")


@dataclass(frozen=True)
class Item:
    """What becomes bits: a statement at an address, so many times. start: its column without the
    repeats. text: of an instruction."""

    statement: Statement
    address: int
    count: int
    start: int
    text: str
    data: Data | None

    @property
    def bytes(self) -> int:
        return self.count * (self.data.bytes if self.data else 4)


@dataclass(frozen=True)
class Definition:
    """`name = expression`, which may come again; final: `name equ expression`, which may not."""

    statement: Statement
    name: str
    text: str
    start: int
    address: int
    final: bool


@dataclass
class Module:
    """A file: its labels and constants, what it gives to others and what it has of others.

    given: names that everybody knows. faults: gathers what is wrong.
    """

    text: str
    file: str
    layout: Layout
    faults: list[Fault]
    given: Mapping[str, int] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    constants: dict[str, int] = field(default_factory=dict)
    shared: dict[str, tuple[Statement, int]] = field(default_factory=dict)
    wanted: dict[str, tuple[Statement, int]] = field(default_factory=dict)
    items: list[Item | Definition] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    # --- first pass -----------------------------------------------------------------------------
    def place(self) -> None:
        """Give everything its address, and names their values, as far as they are known."""
        self.part: Part | None = None
        self.waiting: list[str] = []
        self.definitions: dict[str, list[Definition]] = {}
        for line in lines_of(self.text, self.file, self.faults):
            self.lines.append(line)
            for found in split(line):
                try:
                    self._label(found) if isinstance(found, Label) else self._statement(found)
                except Refused as error:
                    self.faults.append(Fault(line, found.column + error.column, error.message))
        for name, (statement, column) in self.wanted.items():
            if name in self.labels or name in self.definitions:
                self._fault(statement, column, f"`{name}` is .extern, and defined in this file")
        self._settle()
        for name, (statement, column) in self.shared.items():
            if len(self.definitions.get(name, ())) > 1:
                self._fault(statement, column, f"`{name}` is .global, and set more than once")

    def _fault(self, statement: Statement, column: int, message: str) -> None:
        self.faults.append(Fault(statement.line, statement.column + column, message))

    def _here(self) -> Part:
        if self.part is None:
            self.part = self.layout.part("", self.file)
        return self.part

    def _label(self, label: Label) -> None:
        name = label.name
        if is_reserved(name) or self._has(name):
            what = "reserved" if is_reserved(name) else "already defined"
            raise Refused(f"label `{name}` is {what}")
        self.labels[name] = self._here().at
        self.waiting.append(name)

    def _has(self, name: str) -> bool:
        return name in self.labels or name in self.definitions or name in self.given

    def _statement(self, statement: Statement) -> None:
        text = in_lower_case(statement.text)
        if found := _MOVE.match(text):
            return self._go(self._here().start + integer(text, self._offset, found.end()), False)
        if found := _ORG.match(text):
            if self._here().section:
                raise Refused(f"org inside section {self._here().section}: expected .=, which "
                              "counts from its beginning")
            address = integer(text, self._known, found.end())
            if not 0 <= address <= LAST:
                raise Refused(f"{address} does not fit: expected 0..{LAST}", found.end())
            return self._go(address, True)
        if (found := _DEFINITION.match(text)) and not is_reserved(found[1]):
            return self._define(statement, text, found)
        if found := _DOT.match(text):
            return self._directive(statement, text, found)
        self._item(statement, text)

    def _go(self, address: int, labels: bool) -> None:
        self.layout.move(self._here(), address)
        if labels:
            self.labels |= dict.fromkeys(self.waiting, address)
        self.waiting.clear()

    def _define(self, statement: Statement, text: str, found: re.Match[str]) -> None:
        name, final = found[1], bool(found[2])
        before = self.definitions.setdefault(name, [])
        if name in self.labels or name in self.given or before and (final or before[0].final):
            raise Refused(f"`{name}` is already defined")
        made = Definition(statement, name, text, found.end(), self._here().at, final)
        self.items.append(made)
        before.append(made)
        try:
            self.constants[name] = integer(text, self._known, made.start)
        except Refused as error:
            if not error.message.startswith(UNKNOWN):
                raise
            self.constants.pop(name, None)  # a label that comes later: the second pass knows it

    def _directive(self, statement: Statement, text: str, found: re.Match[str]) -> None:
        name, start = found[1].lower(), found.end()
        rest = text[start:]
        if name == ".align":
            step = integer(text, self._known, start)
            if step < 1 or step & step - 1:
                raise Refused(f"{step} is no alignment: expected a power of two", start)
            return self._go(self._here().at + -self._here().at % step, True)
        if name in (".global", ".extern"):
            column = start
            for piece in rest.split(","):
                word, at = piece.strip(), column + len(piece) - len(piece.lstrip())
                if not _NAME.fullmatch(word) or is_reserved(word):
                    raise Refused("expected names with commas between them", at)
                (self.shared if name == ".global" else self.wanted)[word] = statement, at
                column += len(piece) + 1
            return None
        if name == ".rsect":
            if not re.fullmatch(r'"[^"]+"', rest):
                raise Refused('expected the name of a section, .rsect ".ram0"', start)
            self.waiting.clear()
            self.part = self.layout.part(rest[1:-1], self.file)
            return None
        if name == ".page" and not rest:
            return None
        raise Refused(f"no directive {found[1]}: expected " + (
            near(found[1], _DIRECTIVES) or ", ".join(_DIRECTIVES)))

    def _item(self, statement: Statement, text: str) -> None:
        count, start = 1, 0
        if repeated := _REPEATED.match(text):
            count, start = integer(repeated[1], self._known), repeated.end()
            if not 0 <= count <= MOST_REPEATED:
                raise Refused(f"{count:,} times is not possible: expected at most "
                              f"{MOST_REPEATED:,} in one statement")
        found = data(text, start)
        part = self._here()
        address = part.at + -part.at % (found.size if found else 4)
        item = Item(statement, address, count, start, text, found)
        self.labels |= dict.fromkeys(self.waiting, address)
        self.waiting.clear()
        self.layout.move(part, address + item.bytes)
        self.items.append(item)

    def _known(self, name: str) -> int:
        """A name's value in the first pass."""
        if name in HERE:
            return self._here().at
        for names in (self.constants, self.labels, self.given):
            if name in names and name not in self.waiting:
                return names[name]
        raise Refused(f"{UNKNOWN} `{name}`: expected a number or a label, known at this place")

    def _offset(self, name: str) -> int:
        """The same for `.=`, which counts from where the file's part of the section begins."""
        if name in HERE:
            return self._here().at - self._here().start
        if name in self.labels:
            raise Refused(f"label `{name}` is an address: expected a distance from the beginning "
                          "of the section")
        return self._known(name)

    def _settle(self) -> None:
        """Constants of what comes later, however many of them build on each other. What is set more
        than once has no value until it is set."""
        self.waiting.clear()
        for name, made in self.definitions.items():
            if len(made) > 1:
                self.constants.pop(name, None)
        left = [made[0] for name, made in self.definitions.items()
                if len(made) == 1 and name not in self.constants]
        before = len(left) + 1
        while len(left) < before:
            before = len(left)
            for item in left:
                with suppress(Refused):
                    self.constants[item.name] = integer(item.text, self._known, item.start)
            left = [item for item in reversed(left) if item.name not in self.constants]

    # --- second pass ----------------------------------------------------------------------------
    def emit(self, others: Value, put: Put | None) -> None:
        """Give the bits; or, without put, only look for more mistakes. others: what a name that is
        not this file's stands for; raises Refused, as put does."""
        for item in self.items:
            def value(name: str, item: Item | Definition = item) -> int:
                if name in HERE:
                    return item.address
                for names in (self.constants, self.labels):
                    if name in names and name not in self.wanted:
                        return names[name]
                self.used.add(name)
                return others(name)
            try:
                if isinstance(item, Definition):
                    self.constants[item.name] = integer(item.text, value, item.start)
                elif item.data:
                    _put_data(item, item.data, value, put)
                else:
                    _put_instruction(item, value, put)
            except Refused as error:
                self._fault(item.statement, error.column, error.message)



def _put_data(item: Item, data: Data, value: Value, put: Put | None) -> None:
    items, address = [bits for bits, _ in data.values(value)], item.address
    if put is None:
        return
    for bits in items * item.count:
        put(address, data.size, bits, item.statement.line)
        address += data.size


def _put_instruction(item: Item, value: Value, put: Put | None) -> None:
    text = " " * item.start + item.text[item.start:]  # every column as it is
    try:
        word = _word(text, value, item)
    except Refused as error:
        if error.message.startswith(UNKNOWN):
            _word(text, lambda name: 0, item)  # where it is no instruction, names do not matter
        raise
    if put is None:
        return
    for address in range(item.address, item.address + 4 * item.count, 4):
        put(address, 4, word, item.statement.line)


def _word(text: str, value: Value, item: Item) -> int:
    folded = Folded(text) if is_floating(text) else fold(text, value)
    try:
        return TABLE.parse(folded.text, Context(item.address))
    except OperandError as error:
        column = error.args[1] if len(error.args) > 1 else 0
        raise Refused(error.args[0], folded.column(column)) from None
