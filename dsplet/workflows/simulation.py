"""The report of a simulation, of a network in a file: what `firmware_sim.report` finds, as one
table of fields, and what else was asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from dsplet.base.display import Displayed
from dsplet.base.provenance import Provenance
from dsplet.base.rows import unprinted
from dsplet.firmware_sim import report
from dsplet.firmware_sim.bill import CauseRow, ItemRow, LayerRow, ModuleRow
from dsplet.firmware_sim.budget import MemoryVerdict, Verdict
from dsplet.firmware_sim.report import NumberSample, OutputSample, ReadSample
from dsplet.firmware_sim.rows import HotLine, MapRow, MemoryRow, StepRow
from dsplet.firmware_sim.sensitivity import SpreadRow
from dsplet.quantize.fixed.layers import Layer
from dsplet.workflows.held import Held


@dataclass(frozen=True, kw_only=True)
class Side:
    """A simulation of the same network in one arithmetic."""

    FIRST = ("cycles", "latency_ms", "used_bytes", "accuracy_percent")

    arithmetic: str
    network: str
    cycles: float
    latency_ms: float
    cycles_per_mac: float | None
    used_bytes: int
    accuracy_percent: float | None
    samples: int


@dataclass(frozen=True, kw_only=True, repr=False)
class Simulation(Displayed):
    """What a run of machine code computed, cost and needed.

    inputs: what they are where they are chance. calibrated_on: how many of the samples the network
    was calibrated on. right_within, nrmse_percent: of networks that answer in numbers.
    ram_bytes, read_only_bytes: see `backend.Memory`. lowest_latency_ms to stack_bytes: of a target
    that others' compilers make code for. differing_integers: of fixed point; what follows it, to
    differing_answers, of floating point: largest_difference, in the output's unit, and what it may
    be, a share of the largest number, tolerance_of_largest. network_layers: all that the network
    has, by their keys, those without code among them. From side_by_side on: what was asked for.
    """

    FIRST = ("passed", "cycles", "latency_ms", "accuracy_percent", "nrmse_percent",
             "differing_integers", "differing_numbers", "ram_bytes", "read_only_bytes", "budget",
             "memory_budget")
    DETAILS = ("not_included", "compiler", "flags")

    provenance: Provenance | None = unprinted(None)
    network: str
    arithmetic: str
    assumed: str | None = None
    inputs: str | None = None
    calibrated_on: str | None = None
    target: str
    samples: int
    accuracy_percent: float | None
    right_within: float | None = None
    nrmse_percent: float | None = None
    differing_integers: int | None = None
    differing_numbers: int | None = None
    tolerance_of_largest: float | None = None
    largest_difference: float | None = None
    differing_answers: int | None = None
    compared_with: str
    layers: list[LayerRow]
    steps: list[StepRow] = unprinted()
    network_layers: list[Layer] = unprinted()
    first_samples: list[ReadSample | NumberSample | OutputSample]
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
    lowest_latency_ms: float | None = None
    highest_latency_ms: float | None = None
    model_error: str | None = None
    least_cycles: float | None = None
    instructions: int | None = None
    compiler: str | None = None
    flags: str | None = None
    stack_bytes: int | None = None
    budget: list[Verdict] | None = None
    memory_budget: list[MemoryVerdict] | None = None
    passed: bool
    side_by_side: list[Side] | None = None
    memory_map: list[MapRow] | None = None
    hot_lines: list[HotLine] | None = None
    causes: list[CauseRow] | None = None
    spread: list[SpreadRow] | None = None
    spread_samples: int | None = None
    lowest_cycles: float | None = None
    highest_cycles: float | None = None
    chrome_trace: str | None = None
    trace_file: str | None = None
    trace: list[str] | None = None
    held: list[Held] | None = None
    picture: str | None = None
    dump: str | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Streamed(Displayed):
    """What one step a call cost. inputs, calibrated_on, right_within: as of a Simulation. step,
    real_time_factor: as of `firmware_sim.report`."""

    FIRST = ("passed", "cycles_per_step", "latency_ms_per_step", "real_time_factor",
             "accuracy_percent", "nrmse_percent", "differing_integers", "ram_bytes",
             "read_only_bytes")

    provenance: Provenance | None = unprinted(None)
    network: str
    inputs: str | None = None
    calibrated_on: str | None = None
    target: str
    samples: int
    steps: int
    accuracy_percent: float | None
    right_within: float | None = None
    nrmse_percent: float | None = None
    differing_integers: int
    compared_with: str
    begin_cycles: float
    cycles_per_step: float
    clock_mhz: float
    latency_ms_per_step: float
    step: str | None = None
    real_time_factor: float | None = None
    ram_bytes: int
    read_only_bytes: int
    memory: list[MemoryRow]
    passed: bool


def flat(found: report.Simulation | report.Streamed) -> dict[str, Any]:
    """Its fields by name; those of its groups stand among them."""
    groups = {f.name for f in fields(found) if f.metadata.get("inlined")}
    own = {k: v for k, v in vars(found).items() if k not in groups}
    return own | {k: v for group in groups for k, v in vars(getattr(found, group)).items()}


def side(found: Simulation) -> Side:
    """The simulation as a row beside another."""
    return Side(arithmetic=found.arithmetic, network=found.network, cycles=found.cycles,
                latency_ms=found.latency_ms, cycles_per_mac=found.cycles_per_mac,
                used_bytes=sum(row.used_bytes for row in found.memory),
                accuracy_percent=found.accuracy_percent, samples=found.samples)
