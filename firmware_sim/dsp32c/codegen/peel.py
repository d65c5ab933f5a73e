"""The last turn of a multiply-accumulate loop is written out.

After a loop the pointers stand where its next turn would begin, and must be corrected. A last turn
of its own takes the correction as a post-increment.
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import Ins, Turns


def peel(code: list, depth: int = 0) -> list:
    """Peel the innermost loops that other loops repeat."""
    result: list = []
    for item in code:
        if not isinstance(item, Turns):
            result.append(item)
        elif depth and item.extent > 2 and all(isinstance(i, Ins) and i.role == "mac"
                                               and not i.early for i in item.body):
            result += [Turns(item.var, item.extent - 1, item.body),
                       *(_at_turn(i, item.var, item.extent - 1) for i in item.body)]
        else:
            result.append(Turns(item.var, item.extent, peel(item.body, depth + 1)))
    return result


def _at_turn(ins: Ins, var: str, turn: int) -> Ins:
    return replace(ins, accesses=tuple(
        replace(a, index=a.index.substitute(var, turn), group=a.stream) for a in ins.accesses))
