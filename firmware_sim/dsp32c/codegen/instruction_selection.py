"""How the DSP32C spells the statements of a kernel: their order, their loops, what goes together.

One number is `scalar_selection`'s, what is read at addresses from the data `table_selection`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile

from dsplet.firmware_sim.compile.fuse import Mark
from dsplet.firmware_sim.dsp32c.codegen.code import (
    Acc,
    Code,
    Constants,
    Ins,
    Label,
    Layout,
    Turns,
)
from dsplet.firmware_sim.dsp32c.codegen.instructions import MOVE, NOP, SUM, add, apply
from dsplet.firmware_sim.dsp32c.codegen.scalar_selection import ScalarSelector
from dsplet.firmware_sim.dsp32c.codegen.scale import Between
from dsplet.firmware_sim.dsp32c.codegen.segment_words import Line
from dsplet.firmware_sim.dsp32c.codegen.selection import TEMP, Selection
from dsplet.firmware_sim.dsp32c.codegen.table_selection import TableSelector
from dsplet.quantize.fixed.kernel import Fetch, Lookup, Loop, Mac, Set, Store
from dsplet.quantize.fixed.statement import Ref
from dsplet.quantize.float.kernel import InterpolateReal


class InstructionSelector:
    """Turns the statements of one kernel into instructions."""

    def __init__(self, layout: Layout, constants: Constants) -> None:
        self.using = Selection(layout, constants)
        self.scalar = ScalarSelector(self.using)
        self.tables = TableSelector(self.using, self.scalar)

    def kernel(self, statements: tuple) -> Code:
        """The code of a whole kernel: instructions and loops (`Turns`) of them."""
        self._uses = Counter(_registers(statements))
        return self._body(statements)

    def _body(self, statements: tuple) -> Code:
        code: Code = []
        mentions = Counter(_registers(statements))
        ahead = {d: n for d, n in mentions.items() if n == self._uses[d]}  # known only in here
        i = 0
        while i < len(statements):
            covered = statements[i:i + self._statement(statements, i, code)]
            i += len(covered)
            for d in _registers(covered):
                if d in ahead:
                    ahead[d] -= 1
                    if not ahead[d]:
                        self.using.accumulators.pop(d, None)
        return code

    def _statement(self, statements: tuple, i: int, code: Code) -> int:
        """Append the instructions of statements[i]; returns how many statements they cover."""
        s = statements[i]
        match s:
            case Mark(kernel):
                code.append(Label(kernel))
            case Loop(_, _, (Mac() as mac,)) if self.using.layout.kind(mac.w.buffer).unpack:
                self._packed(s, mac, code)
            case Loop(_, _, (Fetch(d) as fetch, Store(_, stored) as store)) if d == stored:
                self.tables.fetch_loop(fetch, s, store, code)
            case Loop(var, extent, body):
                code += self._hoist(Turns(var, extent, self._body(body)))
            case Set() if self.tables.is_place(s):
                return self.tables.walk(statements[i:i + 6], code)
            case Between() | Line():
                self.tables.between(s, code)
            case Lookup():
                self.tables.lookup(s, code)
            case Fetch():
                self.tables.fetch(s, code)
            case InterpolateReal():
                self.tables.interpolate(s, code)
            case _:
                self.scalar.statement(s, code)
        return 1

    # --- loops ----------------------------------------------------------------------------------
    def _hoist(self, loop: Turns) -> Code:
        """What does not depend on the turn is made once, before the loop: the start value to which
        a turn's first multiply-accumulate adds."""
        if not any(isinstance(i, Turns) for i in loop.body):
            self._keep_start(loop)
        outside = list(takewhile(
            lambda i: isinstance(i, Ins) and i.accumulator in self.using.starts
            and not _depends(i, loop.var), loop.body))
        return [*outside, Turns(loop.var, loop.extent, loop.body[len(outside):])]

    def _keep_start(self, loop: Turns) -> None:
        """Give the start value of a multiply-accumulate its own accumulator, if one is left."""
        code = [i for i in loop.body if isinstance(i, Ins)]
        start = list(takewhile(lambda i: not i.mac, code))
        macs = code[len(start):]
        if not start or not macs or loop.body[:len(start) + 1] != code[:len(start) + 1]:
            return
        first, a = start[0], start[0].accumulator
        used = {i.accumulator for i in code}.union(*(i.multiplied for i in code))
        free = [b for b in self.using.free() if b not in used]
        if not free or first.row not in (MOVE, SUM) or isinstance(first.operands["Y"], Acc) or (
                macs[0].accumulator != a) or any(
                i.accumulator != a or i.multiplied or _depends(i, loop.var)
                or any(x.write for _, x in i.accesses) for i in start):
            return
        b = free[0]
        self.using.starts.add(b)
        loop.body[:len(start) + 1] = [
            *(i.map(lambda o: b if o == a else o) for i in start),
            replace(macs[0], operands=macs[0].operands | {"M": b})]

    def _packed(self, loop: Loop, mac: Mac, code: Code) -> None:
        """Unpack a weight one turn ahead: the multiplier reads the a3 of three slots ago."""
        using = self.using
        a, unpack = using.result(mac.d), using.layout.kind(mac.w.buffer).unpack
        assert unpack
        first = Ref(mac.w.buffer, mac.w.index.substitute(loop.var, 0))
        following = Ref(mac.w.buffer, mac.w.index + mac.w.index.coefficient(loop.var))
        code += [apply(unpack, TEMP, using.at(first)), NOP]
        code.append(Turns(loop.var, loop.extent, [
            apply(unpack, TEMP, using.at(following)),
            add(a, a, TEMP, using.at(mac.x), mac=True, early=True)]))


def _depends(ins: Ins, var: str) -> bool:
    """Whether it reads or writes elements that move with the loop."""
    return any(a.index.coefficient(var) for _, a in ins.accesses)


def _registers(statements: tuple) -> Iterator[str]:
    """Every mention of a kernel register."""
    for s in statements:
        yield from s.registers()
