"""The simulator: the obvious slow interpreter that *is* the definition of the machine.

Each instruction is a row of the instruction set; its effect runs against the methods below, which
keep the latencies of dsp32c.md 7 [M L S].  None of them interlocks: too early a read sees the old
value, deterministically.  Sequences that the chip's documentation forbids raise an error when
`strict`; otherwise they see old values too.  Memory timing: dsp32c.md 4.4, see targets/target.py.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.operands import CODES, DAUC, FIXED, IO, PC, PCSH
from dsplet.firmware_sim.dsp32c.isa.table import Fields, Instruction
from dsplet.firmware_sim.dsp32c.parts.target import Region, Target
from dsplet.firmware_sim.dsp32c.sim.flags import bits, dashed
from dsplet.firmware_sim.dsp32c.sim.host import Host
from dsplet.firmware_sim.dsp32c.sim.profile import Profile

ADDRESS_SPACE = 1 << 24
PAGE_BITS = 11  # regions are multiples of the 2 KB on-chip bank
CONTROL = {"1", "3a", "3b", "3c", "4", "8a", "8c"}  # formats that a `do` body may not hold
_NAMES = CODES | {"pin": 24, "pout": 25, "ivtp": 29, "pcsh": PCSH}
Late = tuple[int, str]
"""What a register or "flags" held before, and why it still does."""
AGAIN = "loaded after another load by"
"""Of flags: AT&T's own ROM branches on those of the first of two loads [dsp32c.md 15.1, S]."""


class MachineError(UserError):
    """The program did something the machine refuses; the message says what and where."""


class LimitExceeded(MachineError):
    """The program did not arrive within the number of instructions allowed."""


class IllegalInstruction(MachineError):
    """A word that is no instruction, or one whose effect is not modelled."""


class BadAccess(MachineError):
    """A misaligned access, or one to an address without memory."""


class IllegalSequence(MachineError):
    """Two instructions that must not follow each other [dsp32c.md 7]."""


