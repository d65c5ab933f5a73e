"""The fast engine: DSP32C machine code interpreted by C, bit for bit what `machine.Machine` does.

`engine.c` is one generic interpreter.  It is compiled once with the C compiler at hand, kept in the
user's cache (`base.library`), and used with the interface of `Machine`; a batch door runs one
program over many inputs without any Python per input.
"""

import ctypes
import time
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from dsplet.base.library import Library, LibraryError, compiled
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.operands import CODES, PCSH
from dsplet.firmware_sim.dsp32c.parts.target import programmed_waits
from dsplet.firmware_sim.dsp32c.sim.host import Host
from dsplet.firmware_sim.dsp32c.sim.machine import (
    BadAccess,
    IllegalInstruction,
    IllegalSequence,
    LimitExceeded,
    Machine,
    MachineError,
)
from dsplet.firmware_sim.dsp32c.sim.profile import Profile

FLAGS = ("-O2", "-shared", "-fPIC", "-ffp-contract=off")
SOURCES = sorted(Path(__file__).parent.glob("engine*.[ch]"))
PAGE_BYTES = 2048  # one on-chip bank [dsp32c.md 4.1]
PAGES = (1 << 24) // PAGE_BYTES
DONE, LIMIT, ILLEGAL_WORD, OUTSIDE, MISALIGNED, HAZARD, TRANSFER_IN_DO = range(7)
LOADED_FLAGS, STORE_BUS = 1 << 32, 1 << 33  # hazard bits of engine_decode.h
LAST_WORD = 0xFFFFFFFF  # no address: never reached
_NAMES = CODES | {"pin": 24, "pout": 25, "ivtp": 29, "pcsh": PCSH}


