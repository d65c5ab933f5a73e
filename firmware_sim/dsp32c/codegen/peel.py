"""Turns of multiply-accumulate loops that are written out.

The last one: after a loop the pointers stand where its next turn would begin, and must be
corrected. A last turn of its own takes the correction as a post-increment, and stores the sum.

The first one: it adds to the number that the sum starts with, wherever that lies. What is the same
in every turn around it stays in an accumulator of its own; a number that is not is read by the
multiply-accumulate itself, whose first factor then waits in an accumulator, if that is the same.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

from dsplet.firmware_sim.dsp32c.codegen.code import (
    Acc,
    Access,
    Code,
    Ins,
    Label,
    Operand,
    Turns,
    instructions,
)
from dsplet.firmware_sim.dsp32c.codegen.instructions import MOVE, NOP, add, move
from dsplet.firmware_sim.dsp32c.codegen.selection import ACCUMULATORS, TEMP
from dsplet.quantize.fixed.statement import Affine


def peel(code: Code, least: float = 0) -> Code:
    """Peel the innermost loops that other loops repeat. least: cycles that an instruction more
    must save."""
    used = {o for i in instructions(code) for o in i.operands.values() if isinstance(o, Acc)}
    free = [a for a in ACCUMULATORS if a not in used]
    starts = _Starts(free, least)
    return _last(starts.code(code, 1), least, starts.turned)


# --- the first turn ------------------------------------------------------------------------------
class _Starts:
    """free: accumulators that the kernel does not use otherwise. least: see `peel`."""

    def __init__(self, free: list[Acc], least: float) -> None:
        self.free, self.least = free, least
        self.kept: set[Acc] = set()
        self.turned: list[Turns] = []
        """Loops behind which their pointers go on as they are."""
        self.around: dict[Turns, list[Turns]] = {}
        """Those that a loop begins, and that are entered where it is: nothing stands before it."""

    def code(self, code: Code, turns: int) -> Code:
        """turns: how often the code is executed."""
        result: Code = []
        for item in code:
            if isinstance(item, Turns):
                for n, loop in enumerate(item.begun):
                    self.around.setdefault(loop, item.begun[:n])
                inside = turns * item.extent
                peeled = replace(item, body=self.code(item.body, inside))
                outside, body = self._body([peeled, *self.around[item]], inside)
                result += [*outside, replace(item, body=body)]
            else:
                result.append(item)
        return result

    def _body(self, loops: list[Turns], turns: int) -> tuple[Code, Code]:
        """What the first of the loops keeps in accumulators, made before them all, and the rest of
        its body."""
        loop = loops[0]
        start = [i for i in takewhile(lambda i: not getattr(i, "mac", True), loop.body)
                 if isinstance(i, Ins)]
        rest = loop.body[len(start):]
        if start and all(i is NOP or i.accumulator in self.kept and _same(i, loops) for i in start):
            return [*start], rest
        if rest and isinstance(inner := rest[0], Turns) and not inner.first and (
                macs := _adding(inner.body, start)):
            outside, first = self._sum(loops, turns, start, inner, macs)
            return outside, [*first, *rest[1:]]
        if rest and (macs := _adding(rest[:1], start)):
            outside, first = self._read_by(loops, start, macs[0])
            return outside, [*first, *rest[1:]]
        return [], loop.body

    def _sum(self, loops: list[Turns], turns: int, start: list[Ins], inner: Turns,
             macs: list[Ins]) -> tuple[Code, Code]:
        """What is kept, and the sum that begins with it; nothing, and the sum as it was. macs: the
        inner loop's body."""
        mac, *others = (at_turn(i, inner.var, 0) for i in macs)
        outside: Code = []
        first: Code = []
        if not all(_same(i, loops) for i in start):
            if not others and inner.extent > 3:
                outside, first = self._read_by(loops, start, mac)
        elif self.free and others and inner.extent > 2:
            if self.least * len(others) <= turns * (len(start) + CORRECTED):
                return self._turned(start, inner, macs)
        elif self.free and inner.extent != 3 and self.least * len(others) <= turns * (
                len(start) + (inner.extent == 2)):  # of two turns no loop is left
            kept, a = self._keep(), mac.accumulator
            outside = [i.map(lambda o: kept if o == a else o) for i in start]
            first = [replace(mac, operands=mac.operands | {"M": kept})]
        if not outside:
            return [], [*start, inner]
        following = Affine(1, ((inner.var, 1),))
        body = [i.map(lambda o: moved(o, inner.var, following)) for i in macs]
        if inner.extent == 2:
            return outside, [*first, *others, *(at_turn(i, inner.var, 0) for i in body)]
        return outside, [*first, *others, Turns(inner.var, inner.extent - 1, [*body])]

    def _turned(self, start: list[Ins], inner: Turns, macs: list[Ins]) -> tuple[Code, Code]:
        """What is kept, and the sum, each turn of which ends with the first product of the next:
        the one in front of them all begins it, and the last turn's others stand behind."""
        kept, (mac, *others) = self._keep(), macs
        following = Affine(1, ((inner.var, 1),))
        first = at_turn(mac, inner.var, 0)
        body = Turns(inner.var, inner.extent - 1,
                     [*others, mac.map(lambda o: moved(o, inner.var, following))])
        self.turned.append(body)
        return [i.map(lambda o: kept if o == mac.accumulator else o) for i in start], [
            replace(first, operands=first.operands | {"M": kept}), body,
            *(at_turn(i, inner.var, inner.extent - 1) for i in others)]

    def _read_by(self, loops: list[Turns], start: list[Ins], mac: Ins) -> tuple[Code, Code]:
        """The factor that is kept, and the multiply-accumulate that reads the start itself."""
        factors = [o for letter, o in mac.accesses if letter in "XY"]
        fixed = [o for o in factors if _fixed(o, loops)]
        if not fixed or not self.free or len(start) > 1 or start[0].row is not MOVE or (
                not isinstance(start[0].operands["Y"], Access)):
            return [], [*start, mac]
        kept, a, addend = self._keep(), mac.accumulator, start[0].operands["Y"]
        assert a and isinstance(addend, Access)
        other, = (o for o in factors if o is not fixed[0])
        first, stored = add(a, addend, kept, other, mac=True), mac.operands.get("Z")
        return [move(kept, fixed[0]), NOP], [
            first.storing(stored) if isinstance(stored, Access) else first]

    def _keep(self) -> Acc:
        kept = self.free.pop()
        self.kept.add(kept)
        return kept


