"""A program in C, cross-compiled, executed on an emulator, and billed by a processor's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from dsplet.base.errors import UserError
from dsplet.export.c.context import context
from dsplet.export.c.header import verbs
from dsplet.firmware_sim import backend
from dsplet.firmware_sim.backend import (
    Array,
    Bill,
    DoesNotFit,
    Progress,
    Section,
    Steps,
    WorstCase,
)
from dsplet.firmware_sim.compile.optimize import optimize
from dsplet.firmware_sim.cross.build import NAME, Built, build
from dsplet.firmware_sim.cross.machine import Divided, Execution, Run
from dsplet.firmware_sim.cross.process import Process
from dsplet.firmware_sim.cross.timing import FLASH_WAIT, Cost, Target
from dsplet.firmware_sim.native import Native
from dsplet.firmware_sim.rows import HotLine, Memory, MemoryRow
from dsplet.quantize.fixed.program import Program

NOT_INCLUDED = (
    "the caller's input and output, and what fills and reads them",
    f"{NAME}_init, once before the first sample",
    "interrupts: none occurs",
    "start-up of the processor, its clock and its memory",
)


@dataclass(frozen=True)
class Executed(backend.Run):
    """counts, divided: of all samples. instructions: of each. stack_bytes: at most."""

    counts: Mapping[Run, int]
    divided: Mapping[int, Sequence[Divided]]
    instructions: Array
    stack_bytes: int


class _Consulted(dict[str, int]):
    """A table that notes which of its rules were asked for."""

    def __init__(self, table: Mapping[str, int]) -> None:
        super().__init__(table)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> int:
        self.names.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default


class Compiled(backend.Compiled):
    """A program on a core of others."""

    artefacts = {"listing": "lst"}
    not_included = NOT_INCLUDED
    target: Target

    def __init__(self, program: Program, optimized: Program, target: Target, made: Built) -> None:
        self.program, self.optimized, self.target, self.built = program, optimized, target, made
        self.sections = (*(Section(k.name, k.node, k.op, k.macs * optimized.turns(i), step=i,
                                   layer=optimized.layers.code(k.node, k.op))
                           for i, k in enumerate(optimized.kernels)),
                         Section(NAME, "calls", "Call", 0, layer="calls", step=None))
        self._stack_bytes: int | None = None
        self._costs: dict[tuple[int, int, int], tuple[list[Cost], frozenset[str]]] = {}
        region = {r.name: r for r in target.regions}
        for name, used in (("flash", made.code_bytes + made.const_bytes), ("RAM", self._ram_bytes)):
            if used > region[name].bytes:
                raise DoesNotFit(f"the program needs {used:,} bytes of {name}, and board "
                                 f"{target.board.name} has {region[name].bytes:,}",
                                 used - region[name].bytes)

    @property
    def _ram_bytes(self) -> int:
        """Without the stack."""
        return context(self.optimized).bytes + self.built.ram_bytes

    # --- execution ------------------------------------------------------------------------------
    @cached_property
    def _process(self) -> Process:
        return self._started(loads=False)

    def _started(self, loads: bool) -> Process:
        """The program in a machine of its own."""
        begin, go = verbs(self.optimized)
        owners = {s.kernel: i for i, s in enumerate(self.sections[:-1])
                  if s.kernel in self.built.functions}
        owners |= {f"{NAME}_{verb}": len(self.sections) - 1 for verb in (begin, go)}
        return Process(self.optimized, self.target, self.built, owners, loads)

    @cached_property
    def _loads(self) -> Array:
        """Of each section, loads of one call that memory gives in two pieces, in three, and words
        from flash: loops know how many, and data do not."""
        process = self._started(loads=True)
        process.begin()
        done, _ = process.call([np.zeros(v.shape, np.int64) for v, _ in self.program.inputs])
        return done.loads

    def simulate(self, xs: Sequence[Array], progress: Progress | None = None) -> Executed:
        self._process.begin()
        counts: Counter[Run] = Counter()
        divided: dict[int, list[Divided]] = {}
        found, cycles, instructions = [], [], []
        for i, sample in enumerate(zip(*xs, strict=True)):
            done, outputs = self._process.call(sample)
            found.append(outputs)
            cycles.append(self._cycles(done))
            instructions.append(sum(n * len(self._of(run)) for run, n in done.counts.items()))
            counts.update(done.counts)
            for address, d in done.divided.items():
                divided.setdefault(address, []).append(d)
            if progress:
                progress(i + 1)
        self._note_stack()
        return Executed(tuple(map(np.stack, zip(*found, strict=True))), np.array(cycles, float),
                        self._bills(counts, divided, len(found)), counts, divided,
                        np.array(instructions), self._stack_bytes or 0)

    @cached_property
    def zeros_cycles(self) -> float:
        """Cycles of a sample of zeros."""
        zeros = [np.zeros((1, *v.shape), np.int64) for v, _ in self.program.inputs]
        return float(self.simulate(zeros).cycles[0])

    def _note_stack(self) -> None:
        self._stack_bytes = self._process.stack_bytes()

    def stream(self, x: Array) -> Steps:
        found, cycles, begin = [], [], 0.0
        for sample in x:
            begin = self._cycles(self._process.begin(), loads=0)
            steps = [self._process.call([element]) for element in sample]
            found.append([outputs for _, outputs in steps])
            cycles.append([self._cycles(done) for done, _ in steps])
        outputs = tuple(np.stack([[step[i] for step in steps] for steps in found])
                        for i in range(len(self.program.outputs)))
        self._note_stack()
        return Steps(outputs, np.array(cycles), begin)

    # --- cycles ---------------------------------------------------------------------------------
    def _of(self, run: Run) -> list[Cost]:
        """What each instruction of a run takes."""
        key = run.start, run.end, run.expected
        if key not in self._costs:
            lines, at = [], run.start
            while at < run.end:
                lines.append(self.built.lines[at])
                at += lines[-1].size
            table = _Consulted(self.target.table)
            costs = self.target.core.timing.costs(lines, table, run.expected)
            if FLASH_WAIT in table:
                costs[0] = _fetched(costs[0], run, table)
            self._costs[key] = costs, frozenset(table.names)
        return self._costs[key][0]

    def _cycles(self, done: Execution, loads: int = 1) -> float:
        """loads: how often there are those of a call that lie across words."""
        timing, table = self.target.core.timing, self.target.table
        return (sum(n * sum(c.all for c in self._of(run)) for run, n in done.counts.items())
                + loads * (timing.unaligned(self._loads.sum(0), table)
                           + self._loads[:, 2].sum() * table.get(FLASH_WAIT, 0))
                + sum(timing.divided(d, table) for d in done.divided.values()))

    def _bills(self, counts: Mapping[Run, int], divided: Mapping[int, Sequence[Divided]],
               samples: int) -> tuple[Bill, ...]:
        timing, table = self.target.core.timing, self.target.table
        causes = (*timing.causes, *(["flash"] if FLASH_WAIT in table else []))
        bills = [Bill(s, dict.fromkeys(timing.works, 0.0), dict.fromkeys(causes, 0.0))
                 for s in self.sections]
        spent, stalls = ([cast(dict[str, float], side) for side in sides] for sides in
                         ([b.spent for b in bills], [b.stalls for b in bills]))
        for run, n in counts.items():
            for c in self._of(run):
                spent[run.section][c.work] += n * c.cycles / samples
                for cause, lost in c.stalls.items():
                    stalls[run.section][cause] += n * lost / samples
        for i, loads in enumerate(self._loads):
            stalls[i]["unaligned"] += timing.unaligned(loads, table)
            if FLASH_WAIT in table:
                stalls[i]["flash"] += float(loads[2] * table[FLASH_WAIT])
        sections = {s.kernel: i for i, s in enumerate(self.sections)}
        for address, several in divided.items():
            section = sections.get(self.built.function_at(address), len(bills) - 1)
            spent[section]["other"] += sum(timing.divided(d, table) for d in several) / samples
        return tuple(bills)

    def worst_case(self) -> WorstCase:
        return WorstCase(None, (), "none is proved of what a C compiler made")

    def assuming(self, name: str, value: Any) -> Compiled:
        return self._under({name: value})

    def _under(self, assumed: Mapping[str, int]) -> Compiled:
        """The same code, under other rules."""
        target = replace(self.target, assumed={**self.target.assumed, **assumed})
        other = Compiled(self.program, self.optimized, target, self.built)
        other._loads = self._loads
        other._costs = {run: known for run, known in self._costs.items()
                        if known[1].isdisjoint(assumed)}
        return other

    def _otherwise(self, run: Executed) -> list[float]:
        """Cycles of the mean sample, under each value of what is open in the table."""
        ranges = {name: rule.open for name, rule in self.target.open.items() if rule.open}
        ways = [{name: value} for name, values in ranges.items() for value in values]
        if self.target.core.together:
            ways = [{name: end(values) for name, values in ranges.items()} for end in (min, max)]
        return [sum(b.cycles for b in self._under(way)._bills(run.counts, run.divided,
                                                              len(run.cycles))) for way in ways]

    # --- what it is and needs -------------------------------------------------------------------
    def native(self, run: backend.Run) -> Native:
        done, core = cast(Executed, run), self.target.core
        mean, slowest = float(done.cycles.mean()), float(done.cycles.max())
        others = [mean, *self._otherwise(done)]
        low, high = (slowest * of(others) / mean * (1 + sign * core.residual_percent / 100)
                     for of, sign in ((min, -1), (max, 1)))
        return Native(lowest_latency_ms=self.target.ms(low),
                      highest_latency_ms=self.target.ms(high), model_error=self.target.error,
                      least_cycles=float(done.cycles.min()),
                      instructions=int(done.instructions.max()),
                      compiler=self.built.compiler, flags=" ".join(core.tools.flags),
                      stack_bytes=done.stack_bytes)

    def memory(self) -> Memory:
        if self._stack_bytes is None:
            _ = self.zeros_cycles  # executes one
        made, held, stack = self.built, self._ram_bytes, self._stack_bytes or 0
        region = {r.name: r for r in self.target.regions}
        rows = (("flash", made.code_bytes + made.const_bytes,
                 f"code {made.code_bytes:,}, constants {made.const_bytes:,}"),
                ("RAM", held + stack, f"activations {held:,}, stack {stack:,} as measured"))
        waits = {"flash": self.target.wait_states}
        return Memory(tuple(
            MemoryRow(name, f"{region[name].start:08x}", used, region[name].bytes,
                      waits.get(name, 0), holds) for name, used, holds in rows),
                      held + stack, made.code_bytes + made.const_bytes)

    def artefact(self, form: str, name: str) -> str:
        return self.built.listing if form == "listing" else super().artefact(form, name)

    def hot_lines(self, run: backend.Run) -> list[HotLine]:
        done = cast(Executed, run)
        samples = len(done.cycles)
        count: Counter[int] = Counter()
        spent: Counter[int] = Counter()
        stalls: dict[int, Counter[str]] = {}
        owners: dict[int, Section] = {}
        for stretch, n in done.counts.items():
            at = stretch.start
            for c in self._of(stretch):
                count[at] += n
                spent[at] += n * c.all
                stalls.setdefault(at, Counter()).update(
                    {cause: n * lost for cause, lost in c.stalls.items()})
                owners[at] = self.sections[stretch.section]
                at += self.built.lines[at].size
        return [HotLine(address=f"{at:08x}", text=self.built.lines[at].text,
                        section=owners[at].node, layer=owners[at].layer,
                        count=count[at] / samples, cycles=cycles / samples,
                        stalls={cause: lost / samples for cause, lost in stalls[at].items()})
                for at, cycles in spent.most_common()]


def _fetched(first: Cost, run: Run, table: Mapping[str, int]) -> Cost:
    """The first instruction of a run, with what flash makes the run's words wait, and the word that
    was on its way when the run before it ended."""
    words = (run.end - 1) // 4 - run.start // 4 + 1
    return replace(first, stalls={**first.stalls, "flash": (words + 1) * table[FLASH_WAIT]})


def compiled(program: Program, target: Target, goal: str) -> Compiled:
    """The program as C under that goal, cross-compiled for the target. Raises NoTool, DoesNotFit,
    and UserError for a program in float arithmetic."""
    if program.reals is not None:
        raise UserError(f"target {target.name} runs C in fixed point",
                        remedy="quantize the network, or take a target with floating point")
    optimized = optimize(program, goal)
    flash, ram = (next(r for r in target.regions if r.name == name) for name in ("flash", "RAM"))
    made = build(optimized, target.core.tools, flash.start, ram.start)
    return Compiled(program, optimized, target, made)
