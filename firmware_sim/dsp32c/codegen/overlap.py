"""The end of a unit beside the beginning of the next.

What follows the products of a sum (scaling, floor, clamp) multiplies what was just added up, and
the multiplier sees that three slots later. In a loop whose body is a sum and such an end, the
products of the next turn fill these slots: the first turn's products stand before the loop, the
last turn's end behind it. The last product leaves its sum in an accumulator of its own, where the
end finds it while the next sum grows.

Why it computes the same. The products read memory that the loop does not write, and accumulators
that are made before it; the end reads constants and the sum. Each of both keeps its own order, they
share no accumulator but that of the finished sum, and the last product, which writes that one,
comes behind everything that reads it. Where an instruction decides by flags, the one that sets them
stands right before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dsplet.firmware_sim.dsp32c.codegen.code import Acc, Code, Ins, Turns, instructions
from dsplet.firmware_sim.dsp32c.codegen.interleave import live_before
from dsplet.firmware_sim.dsp32c.codegen.lanes import (
    CONDITIONAL,
    REGISTERS,
    accumulators_read,
    turn_cycles,
)
from dsplet.firmware_sim.dsp32c.codegen.peel import at_turn, moved
from dsplet.firmware_sim.dsp32c.codegen.schedule import MULTIPLIER_LATENCY
from dsplet.firmware_sim.dsp32c.codegen.selection import TEMP
from dsplet.quantize.fixed.statement import Affine

LEAST_TURNS = 3
"""Of two turns no loop is left."""


def overlap(code: Code, least: float) -> Code:
    """The code with every such loop overlapped that is faster so. least: cycles that an instruction
    more must save."""
    used = {a for i in instructions(code) for a in (*i.read, *i.written) if isinstance(a, Acc)}
    return _Overlap([a for a in REGISTERS if a not in used], least).code(code, frozenset(), 1)


@dataclass(frozen=True)
class _Overlap:
    """free: accumulators that the kernel does not use."""

    free: Sequence[Acc]
    least: float

    def code(self, code: Code, after: frozenset[Acc], times: int) -> Code:
        """after: accumulators that are read behind it. times: how often it is executed."""
        result: Code = []
        live = after
        for item in reversed(code):
            new: Code = [item]
            if isinstance(item, Turns) and not item.entered:
                found = self._loop(item, live, times)
                around = live | live_before([item], live)
                new = [replace(item, body=self.code(item.body, around, times * item.extent))
                       ] if found is None else found
            result[:0] = new
            live = live_before([item], live)
        return result

    def _loop(self, loop: Turns, after: frozenset[Acc], times: int) -> Code | None:
        """The loop overlapped, if it can be and that is faster."""
        body = [i for i in loop.body if isinstance(i, Ins)]
        macs = [n for n, i in enumerate(body) if i.mac]
        if len(body) < len(loop.body) or not macs or loop.extent < LEAST_TURNS:
            return None
        unit = _Unit.of(body[:macs[-1] + 1], body[macs[-1] + 1:], after, self.free)
        if unit is None:
            return None
        merged = unit.merged(loop.var)
        saved = loop.extent * (turn_cycles(body) - turn_cycles(merged))
        if times * (saved - len(unit.head) - len(unit.tail)) <= self.least * len(body):
            return None
        return [*(at_turn(i, loop.var, 0) for i in unit.head),
                Turns(loop.var, loop.extent - 1, [*merged]),
                *(at_turn(i, loop.var, loop.extent - 1) for i in unit.tail)]


@dataclass(frozen=True)
class _Unit:
    """head: the products. tail: what follows them. total: the accumulator in which the last product
    leaves the sum."""

    head: list[Ins]
    tail: list[Ins]
    total: Acc

    @staticmethod
    def of(head: list[Ins], tail: list[Ins], after: frozenset[Acc], free: Sequence[Acc]
           ) -> _Unit | None:
        """The unit with accumulators that its two parts do not share; None where they cannot do
        without, or share memory or registers. after: accumulators that are read behind the loop.
        free: those that the kernel does not use."""
        a, ended = head[-1].accumulator, _written(tail)
        written = _written(head) | ended
        if a is None or not tail or after & written or _begun(tail) != {a} or (
                _begun(head) & written or _written(head) & ended - {a} or not _apart(head, tail)):
            return None
        spare = list(dict.fromkeys((*free, TEMP)))
        if TEMP in written | after | _read(head):
            spare.remove(TEMP)
        if not spare:
            return None
        total = spare.pop(0)
        last = replace(head[-1], operands=head[-1].operands | {"A": total})
        first, *others = (_renamed(i, a, total) for i in tail)
        if spare and first.accumulator == total:  # the sum may be overwritten that much sooner
            first = replace(first, operands=first.operands | {"A": spare[0]})
            others = [_renamed(i, total, spare[0]) for i in others]
        return _Unit([*head[:-1], last], [first, *others], total)

    def merged(self, var: str) -> list[Ins]:
        """A turn: the tail of one sum between the products of the next, each as soon as it may be.
        """
        following = Affine(1, ((var, 1),))
        *products, last = (i.map(lambda o: moved(o, var, following)) for i in self.head)
        issued, groups = [last], _groups(self.tail)
        while groups:
            in_use = any(self.total in (*i.read, *i.written) for g in groups for i in g)
            if _in_time(groups[0][0], issued):
                issued += groups.pop(0)
            elif products:
                issued.append(products.pop(0))
            elif not in_use and last not in issued[1:]:
                issued.append(last)
            else:
                issued += groups.pop(0)
        rest = [] if last in issued[1:] else [*products, last]
        return [*issued[1:], *rest]


def _in_time(ins: Ins, issued: list[Ins]) -> bool:
    """Whether the multiplier sees what it reads at once."""
    return not any(i.accumulator in ins.multiplied for i in issued[1 - MULTIPLIER_LATENCY:])


def _groups(tail: list[Ins]) -> list[list[Ins]]:
    """What decides by flags together with what sets them."""
    groups: list[list[Ins]] = []
    for i in tail:
        if i.operands.get("G") in CONDITIONAL and groups:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _apart(head: list[Ins], tail: list[Ins]) -> bool:
    """Whether they may be issued in any order, as far as memory and registers go."""
    both = [*head, *tail]
    stored = {a.buffer for i in both for _, a in i.accesses if a.write}
    loaded = {a.buffer for i in both for _, a in i.accesses if not a.write}
    return not (stored & loaded or any(a.write for i in head for _, a in i.accesses)
                or any(i.early or any(isinstance(r, str) for r in i.read | i.written)
                       for i in both)
                or any(i.operands.get("G") in CONDITIONAL for i in (*head, tail[0])))


def _begun(code: list[Ins]) -> set[Acc]:
    """The accumulators that it reads before it writes them."""
    found, written = set[Acc](), set[Acc]()
    for i in code:
        found |= {a for _, a in accumulators_read(i)} - written
        written |= _written([i])
    return found


def _read(code: list[Ins]) -> set[Acc]:
    return {a for i in code for _, a in accumulators_read(i)}


def _written(code: list[Ins]) -> set[Acc]:
    return {i.accumulator for i in code if i.accumulator}


def _renamed(ins: Ins, a: Acc, to: Acc) -> Ins:
    return ins.map(lambda o: to if o == a else o)
