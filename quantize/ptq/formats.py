"""Chooses a format for every activation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dsplet.quantize.fixed.arithmetic import round_half_up
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.loops import membership
from dsplet.quantize.float.node import NO_CLAMP, FloatNode, ModelError, Moving, Reads
from dsplet.quantize.float.ops.binary import Mul
from dsplet.quantize.float.ops.clamp import Clamp
from dsplet.quantize.float.ops.concat import Concat
from dsplet.quantize.ptq.algorithms import choose_frac
from dsplet.quantize.ptq.algorithms.algorithm import FRACS, finest
from dsplet.quantize.ptq.calibrate import Histogram
from dsplet.quantize.ptq.classes import Class, classes
from dsplet.quantize.ptq.operands import fit_operands
from dsplet.quantize.ptq.spectra import spectra
from dsplet.quantize.ptq.statistics import BITS, statistics

INDEX = "/"
"""Stands for all indices among the values that have an origin."""
WIDE_BITS = 12
"""Results of at least this many bits can spare one, so that unseen inputs do not saturate them."""


def separate_inputs(graph: FloatGraph) -> FloatGraph:
    """Before a graph input, or an index (a truth), meets other values in a Concat, a Clamp without
    bounds lets it keep its own format."""
    from_input: dict[str, str] = {i: i for i in graph.inputs}
    nodes: list[FloatNode] = []
    for n in graph.nodes:
        if n.choices(n.output, graph.shapes):
            from_input[n.output] = INDEX
        origins = [from_input.get(i) for i in n.inputs]
        alone = isinstance(n, Moving) and len(set(origins)) == 1
        if isinstance(n, Concat) and any(origins) and not alone:
            inputs = []
            for k, (i, origin) in enumerate(zip(n.inputs, origins, strict=True)):
                if origin:
                    name = graph.fresh(f"{n.output}/input_{k}")
                    nodes.append(Clamp(name, (i,), name, -np.inf, np.inf))
                    i = name
                inputs.append(i)
            n = replace(n, inputs=tuple(inputs))
        elif alone and origins[0]:
            from_input[n.output] = origins[0]
        nodes.append(n)
    return graph.rebuilt(nodes)


def drop_idle_clamps(graph: FloatGraph, formats: dict[str, QFormat]) -> FloatGraph:
    """Without the Clamps before and behind which a value has one format whose ends do the same."""
    same: dict[str, str] = {}
    for n in graph.nodes:
        if not isinstance(n, Clamp) or n.bounds == NO_CLAMP or n.output in graph.outputs:
            continue
        fmt = formats.get(n.output)
        if fmt is None or fmt != formats[n.inputs[0]]:
            continue
        low, high = (round_half_up(np.clip(b / fmt.step, fmt.min, fmt.max)) for b in n.bounds)
        if low == fmt.min and high == fmt.max:
            same[n.output] = same.get(n.inputs[0], n.inputs[0])
    return graph.rebuilt(replace(n, inputs=tuple(same.get(i, i) for i in n.inputs))
                         for n in graph.nodes)


def measured(graph: FloatGraph) -> list[str]:
    """The values that calibration must see: inputs and what nodes compute."""
    return [*graph.inputs, *(n.output for n in graph.nodes if n.inputs and not n.passed)]


def choose_formats(graph: FloatGraph, seen: dict[str, Histogram], recipe) -> dict[str, QFormat]:
    """A format for every value. seen: histograms of `measured`. recipe: a `Recipe`."""
    positive = nonnegative(graph, seen)
    inside = {v for v, loops in membership(graph).items() if loops}
    formats = {}
    found = classes(graph)
    shared = statistics(graph, found)
    energies = spectra(graph, found)
    widths = _widths(graph, found, inside, shared | energies, recipe)
    for c in found:
        if (values := choices(graph, c)):
            index = QFormat(max(2, (values - 1).bit_length()), 0, signed=False)
            formats.update(dict.fromkeys(c.members, index))
            continue
        bits = widths[c.members[0]]
        recurrent = bits >= WIDE_BITS and not inside.isdisjoint(c.members)
        statistic = bits >= WIDE_BITS and c.members[0] in shared
        # two factors of 16 bits have a product of 31 where both are signed
        wide = recurrent and c.members[0] not in energies or statistic and any(
            isinstance(n, Mul) for n in c.readers)
        signed = wide or not all(m in positive for m in c.members)
        limits = QFormat(bits, 0, signed)
        total = _total(graph, c, seen)
        if any(m in graph.inputs for m in c.members):
            low, high = _input_range(graph, total)
            frac = _input_frac(low, high, limits, c.members[0])
        else:
            try:
                spare = statistic or recurrent and _is_state(graph, c)
                frac = _frac(c, total, limits, seen, recipe, spare)
            except ValueError as e:
                raise ModelError(f"'{c.members[0]}': {e}") from None
        formats.update(dict.fromkeys(c.members, QFormat(bits, frac, signed)))
    _zeros_follow(graph, found, formats)
    _keep_to(found, formats)
    fit_operands(graph, found, formats, recipe.accumulator_bits)
    _keep_to(found, formats)  # their limits may have moved
    return formats


def _zeros_follow(graph: FloatGraph, found: list[Class], formats: dict[str, QFormat]) -> None:
    """Constants that are 0 throughout have the step of what they meet: any other would have to be
    aligned to it. Not so places: those have the step 1."""
    for c in found:
        beside = [formats[i].frac for n in c.readers for i in n.inputs
                  if i not in c.members and not n.choices(i, graph.shapes)]
        zeros = c.makers and all(n.holds is not None and not n.holds.any() for n in c.makers)
        if beside and zeros and not choices(graph, c):
            zero = replace(formats[c.members[0]], frac=min(beside))
            formats.update(dict.fromkeys(c.members, zero))


def _keep_to(found: list[Class], formats: dict[str, QFormat]) -> None:
    """Moves the fracs that the makers of a class cannot give to the nearest that they can."""
    for c in found:
        for n in c.makers:
            if limits := n.fracs(tuple(formats[i] for i in n.inputs)):
                fmt = formats[n.output]
                kept = replace(fmt, frac=min(max(fmt.frac, limits[0]), limits[1]))
                formats.update(dict.fromkeys(c.members, kept))


def choices(graph: FloatGraph, c: Class) -> int:
    """How many values the integers of an index have: places of a maximum, rows to pick from; 0
    where the class is no index. An input's own integers may be any of 8 bits, and are clipped."""
    made = [n.choices(n.output, graph.shapes) for n in c.makers]
    picked = [n.choices(i, graph.shapes) for n in c.readers for i in n.inputs if i in c.members]
    given = [256] * bool(any(picked) and not set(c.members).isdisjoint(graph.inputs))
    return max([*made, *picked, *given], default=0)


