"""Memory for time: every way to make a program smaller, with what it costs, and the best mixtures.

The costs steer the choice and are estimates; what a program takes is always counted afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dsplet.firmware_sim.compile.fuse import fusions
from dsplet.firmware_sim.compile.segments import STEPS_CYCLES, in_steps, segments
from dsplet.firmware_sim.compile.tables import walks, widen, widenings
from dsplet.firmware_sim.dsp32c.codegen.pack import pack, packings
from dsplet.quantize.fixed.program import Program

FUSED_CYCLES = 8
"""What a turn of a shared loop costs in moved pointers."""
CLAMP_CYCLES = 5
"""What a value costs that is looked up in a table without entries for all it may be."""


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
        return pack(widen(program, frozenset(widenings(program)) - self.narrow), self.packed)


@dataclass(frozen=True)
class Mixture:
    """Some of the choices. cycles: what they cost. bytes: what they save."""

    cycles: int = 0
    bytes: int = 0
    choices: Choices = Choices()

    def __or__(self, other: Mixture) -> Mixture:
        return Mixture(self.cycles + other.cycles, self.bytes + other.bytes,
                       self.choices | other.choices)


def mixtures(program: Program) -> list[Mixture]:
    """The mixtures that no other beats in both cycles and bytes: fastest first, smallest last."""
    front = [Mixture()]
    for ways in _alternatives(program):
        front = _best(a | b for a in front for b in (Mixture(), *ways))
    return front


def _alternatives(program: Program) -> Iterator[list[Mixture]]:
    entries = widenings(program)
    for w in walks(program):
        if w.table in entries:
            values = sum(program.buffers[b].size for b in w.buffers)
            yield [Mixture(CLAMP_CYCLES * values, 2 * entries[w.table],
                           Choices(narrow=frozenset({w.table})))]
    for table, (count, values) in segments(program).items():
        yield [Mixture(STEPS_CYCLES * values, 4 * count,
                       Choices(stepped=frozenset({table})))]
    for f in fusions(program.kernels, program.buffers, program.borders):
        yield [Mixture(FUSED_CYCLES * f.turns, 4 * (f.size - f.words),
                       Choices(fused=frozenset({f.buffer})))]
    for ways in packings(program) if program.reals is None else ():
        yield [Mixture(w.cycles, w.bytes, Choices(packed={w.weight: w.kind})) for w in ways]


def _best(candidates) -> list[Mixture]:
    front: list[Mixture] = []
    for m in sorted(candidates, key=lambda m: (m.cycles, -m.bytes)):
        if not front or m.bytes > front[-1].bytes:
            front.append(m)
    return front
