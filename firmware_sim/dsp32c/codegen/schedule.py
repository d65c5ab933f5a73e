"""Latencies are respected, loops become `do` or counted branches.

The DSP32C has no interlocks: an instruction that reads too early sees the old value (dsp32c.md 7).
Where too few instructions lie between producer and consumer, `nop`s go in, across the turn of a
loop too. The last instruction of a counted loop moves into the branch's delay slot.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dsplet.firmware_sim.dsp32c.codegen.code import (
    POOL,
    Code,
    Ins,
    Label,
    Memory,
    Operand,
    Turns,
    instructions,
)
from dsplet.firmware_sim.dsp32c.codegen.instructions import (
    COUNT,
    DO,
    NOP,
    SET_COUNTER,
    count,
    do,
    goto,
    start_counter,
)
from dsplet.firmware_sim.dsp32c.codegen.shape import DO_INSTRUCTIONS, DO_TURNS

MULTIPLIER_LATENCY = 3
"""An accumulator's new value at a multiplier input (dsp32c.md 7; M L S)."""
STORE_LATENCY = 4
"""A DAU store to any read of the word (M L S)."""
LOAD_LATENCY = 2
"""A CAU load to its register (L S)."""
STORE_POINTER_LATENCY = 2
"""A store pointer's post-modification to any other use of the pointer (S L)."""
STALL_CYCLES = 0.25
"""Of two operands in one bank (dsp32c.md 4.4)."""

Lines = list[Ins | Label]
Window = tuple[Ins, ...]
"""The instructions that may have been executed last."""
Placed = tuple[Lines, list[Window]]
"""Lines, and the windows after them."""


def latency(prior: Ins, ins: Ins) -> int:
    """How many slots after `prior` `ins` reads what it should: 0 where it needs nothing of it."""
    need, before, now = 0, prior.timing, ins.timing
    if before.accumulator in now.multiplied and not ins.early:
        need = MULTIPLIER_LATENCY
    if any(register in now.touched for register in before.late):
        need = max(need, LOAD_LATENCY)
    if before.stored:
        if any(_may_meet(before.stored, m) for m in now.loaded):
            need = STORE_LATENCY
        if before.stored.pointer in now.touched:
            need = max(need, STORE_POINTER_LATENCY)
    return need


def _may_meet(a: Memory, b: Memory) -> bool:
    """Whether both may be the same word."""
    return a.buffer == b.buffer and (a.element is None or b.element is None
                                     or a.element == b.element)


def cycles(lines: Lines) -> float:
    """What they take, loops as often as they turn; one that is entered at its second turn, as if it
    were not."""
    times = [1.0 if isinstance(line, Ins) else 0.0 for line in lines]
    for n, line in enumerate(lines):
        match line:
            case Ins(row, {"K": int() as others, "N": int() as again}) if row is DO:
                first, last, turns = n + 1, n + 1 + others, again + 1
            case Ins(row, {"M": counter, "N": Label() as head}) if row is COUNT:
                first, last = lines.index(head), n + 1
                turns = next(t for t in map(partial(_turns, counter), reversed(lines[:first])) if t)
            case _:
                times[n] *= 1 + STALL_CYCLES * _one_bank(line)
                continue
        times[first:last + 1] = [t * turns for t in times[first:last + 1]]
    return sum(times)


def _turns(counter: Operand, line: Ins | Label) -> int:
    """Those of a loop with the counter, if that is set here; otherwise 0."""
    match line:
        case Ins(row, {"D": register, "N": int() as more}) if row is SET_COUNTER and (
                register == counter):
            return more + 2
    return 0


def _one_bank(line: Ins | Label) -> bool:
    """Whether both its operands are constants, which lie in one bank."""
    loaded = line.timing.loaded if isinstance(line, Ins) else ()
    return len(loaded) == 2 and all(m.buffer == POOL for m in loaded)


