"""The DSP32C as a target: compiled, executed, bounded, and with every tool there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from dsplet.firmware_sim import backend
from dsplet.firmware_sim.backend import (
    Array,
    Item,
    Progress,
    Steps,
    WorstCase,
)
from dsplet.firmware_sim.dsp32c import bill, wcet
from dsplet.firmware_sim.dsp32c.codegen.chosen import Chosen, prepared
from dsplet.firmware_sim.dsp32c.codegen.compilation import Compilation
from dsplet.firmware_sim.dsp32c.codegen.image import Image, symbols
from dsplet.firmware_sim.dsp32c.concerns import concerns
from dsplet.firmware_sim.dsp32c.isa.assembler import disassemble
from dsplet.firmware_sim.dsp32c.lower_bound import least_cycles, lower_bounds
from dsplet.firmware_sim.dsp32c.parts import (
    BOARDS,
    ROUNDINGS,
    SWITCHES,
    TARGETS,
    Rounding,
    Target,
)
from dsplet.firmware_sim.dsp32c.sim import browser, trace
from dsplet.firmware_sim.dsp32c.sim.engine import fastest
from dsplet.firmware_sim.dsp32c.sim.held import held
from dsplet.firmware_sim.dsp32c.sim.simulate import Run, Simulator
from dsplet.firmware_sim.dsp32c.sim.stream import Stream
from dsplet.firmware_sim.dsp32c.tools.srecord import to_srecords
from dsplet.firmware_sim.optimize import GOALS, Ways
from dsplet.firmware_sim.portable import Portable
from dsplet.firmware_sim.rows import HotLine, MapRow, Memory
from dsplet.quantize.fixed.program import Program


class Dsp32c(backend.Backend):
    """The AT&T DSP32C."""

    processor = "dsp32c"
    targets = TARGETS
    boards = BOARDS
    switches = SWITCHES
    roundings = ROUNDINGS

    def compile(self, program: Program, target: backend.Target, goal: str = "time",
                budget_cycles: float | None = None) -> Compiled:
        if program.reals is not None and cast(Target, target).rounding is not Rounding.ADDER:
            raise backend.NotOffered("float arithmetic rounds in every addition: no code for it "
                                     f"gives the same under either adder, by {Rounding.CONVERSION}"
                                     " or not")
        return GOALS[goal](_Ways(program, cast(Target, target)), budget_cycles)

    def with_rounding(self, target: backend.Target, rounding: str) -> Target:
        return replace(cast(Target, target), rounding=Rounding(rounding))

    def least_cycles(self, program: Program) -> float:
        return least_cycles(program)

    def assumptions(self, target: backend.Target) -> Mapping[str, Any]:
        return asdict(cast(Target, target).assumptions)

    def with_assumption(self, target: backend.Target, name: str, value: Any) -> Target:
        return cast(Target, target).with_assumptions(**{name: value})


class Compiled(backend.Compiled):
    """An image on the fastest simulator there is."""

    artefacts = {"image": "s28", "listing": "listing", "symbols": "symbols"}
    not_included = bill.NOT_INCLUDED

    def __init__(self, program: Program, image: Image) -> None:
        self.program, self.image = program, image
        self.target, self.sections = image.target, image.sections

    @cached_property
    def _simulator(self) -> tuple[Simulator, str]:
        chip, remark = fastest(self.image.target)
        return Simulator(self.image, chip), remark

    @property
    def remark(self) -> str:
        return self._simulator[1]

    def simulate(self, xs: Sequence[Array], progress: Progress | None = None) -> Run:
        return self._simulator[0](*xs, progress=progress)

    @cached_property
    def _bound(self) -> wcet.Bound | wcet.Unbounded:
        try:
            return wcet.of_image(self.image)
        except wcet.Unbounded as error:
            return error

    def worst_case(self) -> WorstCase:
        bound, per_cycle = self._bound, self.image.target.states_per_cycle
        if isinstance(bound, wcet.Unbounded):
            return WorstCase(None, (), str(bound))
        return WorstCase(
            bound.states / per_cycle,
            tuple(sum(bound.spent.get(a, 0) / users for a, users in s.parts()) / per_cycle
                  for s in self.image.sections),
            "; ".join(f"{why} at {a:06x}: {self._text(a)}" for why, addresses in (
                ("a decision of the data", bound.forks),
                ("memory that the data choose", bound.guesses)) for a in addresses))

    def _text(self, address: int) -> str:
        start, code = self.image.segments[0]
        return disassemble(int(code[(address - start) // 4]), address)

    def items(self, run: backend.Run) -> list[Item]:
        bound = self._bound
        indexed = () if isinstance(bound, wcet.Unbounded) else bound.indexed
        return bill.items(self.image, cast(Run, run).profile, len(run.cycles), indexed)

    def lower_bounds(self) -> dict[str, float]:
        return lower_bounds(self.program, self.image.target)

    def memory(self) -> Memory:
        return self.image.memory()

    def artefact(self, form: str, name: str) -> str:
        match form:
            case "image":
                return to_srecords(name, self.image.segments, self.image.entry)
            case "listing":
                return self.image.listing
            case "symbols":
                return symbols(self.image)
        return super().artefact(form, name)

    # --- tools ----------------------------------------------------------------------------------
    def hot_lines(self, run: backend.Run) -> list[HotLine]:
        return bill.hot_lines(self.image, cast(Run, run).profile, len(run.cycles))

    def trace(self, xs: Sequence[Array], count: int, chrome: bool = False) -> str:
        return trace.to_text(self.image, *xs, count=count, chrome=chrome)

    def memory_map(self) -> list[MapRow]:
        return self.image.memory_map()

    def values(self, xs: Sequence[Array], progress: Progress | None = None
               ) -> dict[str, Array]:
        if not self.image.views:
            raise backend.NotOffered("what memory holds of each layer is known of fixed-point "
                                     "programs that run a sample at once")
        chip, found = self._simulator[0].chip, []
        for i, sample in enumerate(zip(*xs, strict=True), 1):
            found.append(held(self.image, chip, *sample))
            if progress:
                progress(i)
        return {name: np.stack([of[name] for of in found]) for name in found[0]}

    def stream(self, x: Array) -> Steps:
        return Stream(self.image)(x)

    def passes(self) -> dict[str, Program]:
        program, target = self.program, self.image.target
        return Chosen(program, target, self.image.choices, prepared(program, target)).passes

    def portable(self) -> Portable:
        return browser.portable(self.image)

    def concerns(self, assumption: str) -> bool:
        _, code = self.image.segments[0]
        return assumption in concerns(self.image.target, code[:len(self.image.roles)].tolist())

    def assuming(self, name: str, value: Any) -> Compiled:
        target = self.image.target.with_assumptions(**{name: value})
        return Compiled(self.program, replace(self.image, target=target))


class _Ways(Ways[Compiled]):
    """A program compiled in each way once at most."""

    def __init__(self, program: Program, target: Target) -> None:
        self.program, self.compilation = program, Compilation(program, target)
        self.mixtures = self.compilation.mixtures
        self._built: dict[int, Compiled] = {}

    def build(self, way: int) -> Compiled:
        if way not in self._built:
            image = self.compilation.build(self.mixtures[way].choices)
            self._built[way] = Compiled(self.program, image)
        return self._built[way]
