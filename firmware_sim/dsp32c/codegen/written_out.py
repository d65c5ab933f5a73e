"""Sums of products without loops, in loops over time: a `do` costs a cycle, and every sum has one.

Where the code's bank has room, the loops of products inside a loop over rows are written out: as
many rows a turn as the room allows, or what becomes a `do` of its own.
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import Access, Code, Ins, Operand, Turns
from dsplet.firmware_sim.dsp32c.codegen.several_turns import several, several_turns, size
from dsplet.firmware_sim.dsp32c.codegen.shape import DO_INSTRUCTIONS, DO_TURNS

FACTORS = (8, 4, 3, 2, 1)


def written_out(code: Code, least: float, room: int) -> Code:
    """What `several_turns` makes of the code, but for loops whose sums are faster written out.

    least: cycles that an instruction more must save. room: instructions that it may have more.
    """
    result: Code = []
    for item in code:
        if isinstance(item, Turns):
            looped, = several_turns([item], least)
            assert isinstance(looped, Turns)
            item = _written_out(item, looped, least, room)
            room -= size([item]) - size([looped])
        result.append(item)
    return result


def _written_out(loop: Turns, looped: Turns, least: float, room: int) -> Turns:
    """The loop, if it is one of sums, by as many turns at a time as are fastest. looped: with its
    loops of products, a `do` each, and a branch."""
    inner = [i for i in loop.body if isinstance(i, Turns)]
    products = all(isinstance(m, Ins) and m.mac and not m.early for i in inner for m in i.body)
    if loop.entered or not inner or not products:
        return looped
    best, price = looped, len(inner) * loop.extent + looped.extent + least * size([looped])
    body = [m for i in loop.body for m in (_turns(i) if isinstance(i, Turns) else [i])]
    for factor in FACTORS:
        if loop.extent % factor or factor == loop.extent:
            continue
        found = several(replace(loop, body=body), factor)
        repeated = size(found.body) <= DO_INSTRUCTIONS and found.extent <= DO_TURNS
        cost = found.extent * (not repeated) + least * size([found])
        if cost < price and size([found]) - size([looped]) <= room:
            best, price = found, cost
    return best


def _turns(loop: Turns) -> Code:
    """The turns of a loop of products, with its pointers."""
    return [_at(i, loop.var, turn) for turn in range(loop.extent)
            for i in loop.body if isinstance(i, Ins)]


def _at(ins: Ins, var: str, turn: int) -> Ins:
    def at(o: Operand) -> Operand:
        return replace(o, index=o.index.substitute(var, turn), group=o.stream) if isinstance(
            o, Access) else o

    return ins.map(at)
