"""One instruction at a time through an image whose data nobody knows.

`Walker` is to the effects of the instruction set what `machine.Machine` is: registers, latencies,
the delay slot, `do`, Z writes on their way, the clock. Of memory it knows the image's own words as
long as nothing is stored over them, and the words that the CAU stored itself (pointers between the
steps of a loop over time); accumulators and DAU flags it does not know at all.
"""

from __future__ import annotations

from typing import Any

from dsplet.firmware_sim.dsp32c.isa import ca as dsp32c_ca
from dsplet.firmware_sim.dsp32c.isa import da as dsp32c_da
from dsplet.firmware_sim.dsp32c.isa.operands import FIXED, IO, PC, signed
from dsplet.firmware_sim.dsp32c.sim.machine import CONTROL, PAGE_BITS
from dsplet.firmware_sim.dsp32c.wcet.clock import Clock
from dsplet.firmware_sim.dsp32c.wcet.code import Code, Unbounded, clash, united
from dsplet.firmware_sim.dsp32c.wcet.values import WORD, Affine, Fork, Interval, Unknown, Unsteady

STEPPED, FLAGS = 32, 64  # what arrives late: registers loaded, stepped as Z pointers; flags
_SIZES = (1, 1, 2, 4)  # bytes of the widths h, l, 16 bits, 24 bits


