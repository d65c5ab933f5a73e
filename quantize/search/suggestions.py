"""The smallest change of a recipe that recovers an accuracy, by trying: nothing here is a guess.

First what costs no memory (another algorithm, a step for each channel), then more bits for one
layer's weights or activations, the fewest bytes first; where no single change is enough, the best
ones together. Measured on calibration samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq import algorithms
from dsplet.quantize.ptq.algorithms import named
from dsplet.quantize.ptq.recipe import Recipe, activation_ranges
from dsplet.quantize.search.trial import WIDTHS, Point, Progress, Trials, Widths

MORE_BITS = (1, 2, 4)


@dataclass(frozen=True)
class Change:
    """what: for people. extra_bytes: packed bit by bit, over the network as it is."""

    what: str
    extra_bytes: int
    point: Point


@dataclass(frozen=True, kw_only=True)
class ChangeRow:
    """A change that was tried, and what it kept of the accuracy that is wanted."""

    change: str
    extra_bytes: int
    calibration_accuracy_percent: float
    wanted_percent: float
    calibration_sqnr_db: float


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What was tried to keep an accuracy, the smallest first, and the first that does."""

    changes: list[ChangeRow]
    smallest_change: str


def report(tried: list[Change], wanted_percent: float) -> Changes:
    """The report of what `suggestions` tried."""
    enough = next((c for c in tried if c.point.accuracy_percent >= wanted_percent), None)
    return Changes(
        changes=[ChangeRow(
            change=c.what, extra_bytes=c.extra_bytes,
            calibration_accuracy_percent=c.point.accuracy_percent, wanted_percent=wanted_percent,
            calibration_sqnr_db=c.point.sqnr_db) for c in tried],
        smallest_change=(enough.what if enough else "none of these is enough" if tried
                         else "nothing has to change"))


def quick(recipe: Recipe) -> Recipe:
    """The recipe to try changes with: rounding that takes seconds a network gives way to GPTQ."""
    return replace(recipe, rounding="gptq") if recipe.rounding == named("rounding", "adaround") \
        else recipe


def suggestions(trials: Trials, accuracy_percent: float,
             progress: Progress = lambda done, total: None) -> list[Change]:
    """Changes in the order they were tried, up to the first that keeps the accuracy on the trials'
    samples. Empty where nothing has to change."""
    start = trials.measure(trials.own)
    if start is None:
        raise ModelError("the recipe's own widths cannot be proved free of overflow")
    if start.accuracy_percent >= accuracy_percent:
        return []
    tried: list[Change] = []
    singles = sorted(_wider(trials, start), key=lambda pair: trials.memory_bytes(pair[1]))
    free = list(_free(trials, start.widths))
    total = len(free) + len(singles) + len(trials.slots)
    for i, (what, other, widths) in enumerate([*free, *((w, trials, s) for w, s in singles)]):
        progress(i, total)
        if point := other.measure(widths):
            tried.append(Change(what, point.memory_bytes - start.memory_bytes, point))
            if point.accuracy_percent >= accuracy_percent:
                return tried
    wider = [c for c in tried if c.point.widths != start.widths]
    return tried + list(_together(trials, start, wider, accuracy_percent))


def _free(trials: Trials, widths: Widths) -> Iterator[tuple[str, Trials, Widths]]:
    for what, change in free(trials.recipe):
        yield what, trials.under(replace(trials.recipe, **change)), widths


def free(recipe: Recipe) -> Iterator[tuple[str, dict[str, Any]]]:
    """Changes that cost no memory, as fields of the recipe."""
    if not recipe.per_channel:
        yield "a weight step for each channel", {"per_channel": True}
    for part, names in (("weights", algorithms.names("range")),
                        ("activations", activation_ranges()),
                        ("rounding", algorithms.names("rounding"))):
        for name in names:
            change: dict[str, Any] = {part: name}
            if replace(recipe, **change).to_json() != recipe.to_json():
                yield f"{name} for the {part}", change


def _wider(trials: Trials, start: Point) -> Iterator[tuple[str, Widths]]:
    for slot, bits in start.widths.items():
        for more in MORE_BITS:
            if bits + more <= WIDTHS[-1]:
                yield (f"{bits + more} {slot.kind.replace('_', ' ')} for {slot.layer}",
                       start.widths | {slot: bits + more})


def _together(trials: Trials, start: Point, tried: list[Change], accuracy_percent: float
              ) -> Iterator[Change]:
    """Single changes added up, the one with the quietest scores for its slot first."""
    best: dict = {}
    for change in tried:
        slot = next(s for s, b in change.point.widths.items() if b != start.widths[s])
        if slot not in best or change.point.noise < best[slot].point.noise:
            best[slot] = change
    widths, said = start.widths, []
    for slot, change in sorted(best.items(), key=lambda item: item[1].point.noise):
        widths = widths | {slot: change.point.widths[slot]}
        said.append(change.what)
        point = len(said) > 1 and trials.measure(widths)
        if not point:
            continue
        yield Change("; ".join(said), point.memory_bytes - start.memory_bytes, point)
        if point.accuracy_percent >= accuracy_percent:
            return
