"""A target in two short files: a three-address machine on 64-bit integers, which nobody ever built.

Words of 8 bytes, 2 KB of them inside, the board's outside with two wait states an access; any
number of registers. `coder` compiles for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsplet.firmware_sim import backend
from dsplet.firmware_sim.backend import (
    Array,
    Bill,
    Board,
    Progress,
    Region,
    Run,
    Target,
    WorstCase,
)
from dsplet.firmware_sim.compile.fuse import fusions
from dsplet.firmware_sim.compile.pareto import Mixture, front
from dsplet.firmware_sim.optimize import GOALS, Ways
from dsplet.firmware_sim.rows import Memory, MemoryRow
from dsplet.quantize.fixed.program import Program
from tests.firmware_sim.toy.coder import OPERATIONS, Coder

FUSED_CYCLES = 4
BOARDS = {name: Board(name, (Region("outside", 1 << 16, (1 << 16) + (kb << 10), bank=1,
                                    wait_states=2, external=True),), "fiction")
          for name, kb in (("large", 4096), ("small", 4))}
PART = Target(name="toy-8", processor="toy", clock_mhz=8, on_chip=(Region("inside", 0, 2048),),
              board=BOARDS["large"], source="fiction")


class Toy(backend.Backend):
    processor, targets, boards = "toy", {PART.name: PART}, BOARDS

    def compile(self, program: Program, target: Target, goal: str = "time",
                budget_cycles: float | None = None) -> Compiled:
        return GOALS[goal](Fusing(program, target), budget_cycles)


class Fusing(Ways):
    def __init__(self, program: Program, target: Target) -> None:
        self.program, self.target = program, target
        possible = fusions(program.kernels, program.buffers, program.borders)
        self.mixtures = front(frozenset(), (
            [Mixture(FUSED_CYCLES * f.turns, 8 * (f.size - f.words), frozenset({f.buffer}))]
            for f in possible))

    def build(self, way: int) -> Compiled:
        return Compiled(self.program, self.target, self.mixtures[way].choices)


class Compiled(backend.Compiled):
    artefacts = {"listing": "lst"}
    not_included = ("everything but the machine",)

    def __init__(self, program: Program, target: Target, fused: frozenset[str]) -> None:
        self.program, self.target = program, target
        self.made = made = Coder(program, target, fused)
        self.sections = tuple(made.sections)

    def artefact(self, form: str, name: str) -> str:
        return "".join(f"{i:6}  {c.op:6} {c.d}, {c.a}, {c.b}\n" for i, c in enumerate(
            self.made.code)) if form == "listing" else super().artefact(form, name)

    def simulate(self, xs: Sequence[Array], progress: Progress | None = None) -> Run:
        borders = self.program.inputs, self.program.outputs
        inputs, outputs = ([(v, slice(at := self.made.at[b], at + v.size)) for v, b in border]
                           for border in borders)
        start, code = self.made.memory(), self.made.code
        words = [(c.op, c.d, c.a, c.b) for c in code]
        spent = np.array([c.cycles + c.wait for c in code])
        counts, found, cycles = np.zeros(len(code), np.int64), [], []
        for i, sample in enumerate(zip(*xs, strict=True)):
            memory = start.copy()
            for (_, where), x in zip(inputs, sample, strict=True):
                memory[where] = np.ravel(x).tolist()
            before = counts.copy()
            execute(words, memory, counts)
            found.append([np.reshape(memory[where], v.shape) for v, where in outputs])
            cycles.append((counts - before) @ spent)
            if progress:
                progress(i + 1)
        return Run(tuple(map(np.stack, zip(*found, strict=True))), np.array(cycles, float),
                   self._bills(counts / len(xs[0])))

    def _bills(self, counts: Array) -> tuple[Bill, ...]:
        bills = [Bill(s, dict.fromkeys(("mac", "memory", "other"), 0.0), {"memory_wait": 0.0})
                 for s in self.sections]
        for c, count in zip(self.made.code, counts, strict=True):
            kind = c.op if c.op == "mac" else "memory" if c.op in ("load", "store") else "other"
            bills[c.section].spent[kind] += count * c.cycles
            bills[c.section].stalls["memory_wait"] += count * c.wait
        return tuple(bills)

    def worst_case(self) -> WorstCase:
        """No branch depends on data, and every access knows its region."""
        spent = [sum(c.turns * (c.cycles + c.wait) for c in self.made.code if c.section == i)
                 for i in range(len(self.sections))]
        return WorstCase(float(sum(spent)), tuple(map(float, spent)))

    def memory(self) -> Memory:
        used = {r.name: arena.used_bytes for arena, r in self.made.arenas}
        fixed = sum(8 * b.size for b in self.made.buffers.values() if b.role == "const")
        return Memory(tuple(MemoryRow(r.name, f"{r.start:x}", used[r.name], r.bytes, r.wait_states,
                                      "data") for r in self.target.regions),
                      sum(used.values()) - fixed, fixed)


def execute(code: list[tuple], memory: list[int], counts: Array) -> None:
    """Run to the end; counts: of every instruction."""
    registers: dict[str, int] = {}
    at, ran = 0, [0] * len(code)
    while at < len(code):
        op, d, a, b = code[at]
        ran[at] += 1
        at += 1
        a = registers[a] if isinstance(a, str) else a
        b = registers[b] if isinstance(b, str) else b
        if op == "mac":
            registers[d] += a * b
        elif op == "load":
            registers[d] = memory[a + b]
        elif op == "store":
            memory[a + b] = registers[d]
        elif op == "branch":
            at = d if a < b else at
        else:
            registers[d] = OPERATIONS[op](a, b)
    counts += ran
