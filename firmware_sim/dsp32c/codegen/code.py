"""Code as records: instructions are rows of the instruction table with typed operands.

Before `address_generation` the memory operands are elements of buffers (`Access`), afterwards they
are pointers (`Memory`). Pointers and other CAU registers have names such as "pointer0" until
`kernel` gives them registers of the chip. `str` prints an instruction as AT&T spells it; nothing
reads that text to learn what the instruction does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, Protocol

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.isa.table import Context, Instruction
from dsplet.quantize.fixed.statement import Affine

POOL = "constants"
BESIDE = "constants beside"
POOLS = (POOL, BESIDE)
SCRATCH = "scratch"


class NeedsRegisters(UserError):
    """A kernel needs more registers than the chip has."""


class Kind(StrEnum):
    """How the numbers of a buffer are stored."""

    WORD = "word"
    """Float words."""
    LONG = "long"
    """int24 in words, at the border."""
    IEEE = "ieee"
    """IEEE numbers, at the border of float arithmetic."""
    HALF = "half"
    """int16."""
    BYTE = "byte"
    """The integer + 128."""
    OFFSET = "offset"
    """Bytes from a table's entry for 0 (`scale.Entry`) ..."""
    PLACE = "place"
    """... and from address 0."""

    @property
    def bytes(self) -> int:
        return WIDTH.get(self, 4)

    @property
    def unpack(self) -> str | None:
        """The function that makes a float word of what is stored (dsp32c.md 5.3)."""
        return UNPACK.get(self)


WIDTH = {Kind.HALF: 2, Kind.BYTE: 1}
"""Bytes of a packed number; everything else is words of 4."""
UNPACK = {Kind.LONG: "float24", Kind.HALF: "float", Kind.BYTE: "ic", Kind.IEEE: "dsp"}
PLACES = (Kind.OFFSET, Kind.PLACE)


class Layout(Protocol):
    """Where buffers lie, and how."""

    def kind(self, buffer: str) -> Kind: ...

    def region(self, buffer: str) -> str | None:
        """Its on-chip region; None in external memory."""

    def address(self, buffer: str) -> int:
        """Its first byte."""

    def place(self, table: str) -> int:
        """The address of the table's entry for 0."""


# --- operands -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Acc:
    """One of the accumulators a0..a3."""

    number: int

    def __str__(self) -> str:
        return f"a{self.number}"


@dataclass(frozen=True, slots=True)
class Register:
    """A CAU register. width: "e" for its 24 bits, "" for 16."""

    name: str
    width: str = "e"

    def __str__(self) -> str:
        return self.name + self.width


@dataclass(frozen=True, slots=True)
class Access:
    """Element `index` of `buffer`, `size` bytes each.

    Accesses of a kernel that move alike share a stream, and a stream becomes one pointer.
    """

    buffer: str
    index: Affine
    size: int = 4
    write: bool = False
    lane: int = 0
    """Tells two operands of one instruction apart that would share a stream."""

    group: tuple | None = None
    """The stream it belongs to although it stands outside one of the stream's loops."""
    address: bool = False
    """Not the element is meant but where it is: the pointer itself is the operand."""

    @property
    def free_steps(self) -> tuple[int, ...]:
        """By so many bytes its pointer moves on at no cost and with no register."""
        return () if self.address else (self.size, -self.size)

    @property
    def stream(self) -> tuple:
        return self.group or (self.buffer, self.index.terms, self.write, self.lane)

    def __str__(self) -> str:
        terms = [var if c == 1 else f"{c}*{var}" for var, c in self.index.terms]
        if self.index.const or not terms:
            terms.append(str(self.index.const))
        return f"{'&' * self.address}{self.buffer}[{' + '.join(terms)}]"


@dataclass(frozen=True, slots=True)
class Memory:
    """What a pointer points at. step: "++" or "--" moves it on by the size of the operand, "++" and
    an increment by what that register holds. buffer: where it points, "" where the data tell."""

    pointer: str
    step: str = ""
    increment: str = ""
    buffer: str = ""
    element: int | None = None
    """Of the buffer, where it is the same in every turn."""

    def __str__(self) -> str:
        return f"*{self.pointer}{self.step}{self.increment}"


@dataclass(frozen=True, slots=True)
class Label:
    """A place in the code."""

    name: str

    def __str__(self) -> str:
        return self.name


class Address(int):
    """A number of 24 bits."""

    def __str__(self) -> str:
        return f"0x{self & 0xFFFFFF:06x}"


Operand = Acc | Register | Access | Memory | Label | int | str
"""A str is a sign or the name of a function."""


