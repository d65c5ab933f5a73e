"""The bill of a run as rows: by layer, by network, by kind of work and by what it was spent on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dsplet.base.rows import inlined, unprinted
from dsplet.firmware_sim.backend import Bill, Compiled, Item, Run, WorstCase


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """Cycles of one sample of the code of a kernel, or of all ("total").

    layer: the key of what the code is for, of which there are several rows where it has several
    kernels. kernel: its name, one row's alone. step: its number in the order of execution, the same
    of fused kernels; None of the code of a loop over time. worst_case: None where none is proved.
    lower_bound: likewise. spent: by the processor's kinds of work, and its stalls.
    """

    FIRST = ("layer", "cycles", "macs", "cycles_per_mac", "op")

    layer: str
    kernel: str | None = unprinted(None)
    step: int | None = unprinted(None)
    op: str
    macs: int
    cycles: float
    worst_case: float | None
    lower_bound: float | None = None
    spent: Mapping[str, float] = inlined()
    cycles_per_mac: float | None


@dataclass(frozen=True, kw_only=True)
class ModuleRow:
    """Cycles of one sample of a network inside a network."""

    module: str
    macs: int
    cycles: float
    percent: float
    cycles_per_mac: float | None


@dataclass(frozen=True)
class ItemRow:
    """Cycles of one sample of one kind of work; stalls: the part that held it up."""

    item: str
    cycles: float
    stalls: float
    percent: float


@dataclass(frozen=True)
class CauseRow:
    """Cycles of one sample by what they were spent on, all layers together."""

    cause: str
    cycles: float
    percent: float


def layer_rows(compiled: Compiled, run: Run, worst: WorstCase) -> list[LayerRow]:
    """One row a section, then their sum."""
    lowest = compiled.lower_bounds()
    bounds: Sequence[float | None] = worst.by_section or [None] * len(run.bills)
    rows = [replace(
        _layer(b.section.layer, b.section.op, b.section.macs, b.cycles, bound,
               lowest.get(b.section.kernel, 0.0) if lowest else None, _columns(b)),
        kernel=b.section.kernel, step=b.section.step)
            for b, bound in zip(run.bills, bounds, strict=True)]
    total = _layer("total", "", sum(r.macs for r in rows), sum(r.cycles for r in rows),
                   sum(worst.by_section) if worst.by_section else None,
                   sum(r.lower_bound or 0.0 for r in rows) if lowest else None,
                   {k: sum(r.spent[k] for r in rows) for k in rows[0].spent})
    return [*rows, total]


def _layer(layer: str, op: str, macs: int, cycles: float, worst: float | None,
           lowest: float | None, spent: Mapping[str, float]) -> LayerRow:
    return LayerRow(layer=layer, op=op, macs=macs, cycles=cycles, worst_case=worst,
                    lower_bound=lowest, spent=spent,
                    cycles_per_mac=cycles / macs if macs else None)


def _columns(bill: Bill) -> dict[str, float]:
    return {**bill.spent, **{f"{cause}_stall": cycles for cause, cycles in bill.stalls.items()}}


def module_rows(layers: Sequence[LayerRow]) -> list[ModuleRow] | None:
    """Of a network made of networks, whose layers have names such as "generator.embed/Gemm": the
    cycles of each of them, in order; None for others."""
    *layers, total = layers
    if not any("." in row.layer.partition("/")[0] for row in layers):
        return None
    sums: dict[str, tuple[int, float]] = {}
    for row in layers:
        name = row.layer.partition("/")[0].partition(".")[0]
        macs, cycles = sums.get(name, (0, 0.0))
        sums[name] = macs + row.macs, cycles + row.cycles
    return [ModuleRow(module=name, macs=macs, cycles=cycles, percent=100 * cycles / total.cycles,
                      cycles_per_mac=cycles / macs if macs else None)
            for name, (macs, cycles) in sums.items()]


def item_rows(items: Sequence[Item]) -> list[ItemRow]:
    """The items and what part of the whole each is."""
    total = sum(i.cycles for i in items)
    return [ItemRow(i.item, i.cycles, i.stalls, 100 * i.cycles / total if total else 0.0)
            for i in items]


def cause_rows(run: Run) -> list[CauseRow]:
    """What the cycles of all layers were spent on."""
    spent: dict[str, float] = {}
    for bill in run.bills:
        for cause, cycles in {**bill.spent, **bill.stalls}.items():
            spent[cause] = spent.get(cause, 0.0) + cycles
    total = sum(spent.values())
    return [CauseRow(cause, cycles, 100 * cycles / total if total else 0.0)
            for cause, cycles in spent.items()]
