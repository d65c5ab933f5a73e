"""What sets a kernel's registers stands where something must be waited for.

What a kernel stores last is seen four instructions later (dsp32c.md 7). Its successor sets its
registers meanwhile, and begins its first loop; idle instructions of either kernel do that, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from dsplet.firmware_sim.dsp32c.codegen.code import POOLS, Ins, Label
from dsplet.firmware_sim.dsp32c.codegen.instructions import COUNT, DO, NOP
from dsplet.firmware_sim.dsp32c.codegen.schedule import (
    LOAD_LATENCY,
    STORE_LATENCY,
    STORE_POINTER_LATENCY,
    Lines,
)


def set_up(before: Lines, setup: list[Ins], lines: Lines, apart: int, repeated: bool) -> Lines:
    """The lines of a kernel with what sets its registers.

    before: the lines of the kernel before it. apart: instructions that stand between the two at
    least; with any, the kernels do not always follow one another. repeated: a loop over time is
    around the kernel; there, idle instructions of both set registers. (Elsewhere kernels may share
    their code, but not what sets their registers.)
    """
    previous = next((line for line in reversed(before) if isinstance(line, Ins)), None)
    stored = previous.timing.stored if previous else None
    pointer = {stored.pointer} if stored else set()
    setup = sorted(setup, key=lambda ins: not ins.written.isdisjoint(pointer))
    lines = list(lines)
    idle = apart + len(list(takewhile(_is_idle, lines)))
    until = next((i for i, line in enumerate(lines) if _repeats(line)), len(lines))
    if repeated:
        _fill(lines, [(i, lines[:i]) for i in range(until)], setup, idle)
    if repeated and not apart:  # a pointer that a store moved is not set by the next instruction
        _fill(before, [(i, before[max(i - 1, 0):])
                       for i in range(_straight(before), len(before))], setup, idle)
    late = [NOP] * (LOAD_LATENCY - 1) if setup and setup[-1].row.late else []
    waiting = STORE_LATENCY - 1 - len(setup) - idle
    first = next((i for i in (*setup, *lines) if isinstance(i, Ins)), NOP)
    if not apart and not (first.read | first.written).isdisjoint(pointer):
        waiting = max(waiting, STORE_POINTER_LATENCY - 1)
    return [*[NOP] * waiting, *setup, *late, *lines]


def _is_nop(line: Ins | Label) -> bool:
    return isinstance(line, Ins) and line.role == "nop"


def _is_idle(line: Ins | Label) -> bool:
    """Whether it is an instruction that writes no memory, and reads none but constants."""
    return isinstance(line, Ins) and not line.timing.stored and all(
        m.buffer in POOLS for m in line.timing.loaded)


def _repeats(line: Ins | Label) -> bool:
    """Whether lines behind it may be executed more than once."""
    return isinstance(line, Label) or line.row in (DO, COUNT)


def _straight(lines: Lines) -> int:
    """From which line on each is executed once, after the one before it."""
    start = 0
    for i, line in enumerate(lines):
        if isinstance(line, Label):
            start = i + 1
        elif line.row is COUNT:
            start = i + 2
        elif line.row is DO:
            more = line.operands["K"]
            assert isinstance(more, int)
            start = i + more + 2
    return start


def _fill(lines: Lines, places: Iterable[tuple[int, Lines]], setup: list[Ins], idle: int) -> None:
    """Give idle lines to what sets registers, and take that from the setup, as long as enough is
    left to wait for a store. places: numbers of lines, and those that must not use the register."""
    for i, others in places:
        if not _is_nop(lines[i]) or len(setup) + idle < STORE_LATENCY:
            continue
        used = {n for o in others if isinstance(o, Ins) for n in (*o.read, *o.written)}
        found = next((s for s in setup if not s.row.late and used.isdisjoint(s.written)), None)
        if found is not None:
            lines[i] = found
            setup.remove(found)