# --- instructions -------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Ins:
    """One instruction: a row of the instruction table, and an operand for each of its letters that
    is not empty.

    mac: it counts as a multiply-accumulate on the bill. early: it reads an accumulator's older
    value on purpose.
    """

    row: Instruction
    operands: dict[str, Operand]
    mac: bool = False
    early: bool = False

    def __str__(self) -> str:
        return self.row.spelling.format_map(self._texts)

    @property
    def _texts(self) -> dict[str, str]:
        texts = {"Z": "", "F": "", "S": "", "K": "", "C": ""}
        for letter, operand in self.operands.items():
            texts[letter] = f"{operand} = " if letter == "Z" else str(operand)
        return texts

    def word(self, address: int, labels: dict[str, int]) -> int:
        """The machine word of it at an address: what is assembled from its text."""
        return self.row.word(self._texts, Context(address, labels))

    @property
    def role(self) -> str:
        """For the bill: "mac", "nop" or "other"."""
        return "mac" if self.mac else "other" if self.row.operands else "nop"

    @cached_property
    def accesses(self) -> list[tuple[str, Access]]:
        """The elements of buffers among its operands, with their letters."""
        return [(letter, o) for letter, o in self.operands.items() if isinstance(o, Access)]

    def map(self, change: Callable[[Operand], Operand]) -> Ins:
        """The same instruction of changed operands."""
        operands = {letter: change(o) for letter, o in self.operands.items()}
        return Ins(self.row, operands, self.mac, self.early)

    def storing(self, access: Access) -> Ins:
        """The same instruction with its result stored (Z)."""
        return replace(self, operands=self.operands | {"Z": access})

    # --- what it reads and writes ---------------------------------------------------------------
    @cached_property
    def read(self) -> frozenset[Acc | str]:
        """Accumulators, and CAU registers by name."""
        found: set[Acc | str] = set()
        for letter, o in self.operands.items():
            if isinstance(o, Memory):
                found |= {o.pointer, o.increment} - {""}
            elif letter not in self.row.writes:
                found |= _registers(o)
        return frozenset(found)

    @cached_property
    def written(self) -> frozenset[Acc | str]:
        """Accumulators, and CAU registers by name; pointers that it moves on, too."""
        return self.moved.union(*map(_registers, self._written))

    @cached_property
    def moved(self) -> frozenset[str]:
        """The pointers that memory operands move on."""
        return frozenset(o.pointer for o in self.operands.values()
                         if isinstance(o, Memory) and o.step)

    @cached_property
    def accumulator(self) -> Acc | None:
        """The one that it writes."""
        return next((o for o in self._written if isinstance(o, Acc)), None)

    @cached_property
    def multiplied(self) -> tuple[Acc, ...]:
        """Accumulators that go to the multiplier."""
        return tuple(o for letter in self.row.multiplies
                     if isinstance(o := self.operands.get(letter), Acc))

    @property
    def _written(self) -> list[Operand]:
        return [o for letter, o in self.operands.items()
                if letter in self.row.writes or letter in self.row.updates]

    @cached_property
    def timing(self) -> Timing:
        registers = [o.name for o in self.operands.values() if isinstance(o, Register)]
        stored = next((o for o in self._written if isinstance(o, Memory)), None)
        loaded = [o for o in self.operands.values() if isinstance(o, Memory) and o is not stored]
        pointers = [name for m in loaded for name in (m.pointer, m.increment)]
        late = [o.name for o in self._written if isinstance(o, Register) and self.row.late]
        return Timing(self.accumulator, self.multiplied, tuple(late),
                      tuple(registers + pointers), stored, tuple(loaded))


class Timing(NamedTuple):
    """What an instruction and those after it must know of each other.

    accumulator: the one that it writes. multiplied: those that go to the multiplier. late: CAU
    registers that have their new value one instruction later. touched: CAU registers that it reads
    or writes, but for the pointer that it stores through. stored: the memory operand that it
    writes. loaded: those that it reads.
    """

    accumulator: Acc | None
    multiplied: tuple[Acc, ...]
    late: tuple[str, ...]
    touched: tuple[str, ...]
    stored: Memory | None
    loaded: tuple[Memory, ...]


def _registers(operand: Operand) -> set[Acc | str]:
    match operand:
        case Acc():
            return {operand}
        case Register(name):
            return {name}
    return set()


@dataclass(eq=False)
class Turns:
    """A loop around instructions. first: what is executed instead of its first turn, or if
    `entered` is more than 1, of the first turn of so many loops, of which the body of each begins
    with the next. No `do` can be entered so."""

    var: str
    extent: int
    body: Code
    first: Code = field(default_factory=list)
    entered: int = 0

    @property
    def begun(self) -> list[Turns]:
        """The loops whose first turn is another: this one, those that begin it."""
        loops = [self]
        while len(loops) < self.entered:
            inner = loops[-1].body[0]
            assert isinstance(inner, Turns)
            loops.append(inner)
        return loops


Code = list[Ins | Label | Turns]


def instructions(code: Code) -> Iterator[Ins]:
    """Every instruction, those of loops once."""
    for item in code:
        if isinstance(item, Turns):
            yield from instructions(item.first)
            yield from instructions(item.body)
        elif isinstance(item, Ins):
            yield item


Word = tuple[float, str]
"""A number; with the name of a table, so much more than its place."""


@dataclass
class Constants:
    """The pool of float words that instructions read through fixed pointers: numbers, and numbers
    beside the address of a table's entry for 0. asked: for what, in order, and in which pool.
    room: words that there is place for in a second pool, BESIDE."""

    room: int = 0
    words: dict[str, list[Word]] = field(default_factory=lambda: {POOL: [], BESIDE: []})
    asked: list[tuple[Word, str]] = field(default_factory=list)

    def copy(self) -> Constants:
        """The same words, to which others may be added."""
        return Constants(self.room, {pool: [*words] for pool, words in self.words.items()},
                         [*self.asked])

    def access(self, value: float, table: str = "", pool: str = POOL) -> Access:
        """The word of a number; with a table, so much more than its place."""
        word, words = (value, table), self.words[pool]
        self.asked.append((word, pool))
        if word not in words:
            words.append(word)
        return Access(pool, Affine(words.index(word)))

    def beside(self, access: Access) -> Access | None:
        """The same word in the second pool; None where that is full."""
        word = self.words[POOL][access.index.const]
        if word not in self.words[BESIDE] and len(self.words[BESIDE]) == self.room:
            return None
        return replace(self.access(*word, BESIDE), lane=access.lane)

    def at(self, word: Word, pool: str) -> int:
        """Where in a pool a word is; it is added where it is missing."""
        return self.access(*word, pool).index.const

    def values(self, place: Callable[[str], int], pool: str = POOL) -> list[float]:
        """What the words hold. place: see `Layout`."""
        return [place(table) + value if table else value for value, table in self.words[pool]]
