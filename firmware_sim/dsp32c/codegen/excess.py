"""Floors that a store makes for nothing: numbers stored with an excess.

A store drops the accumulator's guard bits, a floor to 24 bits (dsp32c.md 3.2, S). An integer that
is 1.5 * 2**23 too large ends where these end: to store floor(d) + EXCESS one addition is enough,
where floor(d) takes two. Who adds such numbers up takes the excess off the constant that it begins
with. Buffers whose every reader does so hold their numbers with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dsplet.firmware_sim.dsp32c.codegen.saturate import Saturate
from dsplet.firmware_sim.dsp32c.codegen.scale import (
    AddScaled,
    Round,
    SetScaled,
    Word,
)
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Mac, Set, Store
from dsplet.quantize.fixed.statement import Changed, Ref, Statement

EXCESS = 1.5 * 2.0**23
MOST = 1 << 22
"""Integers below it, in magnitude, stay between 2**23 and 2**24."""
EXACT_LOG2 = 31
"""Accumulators hold so many bits of a sum exactly (dsp32c.md 3.3)."""
TOP = 2.0**127
"""Larger numbers saturate, or might."""
Body = tuple[Statement, ...]


@dataclass(frozen=True)
class Excess(Statement):
    """d = floor(d) + excess; only what is stored is floored."""

    d: Changed
    excess: float


def with_excess(kernels: Sequence[Kernel], buffers: Mapping[str, Buffer], words: frozenset[str]
                ) -> tuple[list[Kernel], frozenset[str]]:
    """The kernels, and the buffers that hold their numbers with an excess. words: the buffers that
    hold float words."""
    chosen = frozenset(_candidates(kernels, buffers) & words)
    while refused := {b for k in kernels for body in _bodies(k.body)
                      for b in _refused(body, buffers, chosen)}:
        chosen -= refused
    return [replace(k, body=_rewritten(k.body, chosen)) for k in kernels], chosen


def _bodies(body: Body) -> Iterator[Body]:
    yield body
    for s in body:
        if isinstance(s, Loop):
            yield from _bodies(s.body)


def _candidates(kernels: Sequence[Kernel], buffers: Mapping[str, Buffer]) -> set[str]:
    """Buffers that only ever get what was floored just before, and are read to be added up."""
    made: set[str] = set()
    never: set[str] = set()
    for body in (b for k in kernels for b in _bodies(k.body)):
        alone = not any(isinstance(s, Loop | Mac) for s in body)
        for i, s in enumerate(body):
            if isinstance(s, Loop):
                continue
            never |= set(s.tables())
            if isinstance(s, Store):
                fits = alone and i and _floors(body[i - 1], s.d) and not any(
                    s.d in t.reads() for t in body[i + 1:])
                (made if fits else never).add(s.ref.buffer)
                continue
            read = {r.buffer for r in s.refs()}
            if not (alone and isinstance(s, Set | SetScaled | AddScaled)):
                never |= read
    return {b for b in made - never if buffers[b].role == "activation" and buffers[b].data is None}


def _floors(s: Statement, d: str) -> bool:
    """Whether the statement leaves floor(d), of a magnitude that is small enough, for sure."""
    match s:
        case Round(r, 1, True, None, None, magnitude):
            return r == d and magnitude < MOST
        case Saturate(r, bits, _):
            return r == d and 1 << bits <= MOST
    return False


def _chains(body: Body) -> Iterator[list[tuple[int, Statement]]]:
    """What begins a register anew and adds to it until something else happens to it, by place."""
    open_: dict[str, list[tuple[int, Statement]]] = {}
    for i, s in enumerate(body):
        if isinstance(s, Loop):
            continue
        if isinstance(s, Set | SetScaled | Word):
            open_[s.d] = [(i, s)]
            continue
        for d in {r for r in s.registers() if r in open_}:
            if isinstance(s, AddScaled) and s.d == d:
                open_[d].append((i, s))
            else:
                yield open_.pop(d)
    yield from open_.values()


def _refused(body: Body, buffers: Mapping[str, Buffer], chosen: frozenset[str]) -> set[str]:
    """Buffers with an excess, among those that the body reads, that cannot be taken off exactly, or
    not here: a sum that began in front of the loop has no constant in it."""
    fine = {i for chain in _chains(body) for i, _ in chain
            if _exact([s for _, s in chain], buffers, chosen)}
    return {_read(s) for i, s in enumerate(body) if i not in fine} & chosen


def _read(s: Statement) -> str:
    """The buffer that a link of a chain reads."""
    source = s.source if isinstance(s, Set | SetScaled | AddScaled) else None
    return source.buffer if isinstance(source, Ref) else ""


def _terms(chain: Sequence[Statement]) -> list[tuple[str, float]]:
    """(buffer, factor) of each link; a number: ("", the number)."""
    found: list[tuple[str, float]] = []
    for s in chain:
        match s:
            case Word(_, value):
                found.append(("", value))
            case Set(_, Ref(b)):
                found.append((b, 1.0))
            case SetScaled(_, Ref(b), factor) | AddScaled(_, Ref(b), factor):
                found.append((b, factor))
            case Set(_, int() as number):
                found.append(("", float(number)))
            case _:
                found.append(("", float("nan")))
    return found


def _exact(chain: Sequence[Statement], buffers: Mapping[str, Buffer], chosen: frozenset[str]
           ) -> bool:
    """Whether the chain's sums with the excess, and its constant without it, are exact."""
    terms = _terms(chain)
    start = _start(chain, chosen)
    if not np.isfinite(start) or abs(start) >= TOP or float(np.float32(start * 2.0**-64)) != (
            start * 2.0**-64):
        return False
    reach = abs(start)
    least = _lowest_bit(start)
    for b, factor in terms:
        if b:
            most = max(abs(buffers[b].low), abs(buffers[b].high)) + EXCESS * (b in chosen)
            reach += most * abs(factor)
            least = min(least, _lowest_bit(factor))
    return reach < TOP and reach < least * 2.0**EXACT_LOG2


