"""The exact solver: of every slot one width, so that the predicted noise is least within budgets.

A mixed-integer linear program with a variable for each slot and width, solved by HiGHS through
scipy.optimize.milp. Noise adds up over slots only where their errors are independent, so that what
is predicted here is measured afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsplet.base.errors import UserError
from dsplet.quantize.fixed.proof import bounds
from dsplet.quantize.search.trial import WIDTHS, Progress, Slot, Trials, Widths, packed_bytes

SLACK = 0.02


class NoSolution(UserError):
    """No widths meet the budgets."""


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """What each width does to the whole, all other slots at `trials.start_bits`.

    noise, cycles: by slot and width, what it adds. cycles is empty where nobody asked for them.
    product_bits: of each of `trials.products`, how many bits the weights and what they meet may
    have together, so that the layer's accumulator can still be proved.
    """

    noise: dict[tuple[Slot, int], float]
    cycles: dict[tuple[Slot, int], float]
    start_cycles: float
    product_bits: list[int]


def sensitivity(trials: Trials, cycles: Callable | None = None,
                progress: Progress = lambda done, total: None) -> Sensitivity:
    """Measure every slot at every width. cycles(graph) -> the simulator's count for one sample."""
    start = trials.uniform(trials.start_bits)
    fixed, measured = trials.quantize(start), trials.measure(start)
    if measured is None:
        raise NoSolution("the network cannot be proved free of overflow at its starting widths")
    least = measured.noise
    first = cycles(fixed) if cycles else 0.0
    headroom = {b.node: b.headroom_bits for b in bounds(fixed)}
    product = [start[w] + (start[x] if x else settled) + headroom[w.layer]
               for w, x, settled in trials.products]
    noise, spent = {}, {}
    pairs = [(slot, bits) for slot in trials.slots for bits in WIDTHS]
    for i, (slot, bits) in enumerate(pairs):
        if point := trials.measure(start | {slot: bits}):
            noise[slot, bits] = max(point.noise - least, 0.0)
            if cycles:
                spent[slot, bits] = cycles(trials.quantize(start | {slot: bits})) - first
        progress(i + 1, len(pairs))
    return Sensitivity(noise, spent, first, product)


def solve(trials: Trials, found: Sensitivity, memory_bytes: float | None = None,
          cycles: float | None = None) -> Widths:
    """The widths of least predicted noise within the budgets; of those that add at most SLACK of
    it, the narrowest. NoSolution where there are none."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    pairs = list(found.noise)
    noise = np.array([found.noise[pair] for pair in pairs])
    lines = _constraints(trials, found, memory_bytes, cycles)
    matrix = np.array([[entries.get(pair, 0.0) for pair in pairs] for entries, _, _ in lines])
    low, high = ([line[i] for line in lines] for i in (1, 2))
    scale = max(noise.max(), 1e-30)

    def best(cost: np.ndarray, *more: LinearConstraint):
        return milp(cost, constraints=[LinearConstraint(matrix, low, high), *more],
                    integrality=np.ones(len(pairs)), bounds=Bounds(0, 1)).x

    x = best(noise / scale)
    if x is None:
        raise NoSolution(_too_tight(trials, found, memory_bytes, cycles))
    most = (1 + SLACK) * float(noise @ np.round(x)) / scale + 1e-9
    sizes = np.array([float(slot.size * bits) for slot, bits in pairs])
    y = best(sizes / sizes.max(), LinearConstraint(noise[None] / scale, -np.inf, most))
    return {slot: bits for (slot, bits), chosen in zip(pairs, x if y is None else y, strict=True)
            if chosen > 0.5}


Line = tuple[dict[tuple[Slot, int], float], float, float]
"""Coefficients by slot and width, and the ends between which their sum must lie."""


def _constraints(trials: Trials, found: Sensitivity, memory_bytes: float | None,
                 cycles: float | None) -> list[Line]:
    """One width for each slot; accumulators that can be proved; the budgets."""
    def bits(*slots: Slot | None) -> dict[tuple[Slot, int], float]:
        return {(s, b): float(b) for s in slots if s for b in WIDTHS}

    lines: list[Line] = [({(s, b): 1.0 for b in WIDTHS}, 1, 1) for s in trials.slots]
    for (weight, x, settled), most in zip(trials.products, found.product_bits, strict=True):
        room = most - (0 if x else settled)
        lines.append((bits(weight, x), -np.inf, room))
    if memory_bytes is not None:
        weights = {(s, b): float(packed_bytes(s.size, b)) for s in trials.slots for b in WIDTHS
                   if s.kind == "weight_bits"}
        for settled, numbers in trials.alive:
            living = {(s, b): float(packed_bytes(n, b)) for s, n in numbers.items()
                      for b in WIDTHS}
            lines.append((weights | living, -np.inf, memory_bytes - trials.bias_bytes - settled))
    if cycles is not None:
        lines.append((found.cycles, -np.inf, cycles - found.start_cycles))
    return lines


def _too_tight(trials: Trials, found: Sensitivity, memory_bytes, cycles) -> str:
    least = []
    if memory_bytes is not None:
        narrowest = trials.uniform(WIDTHS[0])
        least.append(f"{memory_bytes:,.0f} bytes (all widths at {WIDTHS[0]} bits need "
                     f"{trials.memory_bytes(narrowest):,})")
    if cycles is not None:
        fewest = found.start_cycles + sum(
            min(c for (s, _), c in found.cycles.items() if s == slot) for slot in trials.slots)
        least.append(f"{cycles:,.0f} cycles (the fewest are {fewest:,.0f})")
    return f"no widths from {WIDTHS[0]} to {WIDTHS[-1]} meet " + " and ".join(least)
