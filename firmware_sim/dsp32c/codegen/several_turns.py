"""Several turns of a counted loop in one: the branch that closes it is then taken less often."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import Access, Code, Ins, Operand, Turns
from dsplet.firmware_sim.dsp32c.codegen.shape import DO_INSTRUCTIONS
from dsplet.quantize.fixed.statement import Affine

FACTORS = (4, 3, 2)
INSTRUCTIONS = 64
"""A loop of several turns has at most so many."""


def several_turns(code: Code, least: float = 0, turns: int = 1, entered: int = 0) -> Code:
    """The code with short counted loops unrolled, but for those whose first turn is another. least:
    cycles that an instruction more must save. turns: how often the code is executed. entered: of
    the loop that the code begins with, and of those that begin it, so many."""
    return [_unrolled(item, least, turns, entered) if isinstance(item, Turns) else item
            for item in code]


def _unrolled(loop: Turns, least: float, turns: int, entered: int) -> Turns:
    inside, entered = turns * loop.extent, max(entered, loop.entered)
    loop = replace(loop, body=several_turns(loop.body, least, inside, max(0, entered - 1)))
    each = size(loop.body)
    if entered or each <= DO_INSTRUCTIONS and not any(isinstance(i, Turns) for i in loop.body):
        return loop  # a `do` has no branch
    for factor in FACTORS:
        worth = inside * (1 - 1 / factor) >= least * (factor - 1) * each
        if worth and factor < loop.extent and not loop.extent % factor and (
                factor * each <= INSTRUCTIONS):
            return several(loop, factor)
    return loop


def several(loop: Turns, factor: int) -> Turns:
    """The loop by `factor` turns at a time, which divides them."""
    at = Affine(0, ((loop.var, factor),))
    return replace(loop, extent=loop.extent // factor, body=[
        i for k in range(factor) for i in _at(loop.body, loop.var, at + k)])


def size(code: Code) -> int:
    """Instructions, `do` and branches included."""
    return sum(size(i.first) + size(i.body) + 1 if isinstance(i, Turns) else isinstance(i, Ins)
               for i in code)


def _at(code: Code, var: str, at: Affine) -> Code:
    def moved(o: Operand) -> Operand:
        if not isinstance(o, Access):
            return o
        return replace(o, index=o.index.substitute(var, at), group=o.group and _group(o, var, at))

    return [replace(i, first=_at(i.first, var, at), body=_at(i.body, var, at))
            if isinstance(i, Turns) else i.map(moved) if isinstance(i, Ins) else i for i in code]


def _group(o: Access, var: str, at: Affine) -> tuple:
    """The stream of the access among those of its loop, whose indices have changed as its own."""
    assert o.group
    buffer, terms, *rest = o.group
    return (buffer, Affine(0, terms).substitute(var, at).terms, *rest)