class _Chip(ctypes.Structure):
    """The part of engine.c's Chip that Python reads and writes directly."""

    _fields_ = [
        ("memory", ctypes.c_void_p),
        ("r", ctypes.c_uint32 * 40),
        ("pc", ctypes.c_uint32),
        ("branch", ctypes.c_uint32),
        ("dauc", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("dau_flags", ctypes.c_uint32),
        ("busy", ctypes.c_uint32),
        ("truncates", ctypes.c_uint32),
        ("wait_stalls", ctypes.c_uint32),
        ("boot_pcw", ctypes.c_uint32),
        ("pcw", ctypes.c_uint32),
        ("waits", ctypes.c_uint8 * 128),
        ("order", ctypes.c_uint8 * 4),
        ("states", ctypes.c_int64),
        ("error_pc", ctypes.c_uint32),
        ("error_address", ctypes.c_uint32),
        ("error_mask", ctypes.c_uint64),
    ]


@cache
def _library() -> Library:
    """engine.c. Raises LibraryError."""
    found = compiled(SOURCES[0].with_name("engine.c"), FLAGS, SOURCES)
    chip, word, long, array = (ctypes.POINTER(_Chip), ctypes.c_uint32, ctypes.c_int64,
                               ctypes.c_void_p)
    signatures = {
        "chip_new": (chip, array, array, array),
        "chip_free": (None, chip),
        "chip_reset": (None, chip, word),
        "chip_set_accumulator": (None, chip, ctypes.c_int, ctypes.c_uint64),
        "chip_accumulator": (ctypes.c_uint64, chip, ctypes.c_int),
        "chip_clear_counters": (None, chip),
        "chip_counters": (long, chip, array, long),
        "chip_run": (ctypes.c_int, chip, word, long, ctypes.c_int),
        "chip_drain": (None, chip),
        "chip_batch": (long, chip, word, word, long, word, array, long, word, array, long, array,
                       long, ctypes.c_int, ctypes.POINTER(ctypes.c_int)),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(found.loaded, name)
        function.restype, function.argtypes = result, arguments
    return found


def fastest(target):
    """(simulator, word): an Engine, or a Machine where there can be none; and, in a line, what
    makes this slower than it need be, else ""."""
    try:
        unkept = _library().unkept
        return Engine(target), unkept and f"the engine is compiled anew each time: {unkept}"
    except LibraryError as error:
        return Machine(target), (f"the slow simulator is used, some thousand times slower: {error}")


class Engine(Host):
    """A DSP32C on a board: what `Machine` is, some thousand times as fast."""

    def __init__(self, target, memory: np.ndarray | None = None, strict: bool = True):
        """target: a targets.Target; memory: 2^24 bytes (uint8), zeros by default."""
        self.target, self.strict = target, strict
        assumed = target.assumptions
        self._library = _library().loaded
        self.memory = np.zeros(1 << 24, np.uint8) if memory is None else memory
        if self.memory.dtype != np.uint8 or self.memory.shape != (1 << 24,):
            raise ValueError(f"memory is {self.memory.dtype} {self.memory.shape}, expected uint8 "
                             f"({1 << 24},)")
        memory_map = np.full(PAGES, 255, np.uint16)
        partition = np.zeros(PAGES, np.uint8)
        for region in target.regions:
            if region.start % PAGE_BYTES or region.end % PAGE_BYTES:
                raise ValueError(f"{target.name}: region {region.name} is not whole 2 KB pages")
            pages = slice(region.start // PAGE_BYTES, region.end // PAGE_BYTES)
            memory_map[pages] = region.bank | region.wait_states << 8
            partition[pages] = " AB".index(region.programmed or " ")
        self._pointer = self._library.chip_new(
            *(a.ctypes.data for a in (self.memory, memory_map, partition)))
        weakref.finalize(self, self._library.chip_free, self._pointer)
        self._chip = chip = self._pointer.contents
        chip.busy, chip.truncates = assumed.bank_busy_states, assumed.adder_truncates
        chip.wait_stalls = assumed.wait_stalls_machine
        chip.order[:] = ["IXYZ".index(slot) for slot in assumed.slot_order]
        chip.boot_pcw = target.pcw
        chip.waits[:] = [programmed_waits(p, pcw) for p in "AB" for pcw in range(64)]
        self.reset()

    # ---- state ----

    def reset(self, pc: int = 0):
        """Everything but memory as after power-up, counters cleared."""
        self._library.chip_reset(self._pointer, pc)
        self._library.chip_clear_counters(self._pointer)

    def register(self, name: str) -> int:
        return self._chip.r[_NAMES[name]]

    def set_register(self, name: str, value: int):
        self._chip.r[_NAMES[name]] = value & 0xFFFFFF

    @property
    def a(self) -> list[int]:
        """The four accumulators, 40 bits each; setting them sets their history too."""
        return [self._library.chip_accumulator(self._pointer, k) for k in range(4)]

    @a.setter
    def a(self, values):
        for k, value in enumerate(values):
            self._library.chip_set_accumulator(self._pointer, k, value)

    @property
    def pc(self) -> int:
        return self._chip.pc

    @pc.setter
    def pc(self, value: int):
        self._chip.pc = value & 0xFFFFFF

    @property
    def dauc(self) -> int:
        return self._chip.dauc

    @dauc.setter
    def dauc(self, value: int):
        self._chip.dauc = value & 31

    @property
    def flags(self) -> str:
        """CAU flags, "nzvc" with a dash for 0."""
        return _dashes(self._chip.flags, "nzvc")

    @flags.setter
    def flags(self, text: str):
        self._chip.flags = _bits(text)

    @property
    def dflags(self) -> str:
        """DAU flags, "NZUV" with a dash for 0; setting them sets their history too."""
        return _dashes(self._chip.dau_flags, "NZUV")

    @dflags.setter
    def dflags(self, text: str):
        self._chip.dau_flags = _bits(text) * 0x01010101

    @property
    def states(self) -> int:  # type: ignore[override]  # nobody but the library counts here
        """Clock states since reset; an undisturbed instruction takes four [dsp32c.md 1]."""
        return self._chip.states

    # ---- execution ----

    def step(self) -> None:
        """One instruction; Z writes stay on their way."""
        status = self._library.chip_run(self._pointer, LAST_WORD, 1, self.strict)
        if status != LIMIT:
            raise self._error(status, LAST_WORD, 1)

    def run(self, until: int | None, max_instructions: int = 10_000_000) -> Profile:
        """Execute until pc == until, then let pending Z writes land (they cost no time).

        until: byte address, not itself executed; None runs max_instructions exactly.
        Raises MachineError as Machine.run does; LimitExceeded when `until` is not reached.
        """
        goal = LAST_WORD if until is None else until
        status = self._library.chip_run(self._pointer, goal, max_instructions, self.strict)
        if status != (LIMIT if until is None else DONE):
            raise self._error(status, goal, max_instructions)
        self._library.chip_drain(self._pointer)
        return self.profile()

    def run_batch(self, start_pc: int, until: int, input_address: int, inputs, output_address: int,
                  output_words: int, max_instructions: int = 100_000_000,
                  progress: Callable[[int], None] | None = None):
        """(outputs (N, output_words) uint32, states (N,) int64) of one program over N inputs.

        inputs: (N, words) uint32, written at input_address before each run.  Each image starts from
        reset registers; memory is left as the image before left it.  Counters go on counting.
        `progress` is called with the number of images done, about ten times a second.
        """
        inputs = np.ascontiguousarray(inputs, np.uint32)
        count, words = inputs.shape
        for address, size in ((input_address, words), (output_address, output_words)):
            if address % 4 or not 0 <= address <= (1 << 24) - 4 * size:
                raise MachineError(f"batch buffer 0x{address:06x} ({size} words) is not in memory")
        outputs = np.zeros((count, output_words), np.uint32)
        states = np.zeros(count, np.int64)
        status, done, chunk = ctypes.c_int(), 0, 1
        while done < count:
            size, began = min(chunk, count - done), time.perf_counter()
            ran = self._library.chip_batch(
                self._pointer, start_pc, until, max_instructions, input_address,
                inputs[done:].ctypes.data, words, output_address, outputs[done:].ctypes.data,
                output_words, states[done:].ctypes.data, size, self.strict, status)
            done += ran
            if status.value != DONE:
                error = self._error(status.value, until, max_instructions)
                raise type(error)(f"input {done}: {error}")
            seconds = max(time.perf_counter() - began, 1e-6)
            chunk = max(1, min(int(size * 0.1 / seconds), 4 * size))
            if progress:
                progress(done)
        return outputs, states

    def profile(self) -> Profile:
        """Executions and stalled states of each code address since reset."""
        rows = np.zeros((self._library.chip_counters(self._pointer, None, 0), 4), np.int64)
        self._library.chip_counters(self._pointer, rows.ctypes.data, len(rows))
        address, count, bank, wait = rows[rows[:, 0].argsort()].T.tolist() or [[]] * 4

        def nonzero(values):
            return {a: v for a, v in zip(address, values, strict=True) if v}

        return Profile(self.states, nonzero(count), {"bank": nonzero(bank), "wait": nonzero(wait)})

    def _error(self, status: int, until: int, limit: int) -> MachineError:
        pc, address = self._chip.error_pc, self._chip.error_address
        if status == LIMIT:
            return LimitExceeded(f"{limit} instructions executed and pc is {pc:#08x}, "
                                 f"not {until:#08x}")
        if status == MISALIGNED:
            return BadAccess(f"misaligned access of {address:#08x} at pc {pc:#08x}")
        if status == OUTSIDE:
            return BadAccess(f"access of {address:#08x} at pc {pc:#08x}: no memory there on "
                             f"board {self.target.board.name!r}")
        word = int.from_bytes(self.memory[pc:pc + 4].tobytes(), "little")
        text = f"`{TABLE.show(word) or f'word {word:#010x}'}` at pc {pc:#08x}"
        if status == ILLEGAL_WORD:
            return IllegalInstruction(f"{text} is no instruction, or one that is not modelled")
        if status == TRANSFER_IN_DO:
            return IllegalSequence(f"{text} transfers control inside a `do` loop")
        mask = self._chip.error_mask
        if mask & STORE_BUS:
            return IllegalSequence(f"{text} stores right after the memory Y operand of a DA "
                                   "instruction")
        what = "flags" if mask & LOADED_FLAGS else next(
            name for name, code in _NAMES.items() if mask >> code & 1 or mask >> 40 + code & 1)
        return IllegalSequence(f"{text} uses {what} one instruction after its load or Z step")


def _dashes(bits: int, names: str) -> str:
    return "".join(name if bits >> (3 - k) & 1 else "-" for k, name in enumerate(names))


def _bits(text: str) -> int:
    return sum(8 >> k for k, letter in enumerate(text) if letter != "-")
