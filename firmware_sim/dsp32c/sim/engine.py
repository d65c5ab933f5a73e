"""The fast engine: DSP32C machine code interpreted by C, bit for bit what `machine.Machine` does.

`engine.c` is one generic interpreter.  It comes compiled by the C compiler at hand (`native`) or as
WebAssembly (`wasm`), and is used with the interface of `Machine`; a batch door runs one program
over many inputs without any Python per input.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable

import numpy as np

from dsplet.base.library import LibraryError
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.operands import CODES, PCSH, SYNONYMS
from dsplet.firmware_sim.dsp32c.sim import native, wasm
from dsplet.firmware_sim.dsp32c.sim.doors import MEMORY_BYTES, Doors, assumed, wiring
from dsplet.firmware_sim.dsp32c.sim.flags import bits, dashed
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

DONE, LIMIT, ILLEGAL_WORD, OUTSIDE, MISALIGNED, HAZARD, TRANSFER_IN_DO = range(7)
LOADED_FLAGS, STORE_BUS = 1 << 32, 1 << 33  # hazard bits of engine_decode.h
LAST_WORD = 0xFFFFFFFF  # no address: never reached
_NAMES = CODES | SYNONYMS | {"pcsh": PCSH}


class Engine(Host):
    """A DSP32C on a board: what `Machine` is, some thousand times as fast."""

    def __init__(self, target, strict: bool = True, doors: Doors | None = None):
        """target: a targets.Target; doors: to the compiled C, `native.doors()` by default. Raises
        LibraryError where that cannot be had."""
        self.target, self.strict = target, strict
        self._doors = doors = doors or native.doors()
        self._rooms: dict[str, np.ndarray] = {}
        self.memory = doors.array(MEMORY_BYTES, np.uint8)
        board = wiring(target)
        pages, partition, waits, order = (
            doors.place(self._room(name, array)) for name, array in board._asdict().items())
        self._chip = doors.chip_new(doors.place(self.memory), pages, partition)
        if not self._chip:
            raise MemoryError("no room for another DSP32C")
        weakref.finalize(self, doors.chip_free, self._chip)
        doors.chip_assume(self._chip, *assumed(target), waits, order)
        self.reset()

    def _room(self, name: str, content: np.ndarray) -> np.ndarray:
        """A copy that the C can reach; the next of this name takes its place."""
        room = self._rooms.get(name)
        if room is None or len(room) < len(content):
            room = self._rooms[name] = self._doors.array(len(content), content.dtype)
        room[:len(content)] = content
        return room

    def twin(self) -> Engine:
        """Another one with the same memory, which runs beside this one in a thread of its own."""
        other = Engine(self.target, self.strict, self._doors.another())
        for region in self.target.regions:
            other.memory[region.start:region.end] = self.memory[region.start:region.end]
        return other

    # ---- state ----

    def reset(self, pc: int = 0):
        """Everything but memory as after power-up, counters cleared."""
        self._doors.chip_reset(self._chip, pc)
        self._doors.chip_clear_counters(self._chip)

    def register(self, name: str) -> int:
        return self._doors.chip_register(self._chip, _NAMES[name])

    def set_register(self, name: str, value: int):
        self._doors.chip_set_register(self._chip, _NAMES[name], value & 0xFFFFFF)

    @property
    def a(self) -> list[int]:
        """The four accumulators, 40 bits each; setting them sets their history too."""
        return [int(self._doors.chip_accumulator(self._chip, k)) for k in range(4)]

    @a.setter
    def a(self, values):
        for k, value in enumerate(values):
            self._doors.chip_set_accumulator(self._chip, k, value)

    @property
    def pc(self) -> int:
        return self._doors.chip_pc(self._chip)

    @pc.setter
    def pc(self, value: int):
        self._doors.chip_set_pc(self._chip, value & 0xFFFFFF)

    @property
    def dauc(self) -> int:
        return self._doors.chip_dauc(self._chip)

    @dauc.setter
    def dauc(self, value: int):
        self._doors.chip_set_dauc(self._chip, value & 31)

    @property
    def flags(self) -> str:
        """CAU flags, "nzvc" with a dash for 0."""
        return dashed(self._doors.chip_flags(self._chip), "nzvc")

    @flags.setter
    def flags(self, text: str):
        self._doors.chip_set_flags(self._chip, bits(text))

    @property
    def dflags(self) -> str:
        """DAU flags, "NZUV" with a dash for 0; setting them sets their history too."""
        return dashed(self._doors.chip_dau_flags(self._chip), "NZUV")

    @dflags.setter
    def dflags(self, text: str):
        self._doors.chip_set_dau_flags(self._chip, bits(text))

    @property
    def states(self) -> int:  # type: ignore[override]  # nobody but the library counts here
        """Clock states since reset; an undisturbed instruction takes four [dsp32c.md 1]."""
        return int(self._doors.chip_states(self._chip))

    # ---- execution ----

    def step(self) -> None:
        """One instruction; Z writes stay on their way."""
        status = self._doors.chip_run(self._chip, LAST_WORD, 1, self.strict)
        if status != LIMIT:
            raise self._error(status, LAST_WORD, 1)

    def run(self, until: int | None, max_instructions: int = 10_000_000) -> Profile:
        """Execute until pc == until, then let pending Z writes land (they cost no time).

        until: byte address, not itself executed; None runs max_instructions exactly.
        Raises MachineError as Machine.run does; LimitExceeded when `until` is not reached.
        """
        goal = LAST_WORD if until is None else until
        status = self._doors.chip_run(self._chip, goal, max_instructions, self.strict)
        if status != (LIMIT if until is None else DONE):
            raise self._error(status, goal, max_instructions)
        self._doors.chip_drain(self._chip)
        return self.profile()

    def run_batch(self, start_pc: int, until: int, input_address: int, inputs, output_address: int,
                  output_words: int, max_instructions: int = 100_000_000,
                  progress: Callable[[int], None] | None = None, first: int = 0):
        """(outputs (N, output_words) uint32, states (N,) int64) of one program over N inputs.

        inputs: (N, words) uint32, written at input_address before each run.  Each image starts from
        reset registers; memory is left as the image before left it.  Counters go on counting.
        `progress` is called with the number of images done, about ten times a second. first: how
        many came before these, for an error to name the one that failed.
        """
        inputs = np.ascontiguousarray(inputs, np.uint32)
        count, words = inputs.shape
        for address, size in ((input_address, words), (output_address, output_words)):
            if address % 4 or not 0 <= address <= (1 << 24) - 4 * size:
                raise MachineError(f"batch buffer 0x{address:06x} ({size} words) is not in memory")
        outputs = np.zeros((count, output_words), np.uint32)
        states = np.zeros(count, np.int64)
        done, chunk, status = 0, 1, np.zeros(1, np.uint32)
        while done < count:
            size, began = min(chunk, count - done), time.perf_counter()
            status = self._room("status", status)
            given = self._room("inputs", inputs[done:done + size].reshape(-1))
            taken = self._room("outputs", np.zeros(size * output_words, np.uint32))
            times = self._room("states", np.zeros(size))
            ran = self._doors.chip_batch(
                self._chip, start_pc, until, max_instructions, self.strict, input_address,
                self._doors.place(given), words, output_address, self._doors.place(taken),
                output_words, self._doors.place(times), size, self._doors.place(status))
            outputs[done:done + ran] = taken[:ran * output_words].reshape(ran, output_words)
            states[done:done + ran] = times[:ran]
            done += ran
            if status[0] != DONE:
                error = self._error(int(status[0]), until, max_instructions)
                raise type(error)(f"input {first + done}: {error}")
            seconds = max(time.perf_counter() - began, 1e-6)
            chunk = max(1, min(int(size * 0.1 / seconds), 4 * size))
            if progress:
                progress(done)
        return outputs, states

    def peek(self, address: int) -> int:
        """The word at an address, a multiple of four, once the Z writes on their way landed."""
        return self._doors.chip_peek(self._chip, address)

    def profile(self) -> Profile:
        """Executions and stalled states of each code address since reset."""
        size = 4 * self._doors.chip_counters(self._chip, 0, 0)
        room = self._room("counters", np.zeros(size))
        self._doors.chip_counters(self._chip, self._doors.place(room), size // 4)
        rows = room[:size].astype(np.int64).reshape(-1, 4)
        address, count, bank, wait = rows[rows[:, 0].argsort()].T.tolist() or [[]] * 4

        def nonzero(values):
            return {a: v for a, v in zip(address, values, strict=True) if v}

        return Profile(self.states, nonzero(count), {"bank": nonzero(bank), "wait": nonzero(wait)})

    def _error(self, status: int, until: int, limit: int) -> MachineError:
        pc, address, low, high = (self._doors.chip_error(self._chip, k) for k in range(4))
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
        mask = low | high << 32
        if mask & STORE_BUS:
            return IllegalSequence(f"{text} stores right after the memory Y operand of a DA "
                                   "instruction")
        what = "flags" if mask & LOADED_FLAGS else next(
            name for name, code in _NAMES.items() if mask >> code & 1 or mask >> 40 + code & 1)
        return IllegalSequence(f"{text} uses {what} one instruction after its load or Z step")


def fastest(target):
    """(simulator, word): an Engine, compiled here or else as WebAssembly, or a Machine where there
    can be none; and, in a line, what makes this slower than it need be, else ""."""
    again, word = "the engine is compiled anew each time: ", ""
    try:
        doors = native.doors()
    except LibraryError as no_compiler:
        try:
            doors = wasm.Instance()
        except LibraryError as no_wasm:
            return Machine(target), ("the slow simulator is used, some thousand times slower: "
                                     f"{no_compiler}; {no_wasm}")
        word = f"the engine runs as WebAssembly, at two thirds of its speed: {no_compiler}"
    unkept = doors.unkept and again + doors.unkept
    return Engine(target, doors=doors), "; ".join(filter(None, (word, unkept)))
