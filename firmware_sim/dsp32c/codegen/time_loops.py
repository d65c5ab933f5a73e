"""Loops over time, around whole kernels.

The counter of a loop is a register that kernels inside leave alone. The pointers that move with it
are words of the buffer `CLOCK`, on chip, within reach of direct addresses: the head of the loop
sets them, its tail advances them and branches back, a kernel loads those it uses as it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dsplet.firmware_sim.backend import DoesNotFit
from dsplet.firmware_sim.dsp32c.codegen.code import Address, Ins, Label, NeedsRegisters
from dsplet.firmware_sim.dsp32c.codegen.instructions import (
    NOP,
    advance,
    count,
    load,
    set_to,
    start_counter,
    store,
)
from dsplet.quantize.fixed.kernel import Repeat
from dsplet.quantize.fixed.statement import Affine

CLOCK = "clock"
CLOCK_WORDS = 32
COUNTERS = ["r22", "r21"]
"""Of the outer loop and of one inside it."""

Moving = tuple[int, tuple[tuple[str, int], ...]]
"""A pointer: its first address, and for each loop the bytes by which a turn advances it."""


@dataclass
class Clock:
    """address: of the buffer CLOCK; 0 where the program has no loops over time."""

    repeats: tuple[Repeat, ...]
    address: int
    pointers: list[Moving] = field(default_factory=list)

    def word(self, first: int, size: int, index: Affine) -> Address:
        """Where a kernel finds the pointer to element `index` of what begins at address `first`."""
        moving = (first + size * index.const, tuple((v, size * c) for v, c in index.terms))
        if moving not in self.pointers:
            self.pointers.append(moving)
            if len(self.pointers) > CLOCK_WORDS:
                raise DoesNotFit(f"loops over time move {len(self.pointers)} pointers; there is "
                                 f"room for {CLOCK_WORDS}", 4)
        return self._at(self.pointers.index(moving))

    def counters(self, kernel: int) -> list[str]:
        """The registers that kernel number `kernel` must leave alone."""
        return [self._counter(r) for r in self.repeats if r.first <= kernel <= r.last]

    def head(self, repeat: Repeat) -> list[Ins]:
        """Set the counter, and the pointers that no loop around this one moves."""
        code = [NOP, start_counter(self._counter(repeat), repeat.extent)]
        for word, (first, steps) in self._moved(repeat):
            if self._outermost(steps) is repeat:
                code += [set_to("r1", first), store("r1", word)]
        return code

    def tail(self, repeat: Repeat, turn: Label, moves: Sequence[Ins] = ()) -> list[Ins]:
        """Advance, branch to the label `turn`; afterwards take back what an outer loop goes on
        from. moves: of pointers in registers."""
        moved = [(word, dict(steps)[repeat.var], self._outermost(steps) is not repeat)
                 for word, (_, steps) in self._moved(repeat)]
        code = [NOP, *moves]
        for word, step, _ in moved:
            code += self._advance(word, step)
        code.insert(-1, count(self._counter(repeat), turn))  # the last is in its delay slot
        for word, step, inner in moved:
            code += self._advance(word, -step * repeat.extent) if inner else []
        return code

    def _advance(self, word: Address, step: int) -> list[Ins]:
        return [load("r1", word), set_to("r2", step), advance("r1", "r2"), store("r1", word)]

    def _moved(self, repeat: Repeat) -> list[tuple[Address, Moving]]:
        return [(self._at(i), moving)
                for i, moving in enumerate(self.pointers) if repeat.var in dict(moving[1])]

    def _outermost(self, steps: tuple[tuple[str, int], ...]) -> Repeat:
        return next(r for r in self.repeats if r.var in dict(steps))

    def _counter(self, repeat: Repeat) -> str:
        depth = sum(r.first <= repeat.first and repeat.last <= r.last for r in self.repeats
                    if self.repeats.index(r) < self.repeats.index(repeat))
        if depth == len(COUNTERS):
            raise NeedsRegisters(f"loops over time are nested {depth + 1} deep; there are "
                                 f"{depth} counters")
        return COUNTERS[depth]

    def _at(self, word: int) -> Address:
        return Address(self.address + 4 * word)