class Walker:
    """A state of the machine, and what it takes to leave it by one instruction."""

    def __init__(self, code: Code, entry: int) -> None:
        self.code, self.turns = code, code.turns
        self.pc, self.clock = entry, Clock(code.target)
        self.r: list = [0] * 32
        self.nzvc: Any = 0
        self.left: Any = 0  # turns left of a `do` ...
        self.loop: tuple[int, int] | None = None  # ... and its first and last instruction
        self.cached = False  # the next instruction is the one that `do 0,n` repeats
        self.goal: int | None = None
        self.late: frozenset[int] = frozenset()
        self.stores: list[tuple] = []  # (landing instruction, address, size)
        self.words: dict[int, Any] = {}  # address -> what the CAU stored there, in 4 bytes
        self.issued = 0
        self.io = {IO["pcw"]: code.target.pcw}
        self.spent: dict[int, int] = {}  # address -> states
        self.rounds: dict[int, int] = {}  # loop -> turns, while there are other paths
        self.began: dict[int, list] = {}  # loop -> numbers as its turn began
        self._map()

    def copy(self) -> Walker:
        new = object.__new__(Walker)
        new.__dict__.update(self.__dict__)
        new.r, new.stores, new.clock = list(self.r), list(self.stores), self.clock.copy()
        new.spent, new.rounds, new.io = dict(self.spent), dict(self.rounds), dict(self.io)
        new.began, new.words = dict(self.began), dict(self.words)
        return new

    def _map(self) -> None:
        self.regions = self.code.target.regions_at(self.io[IO["pcw"]])
        self.pages: dict[int, tuple] = {}

    # ------------------------------------------------------------------ one instruction

    def step(self) -> None:
        """Execute one instruction; Fork, with nothing changed, where data decide."""
        if self.turns.depth:  # then there is no Fork
            self._execute(self.pc)
            return
        clock, address = self.clock, self.pc
        before = (list(self.r), self.nzvc, self.goal, self.loop, self.left, self.late,
                  list(self.stores), self.issued, dict(self.words), self.spent.get(address, 0))
        states, free = clock.states, clock.free
        try:
            self._execute(address)
        except Fork:
            (self.r, self.nzvc, self.goal, self.loop, self.left, self.late, self.stores,
             self.issued, self.words, self.spent[address]) = before
            self.pc, clock.states, clock.free = address, states, free
            raise
        except Unsteady:
            raise Unbounded(f"{self.code.text(address)} computes with a number from the data in a "
                            "way that is not understood") from None

    def _execute(self, address: int) -> None:
        row, fields = self.code.instruction(address)
        if self.loop and row.format in CONTROL:
            raise Unbounded(f"{self.code.text(address)}: a transfer of control inside a `do`")
        self.accesses = [] if self.cached else [
            ("I", self._choice(address, 4, "instruction fetch"))]
        self._late_next: set[int] = set()
        goal, self.goal = self.goal, None
        if row.format.startswith("DA"):
            self._floating(fields)
        elif row.late and "I" not in row.runs:
            self._load(fields)
        else:
            row.effect(self, fields)
        self.issued += 1
        while self.stores and self.stores[0][0] <= self.issued:
            _, where, size = self.stores.pop(0)
            self.accesses.append(("Z", self._choice(where, size, "Z write")))
        self.spent[address] = self.spent.get(address, 0) + self.clock.spend(self.accesses)
        self.late = frozenset(self._late_next)
        self.pc = address + 4 & 0xFFFFFF if goal is None else goal
        if self.loop and address == self.loop[1]:
            more = bool(self.left > 0)
            first = self.loop[0]
            if isinstance(self.left, Interval):
                self.left = Interval(self.turns, max(self.left.low, 1), self.left.high)
            self.left = self.left - 1 if more else 0
            self.loop = self.loop if more else None
            self.pc = first if more else self.pc
            self.cached = (more and first == address
                           and self.code.target.assumptions.caches_do_of_one)
        if not isinstance(self.pc, int):
            raise Unbounded(f"{self.code.text(address)} and its delay slot lead to an address that "
                            "depends on the data")

    def _floating(self, f) -> None:
        """The memory operands of a DAU instruction, in their order: X, Y, Z [dsp32c.md 5.2, L]."""
        y_size = z_size = 4
        if hasattr(f, "G"):
            function = dsp32c_da.SPECIAL[f.G]
            y_size, z_size = function.y_size, function.z_size
        if getattr(f, "X", 0) > 3:
            dsp32c_da.memory(self, f.X, 4, "X")
        y_address = self.reg(f.Y >> 3) if f.Y >> 3 else None
        if f.Y > 3:
            dsp32c_da.memory(self, f.Y, y_size, "Y")
        dsp32c_da.store(self, f, z_size, None, y_address)

    def _load(self, f) -> None:
        """A CAU load from memory [dsp32c.md 6]: a word of the image, or anything of its width."""
        width = f.D >> 5
        size = _SIZES[width]
        address = dsp32c_ca.pointer(self, f.P, size) if hasattr(f, "P") else signed(f.N)
        self.load(address, size, "X")
        value = self._image(address, size)
        if value is None:
            low, high = {0: (-0x8000, 0x7F00), 1: (0, 255), 2: (-0x8000, 0x7FFF)}.get(
                width, (-WORD >> 1, (WORD >> 1) - 1))
            self.set_loaded(f.D & 31, Interval(self.turns, low, high), Unknown(self.turns))
        else:
            dsp32c_ca.loaded(self, f.D & 31, width, value)

    # ------------------------------------------------------------------ what effects may do

    def reg(self, code: int):
        if code in FIXED:
            return FIXED[code]
        if code == PC:
            return self.pc + 8 & 0xFFFFFF
        late = self.late
        early = late and (code in late or code + STEPPED in late)
        return Interval(self.turns) if early else self.r[code]

    def set_reg(self, code: int, value) -> None:
        if code not in FIXED:
            value = value & 0xFFFFFF
            self.r[code] = Interval(self.turns) if isinstance(value, Unknown) else value

    def set_loaded(self, code: int, value, flags) -> None:
        self.set_reg(code, value)
        self.nzvc = flags
        self._late_next |= {code, FLAGS}

    def z_pointer(self, code: int):
        return Interval(self.turns) if code in self.late else self.r[code]

    def set_z_pointer(self, code: int, value) -> None:
        self.set_reg(code, value)
        self._late_next.add(code + STEPPED)

    def cau_flags(self, transfers: bool = False):
        return Unknown(self.turns) if FLAGS in self.late else self.nzvc

    def dau_flags_seen_by_cau(self):
        return Unknown(self.turns)

    def load(self, address, size: int, slot: str) -> None:
        self.accesses.append((slot, self._choice(address, size, "read")))

    def _image(self, address, size: int) -> int | None:
        """What a CAU load reads, if the CAU stored it or it is the image's own and nothing was
        stored there."""
        if not isinstance(address, int):
            return None
        address &= 0xFFFFFF
        if size == 4 and address in self.words:
            return self.words[address]
        word = self.code.word(address & ~3)
        span = (address, address + size - 1, (), self.pc)
        if word is None or not self.code.constant or clash([span], self.code.stores):
            return None
        self.code.reads.append(span)
        return word >> 8 * (address & 3) & (1 << 8 * size) - 1

    def store(self, address, size: int, value) -> None:
        self.accesses.append(("Y", self._choice(address, size, "write")))
        self._written(address, size)
        if size == 4 and isinstance(address, int) and not isinstance(value, Unknown) and all(
                self._misses(where, n, address & 0xFFFFFF) for _, where, n in self.stores):
            self.words[address & 0xFFFFFF] = value

    def queue_store(self, address, size: int, value) -> None:
        self.stores.append((self.issued + 4, address, size))
        self._written(address, size)

    def branch(self, target) -> None:
        if isinstance(target, Affine):
            raise Unsteady
        if not isinstance(target, int):
            raise Unbounded(f"{self.code.text(self.pc)} goes to an address that depends on the "
                            "data")
        self.goal = target & 0xFFFFFF
        self._back(self.goal, self.pc + 4)

    def repeat(self, body: int, repeats) -> None:
        self.loop, self.left = (self.pc + 4, self.pc + 4 * body), repeats
        self._back(*self.loop)

    def _back(self, first: int, last: int) -> None:
        if first <= last:
            self.code.loops[first] = max(last, self.code.loops.get(first, last))

    def read_io(self, code: int):
        if code not in self.io:
            self.unsupported("an I/O register other than pcw")
        return self.io[code]

    def write_io(self, code: int, value) -> None:
        self.read_io(code)
        if not isinstance(value, int):
            raise Unbounded(f"{self.code.text(self.pc)} sets wait states that depend on the data")
        self.io[code] = value & 0xFFFF
        self._map()

    def unsupported(self, what: str) -> None:
        raise Unbounded(f"{self.code.text(self.pc)} uses {what}, which is not modelled")

    # ------------------------------------------------------------------ addresses

    def _choice(self, address, size: int, what: str) -> tuple:
        """The (bank, wait states) that an access may meet."""
        kind = type(address)
        if kind is int:
            return self._place(address & 0xFFFFFF, what)[0]
        if kind is Affine:
            base = address.base & 0xFFFFFF
            choice, start, end = self._place(base, what)
            wrapped = address.base - base
            self.turns.within(address, wrapped + start, wrapped + end - size)
            return choice
        spans = [(address.low + turn, address.high + turn) for turn in (0, WORD)]
        spots = self._spots(spans, size)
        tables = self.code.tables(self.pc) if len(spots) > 1 and what == "read" else ()
        if tables:
            self.code.indexed.add(self.pc)
            spots = self._spots(tables, size)
        if len(spots) > 1:
            self.code.guesses.add(self.pc)
        return tuple(sorted(spots))

    def _spots(self, spans, size: int) -> set[tuple[int, int]]:
        """The (bank, wait states) of the regions that spans of addresses touch."""
        return {(r.bank, r.wait_states) for r in self.regions for low, high in spans
                if r.start < high + size and low < r.end}

    def _place(self, address: int, what: str) -> tuple:
        """(choice, start, end) of the region that an address lies in."""
        page = address >> PAGE_BITS
        if page not in self.pages:
            region = next((r for r in self.regions if r.start <= address < r.end), None)
            if region is None:
                raise Unbounded(f"{self.code.text(self.pc)}: {what} of {address:#08x}, where board "
                                f"'{self.code.target.board.name}' has no memory")
            self.pages[page] = ((region.bank, region.wait_states),), region.start, region.end
        return self.pages[page]

    def _written(self, address, size: int) -> None:
        rates: tuple[int, ...] = ()
        if isinstance(address, Interval):
            low, high = address.low, address.high
            if low < 0:
                low, high = (low + WORD, high + WORD) if high < 0 else (0, WORD)
        elif isinstance(address, Affine):
            low, high, rates = address.base, address.base, address.rates
        else:
            low = high = address & 0xFFFFFF
        self.code.stores.append((low, high + size - 1, rates, self.pc))
        self.words = {a: v for a, v in self.words.items() if self._misses(address, size, a)}
        if not self.turns.depth and len(self.code.stores) > 50:
            self.code.stores[:] = united(self.code.stores)

    def _misses(self, address, size: int, word: int) -> bool:
        """Whether `size` bytes from an address certainly leave a word of 4 bytes alone."""
        if isinstance(address, Interval):
            return all(high + turn + size <= word or word + 4 <= low + turn for turn in (0, WORD)
                       for low, high in [(address.low, address.high)])
        first = (address.base if isinstance(address, Affine) else address) & 0xFFFFFF
        if word - size < first < word + 4:
            return False
        turn = address.base - first if isinstance(address, Affine) else 0
        low, high = (turn, turn + word - size) if first < word else (
            turn + word + 4, turn + WORD - size)
        self.turns.within(address, low, high)
        return True

    # ------------------------------------------------------------------ meeting others

    def numbers(self) -> list:
        """Everything that may move from turn to turn: registers, `do` turns left, words that the
        CAU stored, Z addresses."""
        return [*self.r, self.left, *(v for _, v in sorted(self.words.items())),
                *(address for _, address, _ in self.stores)]

    def put_numbers(self, values: list) -> None:
        self.r, self.left, rest = values[:32], values[32], values[33:]
        self.words = dict(zip(sorted(self.words), rest, strict=False))
        self.stores = [(at, where, size) for (at, _, size), where in
                       zip(self.stores, rest[len(self.words):], strict=True)]

    def shape(self) -> tuple:
        """Everything else that decides what comes next, time apart."""
        stores = tuple((at - self.issued, size) for at, _, size in self.stores)
        return (self.pc, self.loop, self.cached, self.goal, self.late, stores, self.io[IO["pcw"]],
                tuple(sorted(self.words)))

    def key(self) -> tuple:
        return self.shape(), self.clock.phase()

    def turned(self, before: int) -> None:
        """Count a loop's turns, if pc begins one; refuse a loop that nothing but the data ends."""
        first = self.pc
        if first not in self.code.loops:
            return
        if first > before:
            self.rounds[first] = 0
            self.began.pop(first, None)
            return
        self.rounds[first] = self.rounds.get(first, 0) + 1
        now, old = [*self.numbers(), self.nzvc], self.began.get(first)
        if old and len(old) == len(now) and all(
                same(a, b) or isinstance(a, Unknown) and isinstance(b, Unknown)
                for a, b in zip(old, now, strict=True)):
            raise Unbounded(f"the loop at {first:#08x}, closed by {self.code.text(before - 4)}, "
                            "turns as often as the data say, or for ever: no register changes in "
                            "a turn")
        self.began[first] = now

    def join(self, other: Walker) -> None:
        """Become what is true of both: the later clock, the registers both agree on."""
        if other.clock.states > self.clock.states:
            self.spent = other.spent
        self.clock.join(other.clock)
        self.put_numbers([a if same(a, b) else self._hull(a, b) for a, b in
                          zip(self.numbers(), other.numbers(), strict=True)])
        if not same(self.nzvc, other.nzvc):
            self.nzvc = Unknown(self.turns)

    def _hull(self, a, b) -> Interval:
        ends = [n for v in (a, b) for n in ((v, v) if isinstance(v, int) else (v.low, v.high))]
        return Interval(self.turns, min(ends), max(ends))


def same(a, b) -> bool:
    """Whether two values are equal for certain."""
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    if isinstance(a, Affine) and isinstance(b, Affine):
        return (a.base, a.rates) == (b.base, b.rates)
    return isinstance(a, Interval) and isinstance(b, Interval) and (
        a.low, a.high) == (b.low, b.high)