def _adding(code: Code, start: list[Ins]) -> list[Ins]:
    """The code, if it multiplies and accumulates onto what `start` makes, and does nothing else."""
    a = start[0].accumulator if start else None
    macs = [i for i in code if isinstance(i, Ins) and i.mac and not i.early
            and i.operands.get("M") == i.accumulator == a]
    made = all(i.accumulator == a and not i.multiplied and "Z" not in i.operands for i in start)
    return macs if a and made and len(macs) == len(code) else []


def _same(ins: Ins, loops: list[Turns]) -> bool:
    """Whether the instruction makes the same number in every turn."""
    return all(_fixed(a, loops) for _, a in ins.accesses)


def _fixed(a: Access, loops: list[Turns]) -> bool:
    """Whether what is read is the same in every turn."""
    return not any(a.index.coefficient(o.var) for o in loops) and not any(
        b.write and b.buffer == a.buffer for i in instructions([*loops]) for _, b in i.accesses)


# --- the last turn -------------------------------------------------------------------------------
CORRECTED = 2
"""Pointers that must be corrected behind a loop."""


def _last(code: Code, least: float, turned: list[Turns], turns: int = 0) -> Code:
    """The code with last turns by themselves. turned: loops that have theirs. turns: of the loops
    around it, 0 where none is."""
    result: Code = []
    for item in code:
        if isinstance(item, Ins) and result and (stored := _stored(result[-1], item)):
            result[-1] = stored
            continue
        if not isinstance(item, Turns) or item in turned:
            result.append(item)
            continue
        macs = [i for i in item.body if isinstance(i, Ins) and i.mac and not i.early]
        if turns and not item.first and item.extent > 2 and len(macs) == len(item.body) and (
                CORRECTED * turns >= least * (len(macs) - 1)):
            result += [replace(item, extent=item.extent - 1),
                       *(at_turn(i, item.var, item.extent - 1) for i in macs)]
        else:
            inside = max(turns, 1) * item.extent
            result.append(replace(item, first=_last(item.first, least, turned, turns),
                                  body=_last(item.body, least, turned, inside)))
    return result


def _stored(before: Ins | Label | Turns, ins: Ins) -> Ins | None:
    """The multiply-accumulate that also does what the instruction behind it does, if that is only
    to store its sum."""
    z = ins.operands.get("Z")
    if isinstance(before, Ins) and before.mac and "Z" not in before.operands and (
            ins.row is MOVE and ins.operands.get("Y") == before.accumulator
            and isinstance(z, Access) and ins.accumulator == TEMP):
        return before.storing(z)
    return None


def at_turn(ins: Ins, var: str, turn: int) -> Ins:
    """What stands beside a loop instead of a turn, with the loop's pointers."""
    def at(o: Operand) -> Operand:
        if not isinstance(o, Access):
            return o
        return replace(o, index=o.index.substitute(var, turn), group=o.stream)

    return ins.map(at)


def moved(o: Operand, var: str, to: Affine) -> Operand:
    """The operand with something else for the loop's variable."""
    return replace(o, index=o.index.substitute(var, to)) if isinstance(o, Access) else o
