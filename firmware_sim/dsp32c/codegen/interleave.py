"""Turns side by side: what one element waits for is the work of others.

The turns of an innermost loop that carry nothing from one to the next are taken several at a time,
where that is faster (`lanes`). A constant that each of them would fetch may stay in an accumulator.
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import (
    POOL,
    SCRATCH,
    Acc,
    Access,
    Code,
    Ins,
    Operand,
    Turns,
)
from dsplet.firmware_sim.dsp32c.codegen.instructions import (
    MOVE,
    PRODUCT_SUM,
    SCALED_SUM,
    SUM,
    move,
)
from dsplet.firmware_sim.dsp32c.codegen.lanes import (
    LANES,
    REGISTERS,
    Lanes,
    accumulators_read,
    both_constant,
    turn_cycles,
)
from dsplet.firmware_sim.dsp32c.codegen.selection import TEMP

MOST_INSTRUCTIONS = 64
"""Of turns side by side: more would take long to put in order, and longer bodies wait less."""
SHORT = 16
HELD = Acc(-1)
"""The one that holds a constant, before it is known which that is."""


def interleave(code: Code, least: float, after: frozenset[Acc] = frozenset()) -> Code:
    """The code with every loop interleaved that is faster so. least: cycles that an instruction
    more must save. after: accumulators that are read behind it."""
    result: Code = []
    live = after
    for item in reversed(code):
        if not isinstance(item, Turns):
            result.insert(0, item)
        elif (faster := _interleaved(item, least, live)) is not None:
            result[:0] = faster
        else:
            around = live | live_before([item], live)
            result.insert(0, replace(item, body=interleave(item.body, least, around)))
        live = live_before([item], live)
    return result


def live_before(code: Code, after: frozenset[Acc]) -> frozenset[Acc]:
    """The accumulators that are read in the code, or behind it, before they are written: those of
    `after` that it does not write, and some of its own. So a loop's next turn reads none that its
    first does not."""
    live = after
    for item in reversed(code):
        if isinstance(item, Turns):
            live = live | live_before(item.body, live)
            live = live | live_before(item.first, live)
        elif isinstance(item, Ins):
            live = live - {item.accumulator} | {a for _, a in accumulators_read(item)}
    return live


def _interleaved(loop: Turns, worth: float, after: frozenset[Acc]) -> Code | None:
    """The loop by several turns at a time, if that takes fewer cycles. worth: what an instruction
    more must save."""
    body = [i for i in loop.body if isinstance(i, Ins)]
    kept = after | live_before(loop.body, frozenset())
    if len(body) < len(loop.body) or any(i.mac or i.early or i.accumulator in kept for i in body):
        return None
    best: Code | None = None
    least = loop.extent * turn_cycles(body) + worth * len(body)
    free = next((a for a in reversed(REGISTERS) if a not in kept), TEMP)
    for constant in (None, *_constants(body)):
        code = _without(body, constant) if constant else body
        setup: Code = [move(free, constant)] if constant else []
        for lanes in range(1, min(_most_lanes(code), loop.extent) + 1):
            bound = loop.extent * len(code) + worth * lanes * len(code)
            found = _by_lanes(code, loop, lanes, kept | {free} if constant else kept) if (
                bound < least) else None
            if found is None:
                break  # more of them take more instructions, and more accumulators
            cycles, looped = found
            price = len(setup) + cycles + worth * (len(setup) + _size(looped))
            if price < least:
                least, best = price, [*setup, *_placed(looped, free)]
    return best


def _placed(code: Code, held: Acc) -> Code:
    """The code with an accumulator for HELD."""
    return [Turns(i.var, i.extent, _placed(i.body, held)) if isinstance(i, Turns) else
            i.map(lambda o: held if o == HELD else o) if isinstance(i, Ins) else i for i in code]


def _size(code: Code) -> int:
    """How many instructions it has."""
    return sum(_size(i.body) if isinstance(i, Turns) else 1 for i in code)


def _by_lanes(body: list[Ins], loop: Turns, lanes: int, kept: frozenset[Acc]
              ) -> tuple[float, Code] | None:
    """The cycles and the code of the loop by so many turns at a time."""
    whole, rest = divmod(loop.extent, lanes)
    turns = Lanes(body, loop.var, lanes, lanes, kept).fastest()
    left = Lanes(body, loop.var, rest, lanes, kept).fastest() if rest else []
    if turns is None or left is None:
        return None
    cycles = whole * turn_cycles(turns) + turn_cycles(left)
    looped: Code = [Turns(loop.var, whole, [*turns])] if whole > 1 else [
        _at_turn(i, loop.var, 0) for i in turns]
    return cycles, [*looped, *(_at_turn(i, loop.var, whole) for i in left)]


def _most_lanes(body: list[Ins]) -> int:
    """As many as have words of scratch, and are soon put in order."""
    scratch = 1 + max((a.index.const for i in body for _, a in i.accesses
                       if a.buffer == SCRATCH), default=0)
    return min(LANES // scratch, MOST_INSTRUCTIONS // max(1, len(body)))


def _at_turn(ins: Ins, var: str, turn: int) -> Ins:
    """What stands behind the loop instead of a turn, with the loop's pointers."""
    def at(o: Operand) -> Operand:
        if not isinstance(o, Access) or not o.index.coefficient(var):
            return o
        return replace(o, index=o.index.substitute(var, turn), group=o.stream)

    return ins.map(at)


