"""The report of a simulation: rows of samples, layers, items, memory, and what else was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

Answer = int | str
"""A class by its number, a sequence by the names of its symbols."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """index: in its data set. label: where it is known. largest_error: of numbers."""

    index: int
    label: Answer | None = None
    read_as: str | None = None
    largest_error: float | None = None
    cycles: float


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Cycles of one sample by what they were spent on. worst_case: None where none is proved."""

    layer: str
    op: str
    macs: int
    cycles: float
    worst_case: float | None
    lower_bound: float
    mac: float
    other: float
    nop: float
    bank_stall: float
    wait_stall: float
    cycles_per_mac: float | None


@dataclass(frozen=True, kw_only=True)
class Module:
    """Cycles of a network that is part of the network."""

    module: str
    macs: int
    cycles: float
    percent: float
    cycles_per_mac: float | None


@dataclass(frozen=True, kw_only=True)
class Item:
    """Cycles of one sample by kind of work. stalls: the part that was lost on memory."""

    item: str
    cycles: float
    stalls: float
    percent: float


@dataclass(frozen=True, kw_only=True)
class MemoryRow:
    """Bytes used and there, and what the region holds."""

    region: str
    used_bytes: int
    bytes: int
    wait_states: int
    holds: str


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    """Whether the worst case keeps the budget."""

    budget: str
    allowed_cycles: float
    cycles: float
    met: bool
    largest_layers: str


@dataclass(frozen=True, kw_only=True)
class Side:
    """A simulation of the same network in one arithmetic."""

    arithmetic: str
    network: str
    cycles: float
    latency_ms: float
    cycles_per_mac: float | None
    used_bytes: int
    accuracy_percent: float | None
    samples: int


@dataclass(frozen=True, kw_only=True)
class MapRow:
    """Where a buffer lies, and between which layers it is alive."""

    address: str
    bytes: int
    region: str
    kind: str
    role: str
    buffer: str
    from_: str
    to: str


@dataclass(frozen=True, kw_only=True)
class HotLine:
    """A line of the listing; per sample, stalls in cycles."""

    address: str
    text: str
    section: str
    count: float
    cycles: float
    bank: float
    wait: float


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Cycles of one sample by what they were spent on, all layers together."""

    cause: str
    cycles: float
    percent: float


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """The first sample, were the chip not as assumed."""

    assumption: str
    value: int | str | bool
    cycles: float
    change_percent: float
    differing_integers: int


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What a run of machine code computed, cost and needed.

    right_within, nrmse_percent: of networks that answer in numbers. differing_integers: of fixed
    point; what follows it, to differing_answers, of floating point. From side_by_side on: what was
    asked for.
    """

    network: str
    arithmetic: str
    assumed: str | None = None
    target: str
    samples: int
    first_samples: list[Sample]
    accuracy_percent: float | None
    right_within: float | None = None
    nrmse_percent: float | None = None
    differing_integers: int | None = None
    differing_numbers: int | None = None
    tolerance_of_largest: float | None = None
    largest_difference: float | None = None
    differing_answers: int | None = None
    compared_with: str
    layers: list[Layer]
    modules: list[Module] | None = None
    items: list[Item]
    not_included: list[str]
    memory: list[MemoryRow]
    smallest_headroom_bits: int | None = None
    cycles: float
    worst_case_cycles: float | None
    worst_case_differs_for: str
    cycles_per_mac: float | None
    clock_mhz: float
    latency_ms: float
    budget: list[BudgetRow] | None = None
    passed: bool
    side_by_side: list[Side] | None = None
    memory_map: list[MapRow] | None = None
    hot_lines: list[HotLine] | None = None
    causes: list[Cause] | None = None
    spread: list[Alternative] | None = None
    lowest_cycles: float | None = None
    highest_cycles: float | None = None
    chrome_trace: str | None = None
    trace_file: str | None = None
    trace: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """What one step a call cost."""

    network: str
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
    memory: list[MemoryRow]
    passed: bool
