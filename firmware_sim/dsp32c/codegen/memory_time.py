"""Memory for time: every way to make a program smaller, with what it costs.

The costs steer the choice and are estimates; what a program takes is always counted afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dsplet.firmware_sim.compile.fuse import fusions
from dsplet.firmware_sim.compile.pareto import Mixture, front
from dsplet.firmware_sim.compile.segments import in_steps, segments
from dsplet.firmware_sim.compile.tables import walks, widen, widenings
from dsplet.firmware_sim.dsp32c.codegen.lookup import ENTRY_LIMIT, is_unsigned
from dsplet.firmware_sim.dsp32c.codegen.pack import pack, packings
from dsplet.quantize.fixed.program import Program

FUSED_CYCLES = 8
"""What a turn of a shared loop costs in moved pointers."""
CLAMP_CYCLES = 5
"""What a value costs that is looked up in a table without entries for all it may be."""
STEPS_CYCLES = 40
"""What a value costs more that is interpolated step by step."""


@dataclass(frozen=True)
class Choices:
    """narrow: tables that are not widened. packed: weight -> how it is stored. fused: buffers that
    shrink because the kernels on either side share a loop. stepped: tables that are interpolated
    step by step."""

    narrow: frozenset[str] = frozenset()
    packed: dict[str, str] = field(default_factory=dict)
    fused: frozenset[str] = frozenset()
    stepped: frozenset[str] = frozenset()

    def __or__(self, other: Choices) -> Choices:
        return Choices(self.narrow | other.narrow, self.packed | other.packed,
                       self.fused | other.fused, self.stepped | other.stepped)

    def apply(self, program: Program) -> Program:
        """The program with its tables and weights as they will be stored."""
        program = in_steps(program, self.stepped)
        wide = frozenset(widenings(program, ENTRY_LIMIT)) - self.narrow
        return pack(widen(program, wide, ENTRY_LIMIT), self.packed)


def mixtures(program: Program) -> list[Mixture[Choices]]:
    """The mixtures that no other beats in both cycles and bytes: fastest first, smallest last."""
    return front(Choices(), _alternatives(program))


def _alternatives(program: Program) -> Iterator[list[Mixture[Choices]]]:
    entries = widenings(program, ENTRY_LIMIT)
    for w in walks(program, ENTRY_LIMIT):
        if w.table in entries:
            values = sum(program.buffers[b].size for b in w.buffers)
            width = 1 if is_unsigned(program.buffers[w.table]) else 2
            wide = width * (w.size + entries[w.table])
            yield [Mixture(CLAMP_CYCLES * values, max(wide - 2 * w.size, 0),
                           Choices(narrow=frozenset({w.table})))]
    for table, (count, values) in segments(program).items():
        yield [Mixture(STEPS_CYCLES * values, 4 * count,
                       Choices(stepped=frozenset({table})))]
    for f in fusions(program.kernels, program.buffers, program.borders):
        yield [Mixture(FUSED_CYCLES * f.turns, 4 * (f.size - f.words),
                       Choices(fused=frozenset({f.buffer})))]
    for ways in packings(program) if program.reals is None else ():
        yield [Mixture(w.cycles, w.bytes, Choices(packed={w.weight: w.kind})) for w in ways]