def _start(chain: Sequence[Statement], chosen: frozenset[str]) -> float:
    """The constant that the chain begins with, less every excess."""
    return sum(factor if not b else -EXCESS * factor if b in chosen else 0.0
               for b, factor in _terms(chain))


def _lowest_bit(x: float) -> float:
    """The lowest bit of a number that is not 0."""
    if x == 0:
        return float("inf")
    mantissa, exponent = np.frexp(x)
    whole = int(abs(mantissa) * 2**53)
    return float(np.ldexp(float(whole & -whole), int(exponent) - 53))


def _rewritten(body: Body, chosen: frozenset[str]) -> Body:
    """The statements with the excess put on and taken off."""
    new: dict[int, Body] = {}
    for chain in _chains(body):
        if not any(_read(s) in chosen for _, s in chain):
            continue
        (at, first), *others = chain
        assert isinstance(first, Set | SetScaled | Word)
        word = Word(first.d, _start([s for _, s in chain], chosen))
        match first:
            case Set(d, Ref() as ref):
                new[at] = word, AddScaled(d, ref, 1.0)
            case SetScaled(d, ref, factor):
                new[at] = word, AddScaled(d, ref, factor)
            case _:
                new[at] = (word,)
    result: list[Statement] = []
    for i, s in enumerate(body):
        if isinstance(s, Loop):
            s = replace(s, body=_rewritten(s.body, chosen))
        after = body[i + 1] if i + 1 < len(body) else None
        if isinstance(after, Store) and after.ref.buffer in chosen:
            new[i] = (replace(s, excess=EXCESS) if isinstance(s, Saturate) else
                      Excess(after.d, EXCESS),)
        result += new.get(i, (s,))
    return tuple(result)
