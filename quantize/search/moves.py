"""Changes of a recipe that may bring a network within budgets, what costs least first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from dsplet.quantize.float.node import Reads
from dsplet.quantize.ptq.classes import classes
from dsplet.quantize.ptq.recipe import Recipe
from dsplet.quantize.search.advice import Change, Plan, Rank
from dsplet.quantize.search.suggestions import free, quick
from dsplet.quantize.search.trial import WIDTHS, Slot, Trials

ANEW = "quantized anew"
MORE_BITS = (1, 2, 4)
FEWER_BITS = (8, 4)
"""What machines store in whole bytes, and what makes products small."""
TABLE_BITS = (10, 9, 8)
KINDS = {"weight_bits": "weights", "activation_bits": "activations"}


def gains(trials: Trials, recipe: Recipe) -> Iterator[Change]:
    """Changes that may win accuracy: what costs no memory, then more bits, the fewest bytes first.
    recipe: of the plan that they change."""
    for what, fields in free(quick(recipe)):
        yield Change(what, ANEW, Rank.FILE, _set(**fields))
    now = trials.under(recipe).own
    wider: list[tuple[int, Change]] = []
    for more in MORE_BITS:
        for kind, word in KINDS.items():
            many = {s: min(b + more, WIDTHS[-1]) if s.kind == kind else b for s, b in now.items()}
            what = f"{more} more bit{'s' * (more > 1)} for all {word}"
            wider.append((trials.memory_bytes(many), Change(what, ANEW, Rank.FILE, _widths(many))))
        for slot, bits in now.items():
            if bits + more <= WIDTHS[-1]:
                wider.append((trials.memory_bytes(now | {slot: bits + more}),
                              _one(slot, bits + more)))
    yield from (change for _, change in sorted(wider, key=lambda pair: pair[0]))


def savings(trials: Trials, recipe: Recipe) -> Iterator[Change]:
    """Changes that may save cycles or bytes: granularity, tables, outputs, widths; those of single
    layers where they cross a byte."""
    if recipe.per_channel:
        yield Change("one weight step a layer", ANEW, Rank.FILE, _set(per_channel=False))
    if any(Reads.CURVE in c.reads for c in classes(trials.graph)):
        for bits in TABLE_BITS:
            if bits < (recipe.preactivation_bits or 0):
                yield Change(f"tables of {1 << bits:,} entries", ANEW, Rank.FILE,
                             _set(preactivation_bits=bits))
    for field in ("output_bits", "input_bits"):
        if getattr(recipe, field) > FEWER_BITS[0]:
            yield Change(f"{FEWER_BITS[0]} {field.replace('_', ' ')}", ANEW, Rank.FILE,
                         _set(**{field: FEWER_BITS[0]}))
    now = trials.under(recipe).own
    for bits in FEWER_BITS:
        for kind, word in KINDS.items():
            many = {s: min(b, bits) if s.kind == kind else b for s, b in now.items()}
            if many != now:
                yield Change(f"at most {bits} bits for all {word}", ANEW, Rank.FILE, _widths(many))
    for slot in sorted(now, key=lambda s: -s.size):
        if now[slot] > FEWER_BITS[0]:
            yield _one(slot, FEWER_BITS[0])


def _one(slot: Slot, bits: int) -> Change:
    return Change(f"{bits} {slot.kind.replace('_', ' ')} for {slot.layer}", ANEW, Rank.FILE,
                  _widths({slot: bits}))


def _set(**fields: Any) -> Callable[[Plan], Plan]:
    """Other fields of the recipe."""
    return lambda plan: replace(plan, recipe=replace(
        Recipe.from_json(plan.recipe), **fields).to_json())


def _widths(widths: dict[Slot, int]) -> Callable[[Plan], Plan]:
    """Other widths of these slots, said of those that are not so already."""
    def make(plan: Plan) -> Plan:
        recipe = Recipe.from_json(plan.recipe)
        layers = {name: dict(own) for name, own in recipe.layers.items()}
        for slot, bits in widths.items():
            if getattr(recipe.at(slot.layer), slot.kind) != bits:
                layers.setdefault(slot.layer, {})[slot.kind] = bits
        return replace(plan, recipe=replace(recipe, layers=layers).to_json())

    return make