def _frac(c: Class, total: Histogram, limits: QFormat, seen: dict[str, Histogram], recipe,
          spare: bool) -> int:
    if spare or c.reads <= {Reads.SCORES} and limits.bits >= WIDE_BITS:
        return finest(2 * total.low, 2 * total.high, limits.min, limits.max)
    reals = total.distribution(_function(c, seen))
    return choose_frac(recipe.activations, reals, limits.min, limits.max)


def activation_bits(graph: FloatGraph, recipe) -> dict[str, int]:
    """The width that the recipe gives each value; places have their own."""
    found = classes(graph)
    inside = {v for v, loops in membership(graph).items() if loops}
    return _widths(graph, found, inside, statistics(graph, found), recipe)


def _is_state(graph: FloatGraph, c: Class) -> bool:
    return any(n.later and n.output in c.members for n in graph.nodes)


def _widths(graph: FloatGraph, found: list[Class], inside: set[str], wide: set[str], recipe
            ) -> dict[str, int]:
    """Bits of every value. inside: the values that loops compute; what only a function reads that
    gives a wide result is as wide itself. wide: those of statistics and spectra."""
    widths: dict[str, int] = {}
    for c in found:
        bits = _bits(graph, c, recipe, not inside.isdisjoint(c.members))
        if c.members[0] in wide:
            bits = recipe.activation_bits_of((n.name for n in c.makers), max(bits, BITS))
        widths |= dict.fromkeys(c.members, bits)
    for c in found:
        if c.reads == {Reads.CURVE}:
            fine = max(widths[n.output] for n in c.readers) >= WIDE_BITS
            if fine and not inside.isdisjoint(c.members) and c.members[0] not in graph.inputs:
                widths |= dict.fromkeys(c.members, recipe.recurrent_bits)
    return widths


