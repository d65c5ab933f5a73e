"""Reports as rows: plain dictionaries with units in their keys, for a table or for JSON."""

from __future__ import annotations

from firmware_sim.image import Image
from firmware_sim.simulate import Run
from firmware_sim.targets.target import Target
from quantize.fixed.graph import Graph
from quantize.fixed.proof import bounds


class BudgetError(ValueError):
    """A budget that cannot be read."""


def layer_rows(run: Run) -> list[dict]:
    """The bill: cycles of one sample by layer and by what they were spent on, then their sum."""
    rows = [{"layer": b.section.node, "op": b.section.op, "macs": b.section.macs,
             "cycles": b.cycles, "mac": b.mac, "other": b.other, "nop": b.nop,
             "bank_stall": b.bank, "wait_stall": b.wait} for b in run.bills]
    total = {"layer": "total", "op": ""} | {
        k: sum(r[k] for r in rows) for k in rows[0] if k not in ("layer", "op")}
    return [r | {"cycles_per_mac": r["cycles"] / r["macs"] if r["macs"] else None}
            for r in [*rows, total]]


def memory_rows(image: Image) -> list[dict]:
    """Bytes used and there, by region, and what the region holds."""
    rows = []
    for name, (used, there) in image.memory_by_region().items():
        region = next(r for r in image.target.regions if r.name == name)
        roles = {p.role for p in image.placements.values() if p.region == name}
        if region.start < image.code_bytes:
            roles.add("code")
        rows.append({"region": name, "used_bytes": used, "bytes": there,
                     "wait_states": region.wait_states, "holds": ", ".join(sorted(roles))})
    return rows


def overflow_rows(graph: Graph) -> list[dict]:
    """The proof: the largest magnitude any partial sum of a layer can reach, and what is left."""
    return [{"layer": b.node, "op": b.op, "magnitude": b.magnitude, "bits": b.bits,
             "headroom_bits": b.headroom_bits} for b in bounds(graph)]


def target_rows(target: Target) -> list[dict]:
    """The memory map of a part on its board."""
    return [{"target": target.name, "board": target.board.name, "region": r.name,
             "start": f"{r.start:06x}", "end": f"{r.end:06x}", "bytes": r.bytes,
             "bank": r.bank, "wait_states": r.wait_states} for r in target.regions]


def budget_cycles(text: str, target: Target) -> float:
    """A budget such as `33.3ms`, `500us` or `333333cycles` in instruction cycles of the target."""
    for unit, cycles in (("ms", 1e6 / target.cycle_ns), ("us", 1e3 / target.cycle_ns),
                         ("cycles", 1.0)):
        number = text.strip().removesuffix(unit)
        if number != text.strip():
            try:
                value = float(number)
            except ValueError:
                break
            if value > 0:
                return value * cycles
    raise BudgetError(f"budget '{text}' is not understood: expected a positive number with its "
                      f"unit, such as 33.3ms, 500us or 333333cycles")


def verdict(text: str, run: Run, target: Target) -> dict:
    """Whether the slowest sample keeps the budget; if not, the layers that cost most."""
    allowed, worst = budget_cycles(text, target), float(run.cycles.max())
    costly = sorted(run.bills, key=lambda b: -b.cycles)[:3]
    return {"budget": text, "allowed_cycles": allowed, "cycles": worst, "met": worst <= allowed,
            "largest_layers": ", ".join(f"{b.section.node} {b.cycles:,.0f}" for b in costly)}