# --- a constant in an accumulator ---------------------------------------------------------------
def _constants(body: list[Ins]) -> list[Access]:
    """Constants that spare an instruction or a stall where an accumulator holds them: of a short
    body, to which that is much."""
    return [] if len(body) > SHORT else list(dict.fromkeys(a for n, i in enumerate(body) for a in (
        _moved_constant(body, n), _added_constant(i)) if a))


def _moved_constant(body: list[Ins], n: int) -> Access | None:
    """The constant that instruction n only brings to where the one that reads it next adds to it,
    if it does."""
    i, y = body[n], _constant(body[n], "Y")
    if i.row is not MOVE or not y or i.operands.get("F") or "Z" in i.operands:
        return None
    user = next((u for u in body[n + 1:] if i.accumulator in (
        u.accumulator, *(a for _, a in accumulators_read(u)))), None)
    if user is None or user.accumulator != i.accumulator or user.row not in (PRODUCT_SUM, SUM):
        return None
    letters = [letter for letter, a in accumulators_read(user) if a == i.accumulator]
    return y if letters == [_addend(user)] else None


def _added_constant(i: Ins) -> Access | None:
    """The constant that it adds, if it reads another beside it: both lie in one bank."""
    return _constant(i, "Y") if i.row is SCALED_SUM and both_constant(i) else None


def _constant(ins: Ins, letter: str) -> Access | None:
    """The word of the pool that is this operand."""
    o = ins.operands.get(letter)
    return o if isinstance(o, Access) and o.buffer == POOL else None


def _addend(ins: Ins) -> str:
    return "M" if ins.row is PRODUCT_SUM else "Y"


def _without(body: list[Ins], constant: Access) -> list[Ins]:
    """The body with the constant in an accumulator, HELD."""
    result, waiting = [], set[Acc]()
    for n, ins in enumerate(body):
        if _moved_constant(body, n) == constant and ins.accumulator:
            waiting.add(ins.accumulator)
            continue
        if ins.accumulator in waiting:
            waiting.remove(ins.accumulator)
            ins = replace(ins, operands=ins.operands | {_addend(ins): HELD})
        elif _added_constant(ins) == constant:
            o = ins.operands
            ins = replace(ins, row=PRODUCT_SUM, operands=o | {"M": HELD, "Y": o["M"]})
        result.append(ins)
    return result
