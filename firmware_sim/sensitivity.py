"""Sensitivity: latency and integers if the processor were not as assumed, one switch at a time.

The lowest and the highest count are the error bar of a simulator that is cycle-approximate. Where
integers are others, they are counted over more samples than cycles are: one sample tells little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsplet.base.errors import UserError
from dsplet.base.rows import unprinted
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Array, Compiled, Run
from dsplet.quantize.fixed.program import Program

MOST_SAMPLES, MOST_CYCLES = 8, 2_000_000
"""That are timed under each alternative: the first of them, and always one."""
MOST_COMPARED, MOST_COMPARED_CYCLES = 200, 100_000_000
"""That are run again where integers of those differ, unless the simulator is a slow one."""
LAST_BITS = 1 / 16
"""Of a format's steps: what is moved by less is moved in its last bits."""
ROUNDING = 1e-6
"""Cycles that two means may differ by where nothing changed."""

Right = Callable[[Array], float | None]
"""From a program's first output of the first samples (N, *shape) to how many per cent of them are
answered right; None where nobody knows."""


@dataclass(frozen=True)
class LayerChange:
    """What an alternative adds to the mean sample's cycles in one layer, by its key."""

    layer: str
    cycles: float


@dataclass(frozen=True)
class SpreadRow:
    """cycles: of the slowest of the timed samples. change_percent, what becomes of the integers,
    and layers, those that change: against the target's own assumptions. differing_integers: of how
    many, all outputs of how many samples; largest_difference: of two of them, in steps of their
    format. accuracy_percent, and as the target is assumed: of the same samples, where integers
    differ and labels are known. cycles and change_percent are None where the code fails, for want
    of what it relies on: fault."""

    assumption: str
    value: Any
    cycles: float | None
    change_percent: float | None
    integers: str
    differing_integers: int = unprinted()
    compared_integers: int = unprinted()
    compared_samples: int = unprinted()
    largest_difference: float = unprinted()
    layers: list[LayerChange] = unprinted()
    accuracy_percent: float | None = unprinted(None)
    accuracy_as_assumed_percent: float | None = unprinted(None)
    fault: str | None = unprinted(None)


@dataclass(frozen=True)
class ErrorBar:
    """One row for each alternative, and the lowest and the highest cycles among them.
    spread_samples: how many were timed under each."""

    spread: list[SpreadRow]
    spread_samples: int
    lowest_cycles: float
    highest_cycles: float


def error_bar(compiled: Compiled, xs: Sequence[Array],
              progress: Callable[[int, int], None] | None = None,
              right: Right = lambda y: None) -> ErrorBar:
    """The rows of every alternative that can matter to the program, the rest as its target assumes.

    xs: for each input (N, *shape), of which the first are run. progress: told the alternatives done
    and how many there are. Raises NotOffered.
    """
    compiled.need("assuming")
    bar = _Bar(compiled, xs, right)
    backend = targets.backend(compiled.target)
    ways = [(name, value) for name, switch in backend.switches_of(compiled.target).items()
            if compiled.concerns(name) for value in switch.alternatives]
    rows: list[SpreadRow] = []
    for name, value in ways:
        rows.append(bar.row(name, value))
        if progress:
            progress(len(rows), len(ways))
    cycles = [row.cycles for row in rows if row.cycles is not None]
    return ErrorBar(rows, len(bar.own.cycles), min(cycles), max(cycles))


class _Bar:
    """The runs that alternatives are held against."""

    def __init__(self, compiled: Compiled, xs: Sequence[Array], right: Right) -> None:
        self.compiled, self.xs, self.right = compiled, xs, right
        self.assumed = targets.backend(compiled.target).assumptions(compiled.target)
        self.one = float(compiled.simulate(self._first(1)).cycles[0])
        self.own = compiled.simulate(self._first(self._most(MOST_SAMPLES, MOST_CYCLES)))
        self._longer: Run | None = None

    def row(self, name: str, value: Any) -> SpreadRow:
        """One alternative beside the target's own."""
        if value == self.assumed[name]:
            return self._row(name, value, self.own, self.own, self.own)
        other = self.compiled.assuming(name, value)
        try:
            run = other.simulate(self._first(len(self.own.cycles)))
            if _same(run, self.own) or self.compiled.remark:
                return self._row(name, value, run, run, self.own)
            own = self._own_longer()
            return self._row(name, value, run, other.simulate(self._first(len(own.cycles))), own)
        except UserError as error:  # an integer that led the code astray
            return SpreadRow(name, value, None, None, f"none computed: {error}", 0, 0, 0, 0.0, [],
                             fault=str(error))

    def _row(self, name: str, value: Any, run: Run, longer: Run, own: Run) -> SpreadRow:
        """run: of the timed samples. longer, own: of those whose integers are compared."""
        seen = float(run.cycles.max())
        apart = [np.abs(a - b) for a, b in zip(longer.outputs, own.outputs, strict=True)]
        differing, most = int(sum(map(np.count_nonzero, apart))), [float(a.max()) for a in apart]
        now, before = (self.right(r.outputs[0]) if differing else None for r in (longer, own))
        changes = {layer: cycles - before for (layer, cycles), before in zip(
            _by_layer(run).items(), _by_layer(self.own).values(), strict=True)}
        compared = sum(a.size for a in apart)
        return SpreadRow(
            name, value, seen, 100 * (seen / float(self.own.cycles.max()) - 1),
            _told(differing, compared, most, self.compiled.program, now, before),
            differing, compared, len(own.cycles), max(most),
            [LayerChange(layer, c) for layer, c in changes.items() if abs(c) > ROUNDING],
            now, before)

    def _own_longer(self) -> Run:
        if self._longer is None:
            count = self._most(MOST_COMPARED, MOST_COMPARED_CYCLES)
            self._longer = self.compiled.simulate(self._first(max(count, len(self.own.cycles))))
        return self._longer

    def _most(self, samples: int, cycles: float) -> int:
        return min(len(self.xs[0]), samples, max(int(cycles // self.one), 1))

    def _first(self, count: int) -> list[Array]:
        return [x[:count] for x in self.xs]


def _told(differing: int, compared: int, most: Sequence[float], program: Program,
          accuracy: float | None, before: float | None) -> str:
    """What becomes of the integers, in words: how many are others, by how much, and whether the
    answers are. most: the largest difference in each output."""
    text = f"{differing:,} of {compared:,} differ"
    if not differing:
        return text
    if program.reals is None:
        ranges = [v.format.max - v.format.min + 1 for v, _ in program.outputs]
        steps, of = max(zip(most, ranges, strict=True), key=lambda pair: pair[0] / pair[1])
        text += ", in their last bits" if steps < LAST_BITS * of else ""
        text += f", by {steps:,.0f} steps of {of:,} at most"
    if accuracy is not None and before is not None:
        text += f"; accuracy {before:.4g} → {accuracy:.4g} %"
    return text


def _same(run: Run, other: Run) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(run.outputs, other.outputs, strict=True))


def _by_layer(run: Run) -> dict[str, float]:
    found: dict[str, float] = {}
    for bill in run.bills:
        found[bill.section.layer] = found.get(bill.section.layer, 0.0) + bill.cycles
    return found
