"""Sensitivity: what a latency would be if the processor were not as assumed, one switch at a time.

The lowest and the highest count are the error bar of a simulator that is cycle-approximate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Array, Compiled


@dataclass(frozen=True)
class SpreadRow:
    """cycles: of the first sample. change_percent and differing_integers: against the target's own
    assumptions."""

    assumption: str
    value: Any
    cycles: float
    change_percent: float
    differing_integers: int


@dataclass(frozen=True)
class ErrorBar:
    """One row for each alternative, and the lowest and the highest cycles among them."""

    spread: list[SpreadRow]
    lowest_cycles: float
    highest_cycles: float


def error_bar(compiled: Compiled, xs: Sequence[Array],
              progress: Callable[[int, int], None] | None = None) -> ErrorBar:
    """The rows of every alternative, the rest as the program's target assumes.

    xs: for each input (N, *shape), of which the first sample is run. progress: told the
    alternatives done and how many there are. Raises NotOffered.
    """
    compiled.need("assuming")
    first = [x[:1] for x in xs]
    own = compiled.simulate(first)
    usual = float(own.cycles[0])
    backend = targets.backend(compiled.target)
    assumed = backend.assumptions(compiled.target)
    ways = [(name, value) for name, switch in backend.switches_of(compiled.target).items()
            for value in switch.alternatives]
    rows: list[SpreadRow] = []
    for name, value in ways:
        run = own if value == assumed[name] else compiled.assuming(name, value).simulate(first)
        seen = float(run.cycles[0])
        rows.append(SpreadRow(name, value, seen, 100 * (seen / usual - 1), sum(
            int(np.count_nonzero(a != b)) for a, b in zip(run.outputs, own.outputs,
                                                          strict=True))))
        if progress:
            progress(len(rows), len(ways))
    cycles = [row.cycles for row in rows]
    return ErrorBar(rows, min(cycles), max(cycles))
