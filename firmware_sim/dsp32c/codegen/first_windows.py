"""The first window stores its weights as it multiplies by them.

What all windows of a loop read is copied on chip in front of it (`compile.local_copies`). An
instruction that multiplies by a word of memory can store that word as well (dsp32c.md 5.2, formats
2 and 4). So the loop's first turn is written out: it reads what is copied where it lies, and stores
each word as it goes. The copying loop is gone; for a first turn whose other factors lie outside,
too, two reads follow each other there, which is held up by a quarter of a cycle.

The integers stay the same: the first turn multiplies the same numbers in the same order, and no
later one reads a word of the copy less than `STORE_LATENCY` instructions behind its store
(`schedule`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import takewhile
from math import prod

from dsplet.firmware_sim.dsp32c.codegen.code import (
    Access,
    Code,
    Ins,
    Label,
    Operand,
    Turns,
    instructions,
)
from dsplet.firmware_sim.dsp32c.codegen.instructions import MOVE, PRODUCT_SUM, tap
from dsplet.firmware_sim.dsp32c.codegen.several_turns import INSTRUCTIONS, size
from dsplet.firmware_sim.dsp32c.codegen.shape import DO_INSTRUCTIONS

SAVED = 0.75
"""Cycles a word: the copy's one, less the quarter that two reads outside may lose."""


def first_windows(code: Code, least: float = 0, turns: int = 1) -> Code:
    """The code without the loops that copy what a first turn can store. least: cycles that an
    instruction more must save. turns: how often the code is executed."""
    result: Code = []
    for i, item in enumerate(code):
        if isinstance(item, Turns):
            copied = _copied(item)
            between = list(takewhile(lambda o: isinstance(o, Ins), code[i + 1:]))
            loop = code[i + 1 + len(between)] if i + 1 + len(between) < len(code) else None
            if copied and isinstance(loop, Turns) and (
                    stored := _stored(loop, item, copied, least / turns)):
                return [*result, *between, stored, *first_windows(
                    code[i + 2 + len(between):], least, turns)]
            item = replace(item, body=first_windows(item.body, least, turns * item.extent))
        result.append(item)
    return result


def _copied(loop: Turns) -> tuple[Access, Access] | None:
    """(from, to) of a loop that does nothing but copy words one after another."""
    match loop.body:
        case [Ins(row, {"Y": Access() as read, "Z": Access() as written} as operands)] if (
                row is MOVE and not operands.get("F") and read.size == written.size
                and written.index.terms == ((loop.var, 1),) and not written.index.const):
            return read, written
    return None


def _stored(loop: Turns, copy: Turns, copied: tuple[Access, Access], least: float) -> Turns | None:
    """The loop whose first turn stores the copy; None where it does not read each word of it once,
    or where the copying loop costs less. least: cycles by which an instruction must be worth it in
    each turn of what is around the loop."""
    read, written = copied
    loops = [loop]
    while isinstance(inner := loops[-1].body[0], Turns) and not (
            _reads(loops[-1].body[1:], written) or any(
                a.index.coefficient(inner.var) for a in _reads(inner.body, written))):
        loops.append(inner)
    window = loops[-1].body
    if copy.extent <= DO_INSTRUCTIONS or _labelled(window) or (
            sorted(_places(window, written)) != [*range(copy.extent)]):
        return None
    per_branch = max(1, INSTRUCTIONS // size(window))  # turns in one, were the loop left as it is
    branches = prod(o.extent for o in loops) * (1 - 1 / per_branch)
    if SAVED * copy.extent - branches <= least * size(window):
        return None

    outer = [o.var for o in loops]
    return replace(loop, entered=len(loops), first=_changed(
        window, lambda ins: _tapped(ins, copy, read, written) if _reads([ins], written) else ins,
        outer))


def _changed(code: Code, change: Callable[[Ins], Ins], outer: list[str]) -> Code:
    """The code of the first turn of the loops `outer`, with their pointers. change: what becomes of
    an instruction."""
    def at(o: Operand) -> Operand:
        if not isinstance(o, Access) or not any(o.index.coefficient(var) for var in outer):
            return o
        index = o.index
        for var in outer:
            index = index.substitute(var, 0)
        return replace(o, index=index, group=o.stream)

    return [Turns(i.var, i.extent, _changed(i.body, change, outer)) if isinstance(i, Turns) else
            change(i).map(at) if isinstance(i, Ins) else i for i in code]


def _tapped(mac: Ins, copy: Turns, read: Access, written: Access) -> Ins:
    """The multiply-accumulate, which reads what is copied and stores it."""
    (letter, word), = ((n, a) for n, a in mac.accesses if a.buffer == written.buffer)
    other = mac.operands["X" if letter == "Y" else "Y"]
    return tap(mac, replace(read, index=read.index.substitute(copy.var, word.index)), other,
               replace(written, index=word.index))


def _labelled(code: Code) -> bool:
    """Whether there is a place in the code that there must not be twice."""
    return any(_labelled(i.body) if isinstance(i, Turns) else isinstance(i, Label) for i in code)


def _reads(code: Code, written: Access) -> list[Access]:
    """The words of the copy that the code reads."""
    return [a for i in instructions(code) for _, a in i.accesses
            if a.buffer == written.buffer and not a.write]


def _places(code: Code, written: Access, turn: dict[str, int] | None = None) -> Iterator[int]:
    """The words of the copy that multiply-accumulates of the code read, turn by turn; -1 for one
    that cannot store it."""
    turn = turn or {}
    for item in code:
        if isinstance(item, Turns):
            for n in range(item.extent if _reads(item.body, written) else 0):
                yield from _places(item.body, written, turn | {item.var: n})
        elif isinstance(item, Ins) and (words := _reads([item], written)):
            fits = item.mac and not item.early and item.row is PRODUCT_SUM and len(words) == 1 and (
                "Z" not in item.operands)
            yield words[0].index.at(turn) if fits and all(
                var in turn for var, _ in words[0].index.terms) else -1
