"""Sensitivity: what a latency would be if the processor were not as assumed, one switch at a time.

The lowest and the highest count are the error bar of a simulator that is cycle-approximate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsplet.base.rows import unprinted
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Array, Compiled, Run

MOST_SAMPLES, MOST_CYCLES = 8, 2_000_000
"""That are run under each alternative: the first of them, and always one."""
ROUNDING = 1e-6
"""Cycles that two means may differ by where nothing changed."""


@dataclass(frozen=True)
class LayerChange:
    """What an alternative adds to the mean sample's cycles in one layer, by its key."""

    layer: str
    cycles: float


@dataclass(frozen=True)
class SpreadRow:
    """cycles: of the slowest of the first samples. change_percent, differing_integers (of how many,
    of all outputs) and layers, those that change: against the target's own assumptions."""

    assumption: str
    value: Any
    cycles: float
    change_percent: float
    differing_integers: int
    compared_integers: int = unprinted()
    layers: list[LayerChange] = unprinted()


@dataclass(frozen=True)
class ErrorBar:
    """One row for each alternative, and the lowest and the highest cycles among them.
    spread_samples: how many were run under each."""

    spread: list[SpreadRow]
    spread_samples: int
    lowest_cycles: float
    highest_cycles: float


def error_bar(compiled: Compiled, xs: Sequence[Array],
              progress: Callable[[int, int], None] | None = None) -> ErrorBar:
    """The rows of every alternative that can matter to the program, the rest as its target assumes.

    xs: for each input (N, *shape), of which the first are run. progress: told the alternatives done
    and how many there are. Raises NotOffered.
    """
    compiled.need("assuming")
    one = float(compiled.simulate([x[:1] for x in xs]).cycles[0])
    count = min(len(xs[0]), MOST_SAMPLES, max(int(MOST_CYCLES // one), 1))
    first = [x[:count] for x in xs]
    own = compiled.simulate(first)
    backend = targets.backend(compiled.target)
    assumed = backend.assumptions(compiled.target)
    ways = [(name, value) for name, switch in backend.switches_of(compiled.target).items()
            if compiled.concerns(name) for value in switch.alternatives]
    rows: list[SpreadRow] = []
    for name, value in ways:
        run = own if value == assumed[name] else compiled.assuming(name, value).simulate(first)
        rows.append(_row(name, value, run, own))
        if progress:
            progress(len(rows), len(ways))
    cycles = [row.cycles for row in rows]
    return ErrorBar(rows, count, min(cycles), max(cycles))


def _row(name: str, value: Any, run: Run, own: Run) -> SpreadRow:
    """One alternative beside the target's own."""
    seen = float(run.cycles.max())
    differing = sum(int(np.count_nonzero(a != b))
                    for a, b in zip(run.outputs, own.outputs, strict=True))
    changes = {layer: cycles - before for (layer, cycles), before in zip(
        _by_layer(run).items(), _by_layer(own).values(), strict=True)}
    return SpreadRow(name, value, seen, 100 * (seen / float(own.cycles.max()) - 1), differing,
                     sum(a.size for a in own.outputs),
                     [LayerChange(layer, c) for layer, c in changes.items() if abs(c) > ROUNDING])


def _by_layer(run: Run) -> dict[str, float]:
    found: dict[str, float] = {}
    for bill in run.bills:
        found[bill.section.layer] = found.get(bill.section.layer, 0.0) + bill.cycles
    return found
