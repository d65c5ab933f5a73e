"""Budgets that nothing which `advise` can change would meet, and why."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.errors import UserError
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.workflows import chip
from dsplet.workflows.advise_bench import Bench, Way


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What cannot be less on a target, whatever the widths, the layout and -O. unit: "cycles" or
    "bytes"."""

    budget: str
    target: str
    allowed: float
    at_least: float
    unit: str
    why: str


def broken(bench: Bench, way: Way) -> list[Bound]:
    """The budgets that no change of the file or of how it is compiled meets."""
    found = [_latency(bench, way), _ram(bench, way), _flash(bench, way)]
    return [b for b in found if b and b.at_least > b.allowed]


def _latency(bench: Bench, way: Way) -> Bound | None:
    target, graph = chip.target_of(way), bench.narrowest()
    allowed = bench.limits.allowed_cycles(target)
    if allowed is None or graph is None:
        return None
    least = targets.least_cycles(lower(graph), target)
    if least is None:
        return None
    costly = sorted(graph.every_node(), key=lambda n: -n.macs)[:3]
    layers = ", ".join(f"{n.name} {n.macs:,}" for n in costly if n.macs)
    return Bound(
        budget="latency", target=target.name, allowed=allowed, at_least=least, unit="cycles",
        why=f"an instruction multiplies once, and these do, compare and look up {least:,.0f} times "
            f"({layers} multiplications): {target.ms(least):.4g} ms")


def _ram(bench: Bench, way: Way) -> Bound | None:
    """Inputs, all there when a sample begins, as the target holds them."""
    if bench.limits.ram is None:
        return None
    try:
        compiled = bench.compiled(bench.fixed, way)
    except UserError:
        return None
    if "memory_map" not in compiled.tools:
        return None
    held = sum(row.bytes for row in compiled.memory_map() if row.role == "input")
    return Bound(budget="RAM", target=compiled.target.name, allowed=bench.limits.ram,
                 at_least=held, unit="bytes", why="the input alone, as the host leaves it")


def _flash(bench: Bench, way: Way) -> Bound | None:
    """No code generator keeps a weight in less than a byte."""
    if bench.limits.flash is None:
        return None
    count = _weights(bench.fixed)
    return Bound(budget="flash", target=way.target, allowed=bench.limits.flash, at_least=count,
                 unit="bytes", why=f"{count:,} different weights, a byte each at the smallest")


def _weights(graph: Graph) -> int:
    """Those of arrays that are the same count once."""
    arrays = {(w.q.shape, w.q.tobytes()): w.q.size for n in graph.every_node()
              if (w := getattr(n, "weight", None)) is not None and hasattr(w, "q")}
    return sum(arrays.values())
