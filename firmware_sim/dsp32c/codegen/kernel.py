"""One kernel to machine instructions: the passes in order, then registers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from dsplet.firmware_sim.dsp32c.codegen.address_generation import Addressed, generate_addresses
from dsplet.firmware_sim.dsp32c.codegen.beside import beside
from dsplet.firmware_sim.dsp32c.codegen.code import (
    BESIDE,
    Access,
    Constants,
    Ins,
    Label,
    Layout,
    Memory,
    NeedsRegisters,
    Operand,
    Register,
    Word,
)
from dsplet.firmware_sim.dsp32c.codegen.first_windows import first_windows
from dsplet.firmware_sim.dsp32c.codegen.instruction_selection import InstructionSelector
from dsplet.firmware_sim.dsp32c.codegen.instructions import copy, load, set_to
from dsplet.firmware_sim.dsp32c.codegen.interleave import interleave
from dsplet.firmware_sim.dsp32c.codegen.lanes import address_registers
from dsplet.firmware_sim.dsp32c.codegen.overlap import overlap
from dsplet.firmware_sim.dsp32c.codegen.peel import peel
from dsplet.firmware_sim.dsp32c.codegen.saturate import behind_products
from dsplet.firmware_sim.dsp32c.codegen.schedule import (
    Lines,
    Scheduler,
    cycles,
)
from dsplet.firmware_sim.dsp32c.codegen.selection import Selection, base, stride
from dsplet.firmware_sim.dsp32c.codegen.set_up import set_up
from dsplet.firmware_sim.dsp32c.codegen.several_turns import several_turns, size
from dsplet.firmware_sim.dsp32c.codegen.shape import shape, turn
from dsplet.firmware_sim.dsp32c.codegen.time_loops import Clock
from dsplet.firmware_sim.dsp32c.codegen.written_out import written_out
from dsplet.quantize.fixed.kernel import Kernel, Loop
from dsplet.quantize.fixed.statement import Affine, Statement

POINTERS = [f"r{i}" for i in range(1, 15)]
"""The only registers that address memory for the DAU (dsp32c.md 2)."""
INCREMENTS = [f"r{i}" for i in range(15, 20)]
COUNTERS = ["r20", "r21", "r22"]
"""Serial and interrupt pointers; general registers while neither is used."""


@dataclass(frozen=True)
class Start:
    """What a register holds as a kernel begins: a number, or in a loop over time the number of its
    first turn, which each turn moves on. element: the address is that of an element that moves with
    time otherwise."""

    first: int
    step: int = 0
    var: str = ""
    element: Access | None = None


@dataclass(frozen=True)
class Selected:
    """A kernel's code but for its registers, which have names, and what they hold as it begins:
    addresses. counters: of its loops. asked: the words of the pool that it reads, and where in the
    pool they are. written: how many instructions more it has than with all its loops."""

    name: str
    addressed: Addressed
    using: Selection
    counters: int
    lines: Lines
    asked: tuple[tuple[Word, str, int], ...]
    written: int = 0

    def fits(self, constants: Constants) -> bool:
        """Whether the words are where they are in that pool, to which missing ones are added."""
        found = [constants.at(word, pool) for word, pool, _ in self.asked]
        return found == [at for *_, at in self.asked] and (
            len(constants.words[BESIDE]) <= constants.room)

    def registers(self, taken: list[str], kept: dict[str, str]) -> dict[str, str]:
        """Register of every name; none where the registers do not suffice. taken: those that are
        not the kernel's. kept: of those, the ones that hold what it would set, by its names."""
        def give(names: Iterable[str], registers: Iterable[str]) -> dict[str, str] | None:
            wanted = [n for n in names if n not in kept]
            free = [r for r in registers if r not in taken]
            if len(wanted) > len(free):
                return None
            return dict(zip(wanted, free, strict=False))

        pointers = give([*self.addressed.start, *self.indices], POINTERS)
        increments = give([*self.addressed.increments.values(),
                           *map(stride, sorted(self.using.strides))], INCREMENTS)
        if pointers is None or increments is None:
            return {}
        used = {*pointers.values(), *increments.values()}
        spare = [r for r in (*COUNTERS, *reversed(INCREMENTS), *reversed(POINTERS))
                 if r not in used]
        others = give([*(f"count{i}" for i in range(self.counters)),
                       *map(base, sorted(self.using.tables))], spare)
        return {} if others is None else pointers | increments | others | kept

    def price(self, least: float) -> float:
        """Cycles, and for each instruction those that it must save."""
        return cycles(self.lines) + least * sum(isinstance(line, Ins) for line in self.lines)

    @cached_property
    def indices(self) -> list[str]:
        """The names of its pointers into tables."""
        return sorted({n for line in self.lines if isinstance(line, Ins)
                       for n in address_registers(line)})

    def fits_registers(self, taken: list[str]) -> bool:
        """Whether it has enough of them beside those that are taken."""
        names = self.counters or self.addressed.start or self.using.tables
        return not names or bool(self.registers(taken, {}))

    @cached_property
    def moved(self) -> frozenset[str]:
        """The names of registers that hold something else in the end."""
        return frozenset(n for line in self.lines if isinstance(line, Ins) for n in line.written
                         if isinstance(n, str)) - self.addressed.returning

    def starts(self, layout: Layout) -> dict[str, tuple[str, Start]]:
        """What its registers hold as it begins, and of which kind they are: pointers that move in
        between are of a kind each, and share no register."""
        found: dict[str, tuple[str, Start]] = {}
        walking = frozenset(n for line in self.lines if isinstance(line, Ins)
                            for n in line.written)
        for pointer, first in self.addressed.start.items():
            at = layout.address(first.buffer) + first.size * first.index.const
            steps = first.index.terms
            found[pointer] = "pointer", Start(at) if not steps else Start(
                at, first.size * steps[0][1], steps[0][0]) if len(steps) == 1 else Start(
                    at, element=first)
            if pointer in walking:
                begun = found[pointer][1]
                alike = sum(kind != "pointer" and start == begun for kind, start in found.values())
                found[pointer] = f"pointer that walks {alike}", begun
        numbers = {name: step for step, name in self.addressed.increments.items()}
        numbers |= {stride(step): step for step in sorted(self.using.strides)}
        found |= {name: ("increment", Start(value)) for name, value in numbers.items()}
        return found | {base(t): ("other", Start(layout.place(t)))
                        for t in sorted(self.using.tables)}