class Machine(Host):
    """A DSP32C with its memory.  Registers are unsigned 24-bit ints, accumulators 40-bit ints."""

    def __init__(self, target: Target, memory: np.ndarray | None = None,
                 strict: bool = True) -> None:
        """memory: 2^24 bytes (uint8), zeros by default."""
        self.target = target
        self.strict = strict
        self.memory = np.zeros(ADDRESS_SPACE, np.uint8) if memory is None else memory
        self._bytes = self.memory.data
        self.assumed = assumed = target.assumptions
        self._busy, self._wait_stalls = assumed.bank_busy_states, assumed.wait_stalls_machine
        self._slots = {slot: state for state, slot in enumerate(assumed.slot_order)}
        self._pages: list[Region | None] = [None] * (ADDRESS_SPACE >> PAGE_BITS)
        self._programmed: int | None = None  # the pcw whose wait states are in force
        # gathers ("new" or "old", what, value): writes and early reads
        self.watch: list[tuple[str, str, str]] | None = None
        self.reset()

    # ------------------------------------------------------------------ state

    def reset(self, pc: int = 0) -> None:
        """Zero registers, accumulators, flags, pipeline, time and counters; keep the memory."""
        self.r = [0] * 32  # by 5-bit register code
        self.a = [0] * 4
        self.nzvc = self.dnzuv = 0
        self.pc = pc
        self.io = {IO["pcw"]: self.target.pcw}
        self._program_waits()
        self._branch: int | None = None  # target that takes effect after the delay slot
        self._loop: tuple[int, int, int] | None = None  # first, last, repeats left of a `do`
        self._cached = False  # the next instruction is the one that `do 0,n` repeats
        self._a_history: list[list[int]] = []  # filled at the first step
        self._flag_history: list[int] = []
        # Z writes on their way: (landing instruction, address, size, value)
        self._stores: list[tuple[int, int, int, int]] = []
        self._late: dict[int | str, Late] = {}
        self._late_next: dict[int | str, Late] = {}
        self._memory_y = self._memory_y_next = False
        self._accesses: list[tuple[str, Region]] = []  # (slot, region) of the current instruction
        self._issued = 0
        self._last_pc = pc
        self.states = 0
        self._free: dict[int, int] = {}  # bank -> state from which it is free
        self.count: dict[int, int] = {}
        self.stalls: dict[str, dict[int, int]] = {"bank": {}, "wait": {}}

    def register(self, name: str) -> int:
        """A register by name ("r1".."r22", "pcsh"...): unsigned 24 bits."""
        return self.r[_NAMES[name]]

    def set_register(self, name: str, value: int) -> None:
        """Set a register by name, modulo 2^24."""
        self.r[_NAMES[name]] = value & 0xFFFFFF

    @property
    def dauc(self) -> int:
        """The DAU control register, 5 bits [dsp32c.md 2, A S]."""
        return self.r[DAUC]

    @dauc.setter
    def dauc(self, value: int) -> None:
        self.r[DAUC] = value & 31

    @property
    def flags(self) -> str:
        """The CAU flags as "nzvc", a dash for each that is clear."""
        return dashed(self.nzvc, "nzvc")

    @flags.setter
    def flags(self, text: str) -> None:
        self.nzvc = bits(text)

    @property
    def dflags(self) -> str:
        """The DAU flags as "NZUV", a dash for each that is clear."""
        return dashed(self.dnzuv, "NZUV")

    @dflags.setter
    def dflags(self, text: str) -> None:
        self.dnzuv = bits(text)

    # ------------------------------------------------------------------ running

    def run(self, until: int | None, max_instructions: int = 10_000_000) -> Profile:
        """Execute until pc == until, then let pending Z writes land (they cost no time).

        until: byte address, not itself executed; None runs max_instructions exactly.
        Raises MachineError: see its subclasses; LimitExceeded when `until` is not reached.
        """
        for _ in range(max_instructions):
            if self.pc == until:
                break
            self.step()
        if until is not None and self.pc != until:
            raise LimitExceeded(f"{max_instructions} instructions executed and pc is "
                                f"{self.pc:#08x}, not {until:#08x}")
        for _, address, size, value in self._stores:
            self._write(address, size, value)
        self._stores.clear()
        return self.profile()

    def step(self) -> None:
        """Execute one instruction."""
        if not self._a_history:  # before the first instruction all history is alike
            self._a_history = [list(self.a), list(self.a)]
            self._flag_history = [self.dnzuv] * 3
        address = self.pc
        row, fields = self._fetch(address)
        if self._loop and self.strict and row.format in CONTROL:
            raise self._sequence("transfers control inside a `do` loop, after")
        accumulators, flags, branch = list(self.a), self.dnzuv, self._branch
        self._branch = None
        row.effect(self, fields)
        self._issued += 1
        self._land_store()
        self._take_time(address)
        self.count[address] = self.count.get(address, 0) + 1
        self._a_history = [self._a_history[1], accumulators]
        self._flag_history = [*self._flag_history[1:], flags]
        self._late, self._late_next = self._late_next, {}
        self._memory_y, self._memory_y_next = self._memory_y_next, False
        self._last_pc = address
        self._program_waits()
        self.pc = (address + 4 if branch is None else branch) & 0xFFFFFF
        if self._loop and address == self._loop[1]:
            first, last, left = self._loop
            self._loop = (first, last, left - 1) if left else None
            self.pc = first if left else self.pc
            self._cached = bool(left) and first == last and self.assumed.caches_do_of_one

    def profile(self) -> Profile:
        """The counters since reset."""
        return Profile(self.states, dict(self.count),
                       {cause: dict(lost) for cause, lost in self.stalls.items()})

    def _fetch(self, address: int) -> tuple[Instruction, Fields]:
        region = self._region(address, 4, "instruction fetch")
        self._accesses = [] if self._cached else [("I", region)]
        word = self._read(address, 4)
        found = TABLE.decode(word)
        if found is None:
            raise IllegalInstruction(f"word {word:#010x} at pc {address:#08x} is no instruction")
        return found

    def _take_time(self, address: int) -> None:
        """Advance the clock by one instruction: 4 states and what memory adds [dsp32c.md 4.4]."""
        delay = 0
        for slot, region in sorted(self._accesses, key=lambda access: self._slots[access[0]]):
            due = self.states + self._slots[slot] + delay
            start = max(due, self._free.get(region.bank, 0))
            self._free[region.bank] = start + self._busy + region.wait_states
            self._lose("bank", address, start - due)
            delay += start - due
            if self._wait_stalls:
                self._lose("wait", address, region.wait_states)
                delay += region.wait_states
        self.states += self.target.states_per_cycle + delay

    def _lose(self, cause: str, address: int, states: int) -> None:
        if states:
            lost = self.stalls[cause]
            lost[address] = lost.get(address, 0) + states

    def _land_store(self) -> None:
        """The Z write of the third instruction before this one, in this one's last slot."""
        while self._stores and self._stores[0][0] <= self._issued:
            _, address, size, value = self._stores.pop(0)
            self._accesses.append(("Z", self._region(address, size, "Z write")))
            self._write(address, size, value)

    # ------------------------------------------------------------------ memory

    def _program_waits(self) -> None:
        """Put pcw's wait states in force: they count from the instruction after its write on."""
        pcw = self.io[IO["pcw"]]
        if pcw == self._programmed:
            return
        for region in self.target.regions_at(pcw):
            if region.programmed or self._programmed is None:
                first, end = region.start >> PAGE_BITS, region.end >> PAGE_BITS
                self._pages[first:end] = [region] * (end - first)
        self._programmed = pcw

    def _region(self, address: int, size: int, what: str) -> Region:
        if address & size - 1:
            raise BadAccess(f"misaligned {size}-byte {what} of {address:#08x} at pc {self.pc:#08x}")
        region = self._pages[address >> PAGE_BITS]
        if region is None:
            raise BadAccess(f"{what} of {address:#08x} at pc {self.pc:#08x}: no memory there on "
                            f"board {self.target.board.name!r}")
        return region

    def _read(self, address: int, size: int) -> int:
        return int.from_bytes(self._bytes[address:address + size], "little")

    def _write(self, address: int, size: int, value: int) -> None:
        raw = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        self._bytes[address:address + size] = raw
        if self.watch is not None:
            self.watch.append(("new", f"*{address:06x}", raw[::-1].hex()))

    def peek(self, address: int) -> int:
        """The word at an address, a multiple of four, once the Z writes on their way landed."""
        word = bytearray(self._bytes[address:address + 4])
        for _, at, size, value in self._stores:
            if at & ~3 == address:
                content = value & (1 << 8 * size) - 1
                word[at & 3:(at & 3) + size] = content.to_bytes(size, "little")
        return int.from_bytes(word, "little")

    # ------------------------------------------------------------------ what effects may do

    def reg(self, code: int) -> int:
        """A register as this instruction sees it, unsigned 24 bits; pc reads as pc + 8 [M A]."""
        if code in FIXED:
            return FIXED[code]
        if code == PC:
            return self.pc + 8 & 0xFFFFFF
        if code in self._late:
            return self._too_early(code)
        return self.r[code]

    def set_reg(self, code: int, value: int) -> None:
        """Write a register: the next instruction sees it."""
        if code in self._late:
            self._too_early(code)
        if code not in FIXED:
            self.r[code] = value & 0xFFFFFF

    def set_loaded(self, code: int, value: int, flags: int) -> None:
        """A CAU load's result: register and flags are seen by the second instruction after."""
        self._late_next["flags"] = self.nzvc, AGAIN if "flags" in self._late else "loaded by"
        self.nzvc = flags
        if code not in FIXED:
            self._late_next[code] = self.r[code], "loaded by"
            self.r[code] = value & 0xFFFFFF

    def z_pointer(self, code: int) -> int:
        """A pointer as a Z operand sees it: also a Z step of the instruction before."""
        if code in self._late and self._late[code][1] == "loaded by":
            return self._too_early(code)
        return self.r[code]

    def set_z_pointer(self, code: int, value: int) -> None:
        """Step a Z pointer: other uses than Z see it in the second instruction after."""
        self._late_next[code] = self.r[code], "stepped as a Z pointer by"
        self.r[code] = value & 0xFFFFFF

    def cau_flags(self, transfers: bool = False) -> int:
        """n z v c as bits 8 4 2 1. transfers: for a conditional transfer of control, which may
        stand right after two loads: it sees the first one's."""
        if "flags" not in self._late:
            return self.nzvc
        old, cause = self._late["flags"]
        if transfers and cause == AGAIN:
            self._old("flags", old)
            return old
        return self._too_early("flags")

    def dau_flags_seen_by_cau(self) -> int:
        """N Z U V of the fourth instruction before, as bits 8 4 2 1."""
        if self._flag_history[0] != self.dnzuv:
            self._old("flags", self._flag_history[0])
        return self._flag_history[0]

    def multiplier_view(self, number: int) -> int:
        """An accumulator as the multiplier sees it: after the third instruction before."""
        if self._a_history[0][number] != self.a[number]:
            self._old(f"a{number}", self._a_history[0][number])
        return self._a_history[0][number]

    def load(self, address: int, size: int, slot: str) -> int:
        """Read memory in slot X or Y, `size` bytes, unsigned."""
        address &= 0xFFFFFF
        self._accesses.append((slot, self._region(address, size, "read")))
        self._memory_y_next |= slot == "Y"
        if any(at < address + size and address < at + n for _, at, n, _ in self._stores):
            self._old(f"*{address:06x}", self._read(address, size))
        return self._read(address, size)

    def store(self, address: int, size: int, value: int) -> None:
        """A CAU store: slot Y, the next instruction sees it."""
        if self._memory_y and self.strict:
            raise self._sequence("stores right after the memory Y operand of")
        address &= 0xFFFFFF
        self._accesses.append(("Y", self._region(address, size, "write")))
        self._write(address, size, value)

    def queue_store(self, address: int, size: int, value: int) -> None:
        """A DAU store: lands in the third instruction after, seen by the fourth."""
        address &= 0xFFFFFF
        self._region(address, size, "Z write")
        self._stores.append((self._issued + 4, address, size, value))

    def branch(self, target: int) -> None:
        """Continue at target after the next instruction (the delay slot)."""
        self._branch = target & 0xFFFFFF

    def repeat(self, body: int, repeats: int) -> None:
        """`do`: run the next `body` instructions `repeats` + 1 times."""
        self._loop = self.pc + 4, self.pc + 4 * body, repeats

    def read_io(self, code: int) -> int:
        """An I/O register; only pcw exists here."""
        if code not in self.io:
            self.unsupported("an I/O register other than pcw")
        return self.io[code]

    def write_io(self, code: int, value: int) -> None:
        """pcw is kept; its low bits set the wait states where the board has them programmed."""
        self.read_io(code)
        self.io[code] = value & 0xFFFF

    def unsupported(self, what: str) -> NoReturn:
        """Refuse an instruction that the simulator does not model."""
        raise IllegalInstruction(f"{self._text(self.pc)} at pc {self.pc:#08x} uses {what}, "
                                 "which is not modelled")

    # ------------------------------------------------------------------ illegal sequences

    def _too_early(self, name: int | str) -> int:
        old, cause = self._late[name]
        if self.strict:
            what = "flags" if name == "flags" else next(n for n, c in _NAMES.items() if c == name)
            raise self._sequence(f"uses {what}, {cause}")
        self._old("flags" if name == "flags" else f"register {name}", old)
        return old

    def _old(self, what: str, value: int) -> None:
        if self.watch is not None:
            self.watch.append(("old", what, f"{value:x}"))

    def _sequence(self, what: str) -> IllegalSequence:
        return IllegalSequence(f"`{self._text(self.pc)}` at pc {self.pc:#08x} {what} "
                               f"`{self._text(self._last_pc)}` at {self._last_pc:#08x}")

    def _text(self, address: int) -> str:
        return str(TABLE.show(self._read(address, 4)))
