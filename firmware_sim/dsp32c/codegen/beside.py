"""Constants in a second bank, for instructions that read something else where the pool lies.

An instruction that reads both its operands from one bank is held up (dsp32c.md 4.4). In programs
with loops over time, the constants of such instructions also lie in another bank: Y, if both are
constants, since an older instruction's store follows it at once, into scratch beside the pool.
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import (
    POOL,
    Code,
    Constants,
    Ins,
    Layout,
    Turns,
)


def beside(code: Code, layout: Layout, constants: Constants) -> Code:
    """The code, which reads such constants beside the pool, as long as there is room."""
    if not constants.room:
        return code
    return [replace(i, first=beside(i.first, layout, constants),
                    body=beside(i.body, layout, constants)) if isinstance(i, Turns) else
            _apart(i, layout, constants) if isinstance(i, Ins) else i for i in code]


def _apart(ins: Ins, layout: Layout, constants: Constants) -> Ins:
    pool = layout.region(POOL)
    read = [(letter, a) for letter, a in ins.accesses if not a.write]
    if len(read) != 2 or any(layout.region(a.buffer) != pool for _, a in read):
        return ins
    pooled = ((n, a) for n, a in sorted(read, reverse=True) if a.buffer == POOL)
    letter, a = next(pooled, ("", None))
    other = a and constants.beside(a)
    return ins if not other else replace(ins, operands=ins.operands | {letter: other})