class Scheduler:
    """Flattens code into lines: instructions and labels. prefix: of the labels."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.counters = 0
        self._labels = 0
        self._entering: dict[Turns, list[Window]] = {}

    def run(self, code: Code) -> Lines:
        lines, _ = self._block(code, [()], 0)
        return lines

    def _block(self, code: Code, before: list[Window], depth: int) -> Placed:
        lines: Lines = []
        for item in code:
            if isinstance(item, Turns):
                new, before = self._turns(item, before, depth)
                lines += new
            elif isinstance(item, Ins):
                before = _place(item, lines, before)
            else:
                lines.append(item)
        return lines, before

    def _turns(self, loop: Turns, before: list[Window], depth: int) -> Placed:
        if loop.extent <= DO_TURNS and all(isinstance(i, Ins) for i in loop.body):
            body, after = self._repeat(loop.body, _push(before, do(1, loop.extent)), depth,
                                       self._block)
            if len(body) <= DO_INSTRUCTIONS:
                return [do(len(body), loop.extent), *body], after
        counter = f"count{depth}"
        self.counters = max(self.counters, depth + 1)
        ahead = self._ahead(loop, before, depth) if loop.first else []
        label = Label(f"{self.prefix}_{self._labels}")
        self._labels += 1
        start, branch = start_counter(counter, loop.extent), count(counter, label)

        def with_branch(code: Code, windows: list[Window], depth: int) -> Placed:
            last = code[-1]
            if isinstance(last, Ins):
                code = code[:-1]
            else:
                last = NOP
            lines, windows = self._block(code, windows, depth)
            for _ in range(_gap(last, _push(windows, branch))):
                lines.append(NOP)
                windows = _push(windows, NOP)
            return [*lines, branch, last], _push(_push(windows, branch), last)

        starting = [()] if loop.first else _push(before, start)
        starting = list(dict.fromkeys(starting + self._entering.get(loop, [])))
        body, after = self._repeat(loop.body, starting, depth + 1, with_branch)
        return [*(ahead or [start]), label, *body], after

    def _ahead(self, loop: Turns, before: list[Window], depth: int) -> Lines:
        """What is executed instead of a first turn, from the counters on to where the innermost of
        the loops that begin with it is entered. Nothing that it stores is still on its way then, so
        that no turn of the loop waits for it."""
        *around, innermost = loop.begun
        lines: Lines = []
        for n, each in enumerate(loop.begun):
            before = _place(start_counter(f"count{depth + n}", each.extent - (each is innermost)),
                            lines, before)
        read = {m.buffer for i in instructions(innermost.body) for m in i.timing.loaded}

        def stores(ins: Ins) -> bool:
            return ins.timing.stored is not None and ins.timing.stored.buffer in read

        *code, last = loop.first
        if not isinstance(last, Ins) or stores(last):
            code, last = loop.first, NOP
        found, before = self._block(code, before, depth + len(loop.begun))
        lines += found
        enter = [goto(Label(f"{self.prefix}_{self._labels + len(around)}"))] if around else []
        while True:
            entering = before
            for ins in enter:
                entering = _push(entering, ins)
            waits, entering = _gap(last, entering) > 0, _push(entering, last)
            if not waits and not any(stores(i) for window in entering for i in window):
                break
            before = _place(NOP, lines, before)
        self._entering[innermost] = entering
        return [*lines, *enter, last]

    def _repeat(self, body: Code, before: list[Window], depth: int,
                place: Callable[[Code, list[Window], int], Placed]) -> Placed:
        """Place a loop body so that both its first turn and its later ones are right."""
        labels = self._labels
        windows = before
        for _ in range(3):
            self._labels = labels
            lines, after = place(body, windows, depth)
            if set(after) <= set(windows):
                break
            windows = list(dict.fromkeys(before + after))
        return lines, after


def _place(ins: Ins, lines: Lines, before: list[Window]) -> list[Window]:
    for _ in range(_gap(ins, before)):
        lines.append(NOP)
        before = _push(before, NOP)
    lines.append(ins)
    return _push(before, ins)


def _gap(ins: Ins, windows: list[Window]) -> int:
    """How many slots must still pass before `ins` may follow any of the windows."""
    return max((latency(prior, ins) - distance for window in windows
                for distance, prior in enumerate(reversed(window), 1)), default=0)


def _push(windows: list[Window], ins: Ins) -> list[Window]:
    return list(dict.fromkeys((*w, ins)[-3:] for w in windows))
