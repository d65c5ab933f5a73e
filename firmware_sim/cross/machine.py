"""Executes a cross-compiled program on Unicorn, and tells which straight runs of instructions it
took: what was executed between two jumps, and for which section."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from dsplet.base.library import compiled
from dsplet.export.c.emulate import NoTool
from dsplet.firmware_sim.backend import Array, DoesNotFit, Target
from dsplet.firmware_sim.cross.build import Built

SOURCE = Path(__file__).with_name("runs.c")
CAPACITY = 1 << 16
"""Of runs.c."""
KEPT = 0xFFFF
"""The section of code that works for whoever called it."""
PAGE_BYTES = 4096
PAINT = 0xA5
WORDS_IN_REGISTERS = {"ARM": 4, "RISCV": 8}
DIVISION_BITS = 33


@dataclass(frozen=True)
class Cpu:
    """A processor as Unicorn names it. arch: "ARM" or "RISCV". mode, model: ends of its constants'
    names. arguments: what the registers' names begin with. thumb: 1 where code addresses are
    odd."""

    arch: str
    mode: tuple[str, ...]
    model: str
    arguments: str
    stack: str
    link: str
    thumb: int = 0


@dataclass(frozen=True)
class Run:
    """A stretch of code, up to the jump that ends it. section: of the program. expected: where the
    conditional jump in it ends that the processor expected to be taken; 0: none."""

    start: int
    end: int
    section: int
    expected: int = 0


@dataclass(frozen=True)
class Divide:
    """A division in the code. dividend, divisor: registers, as Unicorn names them."""

    address: int
    dividend: str
    divisor: str
    signed: bool


@dataclass(frozen=True)
class Divided:
    """How often a division had a quotient, and a divisor, of so many bits: 33 counts each."""

    by_quotient_bits: tuple[int, ...]
    by_divisor_bits: tuple[int, ...]


@dataclass(frozen=True)
class Execution:
    """Of one call. loads: of each section, those that memory gives in two pieces, in three, and
    words from flash, where they are counted. divided: by address."""

    counts: Mapping[Run, int]
    loads: Array
    divided: Mapping[int, Divided] = field(default_factory=dict)


class _Run(ctypes.Structure):
    _fields_ = [("start", ctypes.c_uint32), ("end", ctypes.c_uint32), ("section", ctypes.c_uint32),
                ("expected", ctypes.c_uint32), ("count", ctypes.c_uint64)]


class _Runs(ctypes.Structure):
    _fields_ = [("code_start", ctypes.c_uint32), ("code_halves", ctypes.c_uint32),
                ("owner", ctypes.c_void_p), ("start", ctypes.c_uint32), ("end", ctypes.c_uint32),
                ("section", ctypes.c_uint32), ("overflown", ctypes.c_uint32),
                ("guessed", ctypes.c_void_p), ("expected", ctypes.c_uint32),
                ("loads", ctypes.c_void_p), ("flash_start", ctypes.c_uint32),
                ("flash_end", ctypes.c_uint32), ("runs", _Run * CAPACITY)]


class _Division(ctypes.Structure):
    _fields_ = [("read", ctypes.c_void_p), ("dividend", ctypes.c_int), ("divisor", ctypes.c_int),
                ("is_signed", ctypes.c_int),
                ("by_quotient_bits", ctypes.c_uint64 * DIVISION_BITS),
                ("by_divisor_bits", ctypes.c_uint64 * DIVISION_BITS)]


@cache
def _hooks() -> ctypes.CDLL:
    """runs.c. Raises LibraryError."""
    library = compiled(SOURCE, ("-O2", "-shared", "-fPIC")).loaded
    library.finish.restype = ctypes.c_int32
    return library


def _unicorn(module: str) -> Any:
    """Raises NoTool."""
    try:
        return import_module(module)
    except ImportError as error:
        raise NoTool("the emulator unicorn is not installed",
                     remedy="pip install 'dsplet[cores]'") from error


class Machine:
    """A processor with the target's memory and a program in it."""

    def __init__(self, cpu: Cpu, target: Target, built: Built, owners: Mapping[str, int],
                 divides: Sequence[Divide] = (), guessed: Collection[int] = (),
                 loads: bool = False) -> None:
        """owners: function -> its section; others work for whoever calls them. divides: divisions
        whose operands matter. guessed: where the conditional jumps end of which the processor
        expects the last one that led back to be taken again; none where it expects nothing. loads:
        count those that lie across words or come from flash, which makes it some fifteen times
        slower."""
        self._uc = _unicorn("unicorn")
        self._names = _unicorn(f"unicorn.{cpu.arch.lower()}_const")
        self._library = _unicorn("unicorn.unicorn_py3.unicorn").uclib
        self.cpu, self.built, hooks = cpu, built, _hooks()
        uc = self._uc
        mode = sum(getattr(uc, f"UC_MODE_{m}") for m in cpu.mode)
        self._emulator = emulator = uc.Uc(getattr(uc, f"UC_ARCH_{cpu.arch}"), mode)
        if cpu.model:
            emulator.ctl_set_cpu_model(getattr(self._names, f"UC_CPU_{cpu.model}"))
        for region in target.regions:
            emulator.mem_map(region.start, -(-region.bytes // PAGE_BYTES) * PAGE_BYTES)
        for address, content in built.segments.items():
            emulator.mem_write(address, content)
        self.ram = next(r for r in target.regions if r.name == "RAM")
        self._runs = _Runs(code_start=min(built.lines), section=0)
        self._owner = self._owners(owners)
        self._runs.owner, self._runs.code_halves = self._owner.ctypes.data, len(self._owner)
        self._found = (_Run * CAPACITY)()
        self._loads = np.zeros((max(owners.values()) + 1, 3), np.uint64)
        self._runs.loads = self._loads.ctypes.data
        flash = next(r for r in target.regions if r.name == "flash")
        self._runs.flash_start, self._runs.flash_end = flash.start, flash.end
        self._guessed = np.zeros(len(self._owner) + 1, np.uint8)
        if guessed:
            self._guessed[(np.array(sorted(guessed)) - min(built.lines)) // 2] = 1
            self._runs.guessed = self._guessed.ctypes.data
        self._hook(uc.UC_HOOK_BLOCK, hooks.block, self._runs, 1, 0)
        if loads:
            self._hook(uc.UC_HOOK_MEM_READ, hooks.load, self._runs, 1, 0)
        self._divisions = {d.address: self._division(d) for d in divides}
        self._free = self.ram.start + built.ram_bytes
        self._stack = self.ram.end & ~15
        self._back = self._return_address(target)

    def _owners(self, owners: Mapping[str, int]) -> Array:
        start, last = min(self.built.lines), max(self.built.lines.values(), key=lambda x: x.address)
        owner = np.full((last.address + last.size - start) // 2, KEPT, np.uint16)
        for name, section in owners.items():
            first, end = self.built.functions[name]
            owner[(first - start) // 2:(end - start) // 2] = section
        return owner

    def _return_address(self, target: Target) -> int:
        """Where no code is: execution ends there."""
        flash = target.region(min(self.built.lines))
        assert flash
        return flash.end - 4

    def _register(self, name: str) -> int:
        number: int = getattr(self._names, f"UC_{self.cpu.arch}_REG_{name.upper()}")
        return number

    def _hook(self, kind: int, function: Any, user: ctypes.Structure, first: int, last: int
              ) -> None:
        """The emulator calls the C function, without any Python, at addresses first to last; at
        all where last < first."""
        handle = ctypes.c_size_t()
        status = self._library.uc_hook_add(
            self._emulator._uch, ctypes.byref(handle), kind, ctypes.cast(function, ctypes.c_void_p),
            ctypes.cast(ctypes.pointer(user), ctypes.c_void_p), ctypes.c_uint64(first),
            ctypes.c_uint64(last))
        if status:
            raise RuntimeError(f"unicorn takes no hook: {status}")

    def _division(self, d: Divide) -> _Division:
        found = _Division(read=ctypes.cast(self._library.uc_reg_read, ctypes.c_void_p).value,
                          dividend=self._register(d.dividend), divisor=self._register(d.divisor),
                          is_signed=d.signed)
        self._hook(self._uc.UC_HOOK_CODE, _hooks().divided, found, d.address, d.address)
        return found

    # --- memory and calls -----------------------------------------------------------------------
    def place(self, size: int) -> int:
        """The address of so many free bytes of RAM, aligned to 8. Raises DoesNotFit."""
        if size > self.free_bytes:
            raise DoesNotFit("input, output and activations do not fit into RAM",
                             size - self.free_bytes)
        address = self._free
        self._free += -(-size // 8) * 8
        return address

    @property
    def free_bytes(self) -> int:
        """What the stack has."""
        return self._stack - self._free

    def paint(self) -> None:
        """What no call has used of the stack can be told afterwards."""
        self._emulator.mem_write(self._free, bytes([PAINT]) * self.free_bytes)

    def stack_bytes(self) -> int:
        """The deepest that any call since `paint` has gone."""
        rest = np.frombuffer(self._emulator.mem_read(self._free, self.free_bytes), np.uint8)
        used = np.flatnonzero(rest != PAINT)
        return len(rest) - int(used[0]) if len(used) else 0

    def write(self, address: int, content: bytes) -> None:
        self._emulator.mem_write(address, content)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._emulator.mem_read(address, size))

    def call(self, function: str, *arguments: int) -> Execution:
        """Call it to its end."""
        cpu, emulator = self.cpu, self._emulator
        few = WORDS_IN_REGISTERS[cpu.arch]
        stack = self._stack - -(-4 * max(len(arguments) - few, 0) // 16) * 16
        for i, value in enumerate(arguments[:few]):
            emulator.reg_write(self._register(f"{cpu.arguments}{i}"), value)
        for i, value in enumerate(arguments[few:]):
            emulator.mem_write(stack + 4 * i, value.to_bytes(4, "little"))
        home, back = self.built.functions[function][0], self._back
        emulator.reg_write(self._register(cpu.stack), stack)
        emulator.reg_write(self._register(cpu.link), back | cpu.thumb)
        emulator.emu_start(home | cpu.thumb, back)
        return self._counted()

    def _counted(self) -> Execution:
        n = _hooks().finish(ctypes.byref(self._runs), self._found)
        if n < 0:
            raise RuntimeError("more different runs of instructions than there is room for")
        counts = {Run(f.start, f.end, f.section, f.expected): f.count for f in self._found[:n]}
        loads = self._loads.astype(np.int64)
        self._loads[:] = 0
        divided = {}
        for address, d in self._divisions.items():
            divided[address] = Divided(tuple(d.by_quotient_bits), tuple(d.by_divisor_bits))
            d.by_quotient_bits[:] = d.by_divisor_bits[:] = [0] * DIVISION_BITS
        return Execution(counts, loads, divided)
