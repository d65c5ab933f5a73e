"""Reports of executed programs: what was computed, what it cost and needed, as typed rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dsplet.base.rows import inlined, unprinted
from dsplet.data.answers import (
    STEP,
    answers,
    are_numbers,
    are_scores,
    check_numbers,
    class_names,
    nrmse_percent,
    percent_right,
    places_of,
    same,
    spelled,
    tolerance_of,
)
from dsplet.firmware_sim.backend import Array, Compiled, Run, Steps, Target
from dsplet.firmware_sim.bill import (
    ItemRow,
    LayerRow,
    ModuleRow,
    item_rows,
    layer_rows,
    module_rows,
)
from dsplet.firmware_sim.budget import Budget, Verdict, budget_cycles, verdict
from dsplet.firmware_sim.memory_map import step_rows
from dsplet.firmware_sim.native import Native
from dsplet.firmware_sim.rows import MemoryRow, StepRow
from dsplet.quantize.fixed.layers import Layer

SHOWN_NUMBERS = 6
SHOWN_SAMPLES = 5
"""How many samples a report lists one by one."""
FLOAT_TOLERANCE = 1e-3
"""Of the largest output: a processor may truncate where float32 rounds, and interpolate
functions."""


@dataclass(frozen=True)
class ReadSample:
    """A sample of which a class was read. index: in its data set. label: None where nobody knows
    it."""

    index: int
    label: int | str | None
    read_as: str
    cycles: float


@dataclass(frozen=True)
class NumberSample:
    """A sample of which numbers were computed. index: in its data set. largest_error: of them, from
    the labels."""

    index: int
    largest_error: float
    cycles: float


@dataclass(frozen=True)
class OutputSample:
    """A sample of which nobody knows what is right, and no class is read. index: in its data set.
    output: its first numbers."""

    index: int
    output: str
    cycles: float


@dataclass(frozen=True)
class Score:
    """How many outputs are right; of numbers, within what, and how far they are off."""

    accuracy_percent: float | None
    right_within: float | None = None
    nrmse_percent: float | None = None


@dataclass(frozen=True)
class Exactly:
    """How integers compare with the reference."""

    differing_integers: int
    compared_with: str

    @property
    def agrees(self) -> bool:
        return not self.differing_integers


@dataclass(frozen=True)
class Nearly:
    """How the numbers of float arithmetic compare: one differs where it is more than
    FLOAT_TOLERANCE of the largest away. differing_answers: samples that are read otherwise, where
    the network reads classes."""

    differing_numbers: int
    tolerance_of_largest: float
    largest_difference: float
    differing_answers: int | None
    compared_with: str

    @property
    def agrees(self) -> bool:
        return not self.differing_numbers


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What a run of machine code computed, cost and needed. cycles: of the slowest sample.
    ram_bytes, read_only_bytes: see `backend.Memory`.
    network_layers: all that the network has, by their keys, those without code among them."""

    target: str
    samples: int
    first_samples: list[ReadSample | NumberSample | OutputSample]
    score: Score = inlined()
    agreement: Exactly | Nearly = inlined()
    layers: list[LayerRow]
    steps: list[StepRow] = unprinted()
    network_layers: list[Layer] = unprinted()
    modules: list[ModuleRow] | None = None
    items: list[ItemRow]
    not_included: list[str]
    memory: list[MemoryRow]
    smallest_headroom_bits: int | None = None
    cycles: float
    worst_case_cycles: float | None
    worst_case_differs_for: str
    cycles_per_mac: float | None
    clock_mhz: float
    latency_ms: float
    ram_bytes: int
    read_only_bytes: int
    native: Native = inlined()
    budget: list[Verdict] | None = None
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """What one step a call cost. step: how long an element takes to come, where that is known.
    real_time_factor: the slowest step's time by that; below 1 the processor keeps up."""

    target: str
    samples: int
    steps: int
    score: Score = inlined()
    agreement: Exactly = inlined()
    begin_cycles: float
    cycles_per_step: float
    clock_mhz: float
    latency_ms_per_step: float
    step: str | None
    real_time_factor: float | None
    ram_bytes: int
    read_only_bytes: int
    memory: list[MemoryRow]
    passed: bool


def simulation(compiled: Compiled, run: Run, wanted: Sequence[Array], index: Array,
               labels: Array | None, facts: Mapping[str, str], budget: Budget | None = None
               ) -> Simulation:
    """The report of an executed fixed-point program.

    wanted: the reference's outputs. index: each sample's position in its data set. labels: None
    where nobody knows them. facts: the network file's metadata.
    """
    differing = sum(np.count_nonzero(y != w) for y, w in zip(run.outputs, wanted, strict=True))
    agreement = Exactly(int(differing),
                        f"NumPy reference, {sum(w.size for w in wanted):,} integers")
    value, _ = compiled.program.outputs[0]
    y = value.format.dequantize(run.outputs[0])
    headroom = min((b.headroom_bits for b in compiled.program.bounds), default=None)
    return replace(_report(compiled, run, y, agreement, index, labels, facts, budget),
                   smallest_headroom_bits=headroom)


def float_simulation(compiled: Compiled, run: Run, wanted: Sequence[Array], index: Array,
                     labels: Array | None, facts: Mapping[str, str], budget: Budget | None = None
                     ) -> Simulation:
    """The same of a program in float arithmetic. wanted: float32 (N, *shape), for each output."""
    ys = [y.reshape(w.shape) for y, w in zip(run.outputs, wanted, strict=True)]
    apart = [np.abs(y - w) for y, w in zip(ys, wanted, strict=True)]
    differing = sum(np.count_nonzero(a > FLOAT_TOLERANCE * np.abs(w).max())
                    for a, w in zip(apart, wanted, strict=True))
    agreement = Nearly(
        int(differing), FLOAT_TOLERANCE, max(float(a.max()) for a in apart),
        _differing(ys[0], wanted[0], labels, facts),
        f"ONNX Runtime in float32, {sum(w.size for w in wanted):,} numbers")
    return _report(compiled, run, ys[0], agreement, index, labels, facts, budget)