def select(kernel: Kernel, layout: Layout, constants: Constants, taken: list[str],
           least: float = 0, room: int = 0) -> Selected:
    """The instructions of a scaled kernel that reads its copies, with clamps of sums by saturation
    where that is faster. Of the layout, only the kinds of buffers count, and whether they lie on
    chip. taken: registers that loops over time need. least: cycles that an instruction must save
    which a loop could do without. room: for how many of them more there is a place. Raises
    NeedsRegisters."""
    saturating, tried = behind_products(kernel), constants.copy()
    found = _select(kernel, layout, constants, taken, least, room)
    if saturating == kernel:
        return found
    try:
        other = _select(saturating, layout, tried, taken, least, room)
    except NeedsRegisters:
        return found
    if other.price(least) >= found.price(least):
        return found
    constants.words, constants.asked = tried.words, tried.asked
    return other


def _select(kernel: Kernel, layout: Layout, constants: Constants, taken: list[str],
            least: float, room: int) -> Selected:
    """See `select`."""
    before = len(constants.asked)
    selector = InstructionSelector(layout, constants)
    code = selector.kernel(shape(_by_depth(kernel.body, 0), layout.kind))
    rolled = overlap(peel(first_windows(code, least), least), least)
    looped = several_turns(rolled, least)
    written = written_out(rolled, least, room) if room else looped
    plain = beside(written, layout, constants)
    asked = tuple((*of, constants.at(*of)) for of in constants.asked[before:])
    for code, share_constants in ((interleave(plain, least), False), (plain, False),
                                  (plain, True)):
        addressed = generate_addresses(code, share_constants,
                                       len(INCREMENTS) - len(selector.using.strides))
        scheduler = Scheduler(kernel.name)
        lines = scheduler.run(addressed.code)
        found = Selected(kernel.name, addressed, selector.using, scheduler.counters, lines, asked,
                         size(written) - size(looped))
        if found.fits_registers(taken):
            return found
    raise NeedsRegisters(f"kernel '{kernel.name}' needs {len(addressed.start)} address registers "
                         f"and more for steps, tables and loops; the DSP32C has {len(POINTERS)} "
                         f"address registers")


def link(code: Selected, layout: Layout, clock: Clock, before: Lines, apart: int,
         taken: list[str], kept: dict[str, str], copied: dict[str, str], repeated: bool = False
         ) -> Lines:
    """The kernel's label and instructions, those first that set its registers.

    clock: where pointers that move with time are. before, apart, repeated: see `set_up`. taken,
    kept: see `Selected.registers`. copied: those that hold what it begins with and then changes.
    """
    registers = code.registers(taken, kept)
    setup = []
    for name, (_, start) in sorted(code.starts(layout).items(), key=lambda i: not (
            i[1][1].var or i[1][1].element)):
        if name in kept:
            continue
        if name in copied:
            setup.append(copy(registers[name], copied[name]))
        elif start.var or start.element:
            first = code.addressed.start[name]
            setup.append(load(registers[name], clock.word(layout.address(first.buffer), first.size,
                                                          first.index)))
        else:
            setup.append(set_to(registers[name], start.first))
    lines = [_assigned(line, registers) if isinstance(line, Ins) else line for line in code.lines]
    return [Label(code.name), *set_up(before, setup, lines, apart, repeated)]


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