def _bits(graph: FloatGraph, c: Class, recipe, recurrent: bool) -> int:
    if any(m in graph.inputs for m in c.members):
        return recipe.input_bits
    usual = _usual_bits(c.reads, recipe, recurrent)
    return recipe.activation_bits_of((n.name for n in c.makers), usual)


def _usual_bits(reads: set[Reads], recipe, recurrent: bool) -> int:
    if reads == {Reads.CURVE}:
        return max(recipe.preactivation_bits, recipe.activation_bits)
    if reads <= {Reads.SCORES, Reads.ORDER, Reads.DIVISOR}:  # or nothing reads it but the user
        return recipe.output_bits
    if recurrent and not reads <= {Reads.PRODUCT}:
        return max(recipe.recurrent_bits, recipe.activation_bits)
    return recipe.activation_bits


def _total(graph: FloatGraph, c: Class, seen: dict[str, Histogram]) -> Histogram:
    """All that the class must hold: computed values, constants, the fill of paddings."""
    total = Histogram()
    for m in c.members:
        if m in seen:
            total.merge(seen[m])
        elif (own := graph.makers[m].holds) is not None:
            total.add(own)
    return total


def _input_range(graph: FloatGraph, total: Histogram) -> tuple[float, float]:
    """What was seen, and what the input's pixels can be where the metadata say so; several inputs
    are not all of pixels."""
    pixels = _pixels(dict(graph.metadata)) if len(graph.inputs) == 1 else []
    return min([total.low, *pixels]), max([total.high, *pixels])


def _pixels(facts: dict[str, str]) -> list[float]:
    """What the network reads of black and of white pixels, of every channel; [] where the metadata
    do not say."""
    try:
        scale, offset = (np.array([_number(n) for n in text.split(",")]) for text in (
            facts["dsplet.input_scale"], facts.get("dsplet.input_offset", "0")))
        ends = np.concatenate([offset + 0 * scale, offset + 255 * scale])
    except (KeyError, ValueError, ZeroDivisionError):
        return []
    return ends.tolist() if np.isfinite(ends).all() else []


def _number(text: str) -> float:
    """Of a decimal number or a fraction."""
    over, slash, under = text.partition("/")
    return float(over) / float(under) if slash else float(over)


def _input_frac(low: float, high: float, limits: QFormat, name: str) -> int:
    """The finest step at which the range fits; its top may lie one step too high, so that [-1, 1]
    is Q0.7 and 0..1 is UQ0.8. Nothing but zeros: as if it were one of these."""
    if low == high == 0:
        low, high = max(limits.min, -1), 1
    for frac in reversed(FRACS):
        step = 2.0**-frac
        if high <= (limits.max + 1) * step and low >= limits.min * step:
            return frac
    raise ModelError(f"the input '{name}' has the range [{low:g}, {high:g}]: no step up to 2**40 "
                     "fits it", remedy="scale it")


def _function(c: Class, seen: dict[str, Histogram]) -> Callable | None:
    """The one function that reads the class, limited to the results that were seen."""
    functions = {n.expression for n in c.readers}
    if c.reads != {Reads.CURVE} or len(functions) != 1 or not (expr := functions.pop()):
        return None
    low = min(seen[n.output].low for n in c.readers)
    high = max(seen[n.output].high for n in c.readers)
    return lambda x: np.clip(np.nan_to_num(expr(x)), low, high)


def nonnegative(graph: FloatGraph, seen: dict[str, Histogram]) -> set[str]:
    """The values that cannot be negative, whatever the input (of inputs: that never were)."""
    yes = {v for v in graph.inputs if _input_range(graph, seen[v])[0] >= 0}
    for n in graph.nodes:
        ends = (seen[n.output].low, seen[n.output].high) if n.output in seen else (-np.inf, np.inf)
        if n.bounds[0] >= 0 or n.nonnegative(tuple(i in yes for i in n.inputs), *ends):
            yes.add(n.output)
    return yes
