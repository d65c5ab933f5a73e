"""One kernel to machine instructions: the passes in order, then registers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dsplet.firmware_sim.dsp32c.codegen.address_generation import Addressed, generate_addresses
from dsplet.firmware_sim.dsp32c.codegen.code import (
    Constants,
    Ins,
    Label,
    Layout,
    Memory,
    NeedsRegisters,
    Operand,
    Register,
)
from dsplet.firmware_sim.dsp32c.codegen.instruction_selection import InstructionSelector
from dsplet.firmware_sim.dsp32c.codegen.instructions import NOP, load, set_to
from dsplet.firmware_sim.dsp32c.codegen.interleave import address_registers, interleave
from dsplet.firmware_sim.dsp32c.codegen.peel import peel
from dsplet.firmware_sim.dsp32c.codegen.schedule import (
    LOAD_LATENCY,
    STORE_LATENCY,
    Lines,
    Scheduler,
)
from dsplet.firmware_sim.dsp32c.codegen.selection import Selection, base, stride
from dsplet.firmware_sim.dsp32c.codegen.shape import shape, turn
from dsplet.firmware_sim.dsp32c.codegen.time_loops import Clock
from dsplet.quantize.fixed.kernel import Kernel, Loop
from dsplet.quantize.fixed.statement import Affine, Statement

POINTERS = [f"r{i}" for i in range(1, 15)]
"""The only registers that address memory for the DAU (dsp32c.md 2)."""
INCREMENTS = [f"r{i}" for i in range(15, 20)]
COUNTERS = ["r20", "r21", "r22"]
"""Serial and interrupt pointers; general registers while neither is used."""


@dataclass(frozen=True)
class Selected:
    """A kernel's code but for what its registers hold as it begins: addresses. asked: the words of
    the pool that it reads, and where in the pool they are."""

    name: str
    addressed: Addressed
    using: Selection
    registers: dict[str, str]
    lines: Lines
    asked: tuple[tuple[tuple[float, str], int], ...]

    def fits(self, constants: Constants) -> bool:
        """Whether the words are where they are in that pool, to which missing ones are added."""
        found = [constants.access(*word).index.const for word, _ in self.asked]
        return found == [at for _, at in self.asked]


def select(kernel: Kernel, layout: Layout, constants: Constants, taken: list[str]) -> Selected:
    """The instructions of a scaled kernel that reads its copies. Of the layout, only the kinds of
    buffers count, and whether they lie on chip. taken: registers that loops over time need."""
    before = len(constants.asked)
    selector = InstructionSelector(layout, constants)
    plain = peel(selector.kernel(shape(_by_depth(kernel.body, 0), layout.kind)))
    for code, share_constants in ((interleave(plain), False), (plain, False), (plain, True)):
        addressed = generate_addresses(code, share_constants,
                                       len(INCREMENTS) - len(selector.using.strides))
        scheduler = Scheduler(kernel.name)
        lines = scheduler.run(addressed.code)
        registers = _registers(addressed, lines, selector.using, scheduler.counters, kernel.name,
                               taken, share_constants)
        if registers:
            break
    asked = tuple((word, constants.access(*word).index.const) for word in constants.asked[before:])
    return Selected(kernel.name, addressed, selector.using, registers, [
        _assigned(line, registers) if isinstance(line, Ins) else line for line in lines], asked)


def link(code: Selected, layout: Layout, clock: Clock, previous: Ins | None) -> Lines:
    """The kernel's label and instructions, those first that set its registers.

    clock: where pointers that move with time are. previous: the last instruction before.
    """
    setup = [_assigned(ins, code.registers)
             for ins in _setup(code.addressed, code.using, layout, clock)]
    return [Label(code.name), *_after(previous, setup), *code.lines]


def _by_depth(body: tuple[Statement, ...], depth: int) -> tuple[Statement, ...]:
    """Loop variables renamed after their depth, so that loops side by side share streams."""
    result = []
    for s in body:
        if isinstance(s, Loop):
            name = f"L{depth}"
            inner = tuple(turn(s, s.body, Affine(0, ((name, 1),))))
            s = replace(s, var=name, body=_by_depth(inner, depth + 1))
        result.append(s)
    return tuple(result)


def _registers(addressed: Addressed, lines: Lines, using: Selection, counters: int, name: str,
               taken: list[str], last_try: bool) -> dict[str, str]:
    """Register of every name; none where the address registers do not suffice."""
    indices = {n: None for line in lines if isinstance(line, Ins)
               for n in address_registers(line)}
    pointers = [*addressed.start, *sorted(indices)]
    if len(pointers) > len(POINTERS):
        if last_try:
            raise NeedsRegisters(f"kernel '{name}' needs {len(pointers)} address registers; the "
                                 f"DSP32C has {len(POINTERS)}")
        return {}
    registers = dict(zip(pointers, POINTERS, strict=False))
    increments = [*addressed.increments.values(), *map(stride, sorted(using.strides))]
    registers |= dict(zip(increments, INCREMENTS, strict=False))
    spare = [*(r for r in COUNTERS if r not in taken), *reversed(INCREMENTS[len(increments):]),
             *reversed(POINTERS[len(pointers):])]
    others = [*(f"count{i}" for i in range(counters)), *map(base, sorted(using.tables))]
    if len(others) > len(spare):
        if last_try:
            raise NeedsRegisters(f"kernel '{name}' needs {len(others)} loop and table registers; "
                                 f"{len(spare)} are left")
        return {}
    return registers | dict(zip(others, spare, strict=False))


def _setup(addressed: Addressed, using: Selection, layout: Layout, clock: Clock) -> list[Ins]:
    """What the registers hold as the kernel begins."""
    loads, values = [], {}
    for pointer, first in addressed.start.items():
        start = layout.address(first.buffer)
        if first.index.terms:
            loads.append(load(pointer, clock.word(start, first.size, first.index)))
        else:
            values[pointer] = start + first.size * first.index.const
    values |= {name: step for step, name in addressed.increments.items()}
    values |= {stride(step): step for step in sorted(using.strides)}
    values |= {base(t): layout.place(t) for t in sorted(using.tables)}
    return [*loads, *(set_to(name, value) for name, value in values.items())]


def _after(previous: Ins | None, setup: list[Ins]) -> list[Ins]:
    """The setup in an order, and long enough, for the store that may have ended the last kernel:
    its word is not read and its pointer not touched too early."""
    moved = previous.moved if previous else frozenset()
    setup = sorted(setup, key=lambda ins: not ins.writes().isdisjoint(moved))
    late = [NOP] * (LOAD_LATENCY - 1) if setup and setup[-1].row.late else []
    return [NOP] * (STORE_LATENCY - 1 - len(setup)) + setup + late


def _assigned(ins: Ins, registers: dict[str, str]) -> Ins:
    """The instruction with registers of the chip."""
    def assigned(o: Operand) -> Operand:
        if isinstance(o, Register):
            return Register(registers[o.name], o.width)
        if isinstance(o, Memory):
            return replace(o, pointer=registers[o.pointer],
                           increment=registers.get(o.increment, ""))
        return o

    return ins.map(assigned)