def _report(compiled: Compiled, run: Run, y: Array, agreement: Exactly | Nearly, index: Array,
            labels: Array | None, facts: Mapping[str, str], budget: Budget | None) -> Simulation:
    """y: the first output, reals (N, ...)."""
    target, samples = compiled.target, len(run.cycles)
    worst, cycles = compiled.worst_case(), float(run.cycles.max())
    macs = sum(s.macs for s in compiled.sections)
    layers = layer_rows(compiled, run, worst)
    kept = verdict(budget, run, worst.cycles or cycles) if budget else None
    memory = compiled.memory()
    return Simulation(
        target=title(target), samples=samples,
        first_samples=[_sample(y[i], index[i], None if labels is None else labels[i],
                               run.cycles[i], facts, labels)
                       for i in range(min(SHOWN_SAMPLES, samples))],
        score=score(y.reshape(samples, -1), labels, facts), agreement=agreement, layers=layers,
        steps=step_rows(compiled), network_layers=list(compiled.program.layers.rows),
        modules=module_rows(layers), items=item_rows(compiled.items(run)),
        not_included=list(compiled.not_included), memory=list(memory.by_region),
        cycles=cycles, worst_case_cycles=worst.cycles,
        worst_case_differs_for="" if worst.cycles == cycles else worst.why,
        cycles_per_mac=cycles / macs if macs else None, clock_mhz=target.clock_mhz,
        latency_ms=target.ms(cycles), ram_bytes=memory.ram_bytes,
        read_only_bytes=memory.read_only_bytes, native=compiled.native(run),
        budget=[kept] if kept else None,
        passed=agreement.agrees and (kept is None or kept.met))


def streamed(compiled: Compiled, steps: Steps, wanted: Array, labels: Array | None,
             facts: Mapping[str, str]) -> Streamed:
    """The report of a program that ran one step a call. wanted: the reference's first output after
    the last step. Raises BudgetError for a time of `answers.STEP` that is none."""
    target, (samples, count) = compiled.target, steps.cycles.shape
    value, _ = compiled.program.outputs[0]
    last, slowest = steps.outputs[0][:, -1], float(steps.cycles.max())
    memory = compiled.memory()
    differing = int(np.count_nonzero(last != wanted))
    y = value.format.dequantize(last)
    step = facts.get(STEP)
    return Streamed(
        target=title(target), samples=samples, steps=count,
        score=score(y.reshape(samples, -1), labels, facts),
        agreement=Exactly(
            differing, f"NumPy reference after the last step, {wanted.size:,} integers"),
        begin_cycles=steps.begin_cycles, cycles_per_step=slowest, clock_mhz=target.clock_mhz,
        latency_ms_per_step=target.ms(slowest), step=step,
        real_time_factor=slowest / budget_cycles(step, target, "step") if step else None,
        ram_bytes=memory.ram_bytes, read_only_bytes=memory.read_only_bytes,
        memory=list(memory.by_region),
        passed=not differing)


def title(target: Target) -> str:
    """The target as reports name it."""
    return ", ".join(filter(None, (target.name, f"board {target.board.name}", target.generated)))


def _sample(y: Array, index: int, label: Any, cycles: float, facts: Mapping[str, str],
            labels: Array | None) -> ReadSample | NumberSample | OutputSample:
    if labels is not None and are_numbers(labels):
        return NumberSample(int(index), float(np.abs(y.ravel() - label).max()), float(cycles))
    names = class_names(facts)
    if labels is None and not are_scores(y[None], names):
        first = " ".join(f"{number:.4g}" for number in y.ravel()[:SHOWN_NUMBERS])
        return OutputSample(int(index), first + " ..." * (y.size > SHOWN_NUMBERS), float(cycles))
    if label is not None:
        label = spelled(label, names) if np.ndim(label) else int(label)
    return ReadSample(int(index), label, spelled(_read(y[None], labels, names)[0], names),
                      float(cycles))


def _read(scores: Array, labels: Array | None, names: dict[int, str]) -> Array:
    """The answers, of as many places as the labels have; else as the classes of a place allow."""
    if labels is not None:
        return answers(scores, labels.shape[1:])
    return answers(scores, places_of(scores, names))


def _differing(y: Array, z: Array, labels: Array | None, facts: Mapping[str, str]) -> int | None:
    """How many samples two executions answer differently; None where they read no classes."""
    if tolerance := tolerance_of(facts):
        return int(np.count_nonzero((np.abs(y - z) >= tolerance).reshape(len(y), -1).any(1)))
    names = class_names(facts)
    if are_numbers(labels) if labels is not None else not are_scores(y, names):
        return None
    return int(np.count_nonzero(~same(_read(y, labels, names), _read(z, labels, names))))


def score(y: Array, labels: Array | None, facts: Mapping[str, str]) -> Score:
    """How many of the outputs y (N, outputs) are right; of numbers, also how far they are off."""
    if labels is None:
        return Score(None)
    tolerance = tolerance_of(facts)
    if are_numbers(labels):
        check_numbers(y, labels)
        right = percent_right(y, labels, tolerance) if tolerance else None
        return Score(right, tolerance, nrmse_percent(y, labels))
    return Score(percent_right(y, labels))
