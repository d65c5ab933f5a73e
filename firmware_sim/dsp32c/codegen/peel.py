"""The last turn of a multiply-accumulate loop is written out.

After a loop the pointers stand where its next turn would begin, and must be corrected. A last turn
of its own takes the correction as a post-increment.
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import Access, Code, Ins, Operand, Turns


def peel(code: Code, depth: int = 0) -> Code:
    """Peel the innermost loops that other loops repeat."""
    result: Code = []
    for item in code:
        if not isinstance(item, Turns):
            result.append(item)
            continue
        macs = [i for i in item.body if isinstance(i, Ins) and i.mac and not i.early]
        if depth and item.extent > 2 and len(macs) == len(item.body):
            result += [Turns(item.var, item.extent - 1, item.body),
                       *(_at_turn(i, item.var, item.extent - 1) for i in macs)]
        else:
            result.append(Turns(item.var, item.extent, peel(item.body, depth + 1)))
    return result


def _at_turn(ins: Ins, var: str, turn: int) -> Ins:
    def at(o: Operand) -> Operand:
        if not isinstance(o, Access):
            return o
        return replace(o, index=o.index.substitute(var, turn), group=o.stream)

    return ins.map(at)
