"""Tables are addressed by what the kernel before stored.

A buffer whose integers are only ever looked up holds, instead of an integer v, the place of v's
entry: 2 * v, of which the lowest bit does not count, plus the address of the table where no clamp
stands in the way. Such tables hold 16-bit integers, which become floating-point as they are read.
A table of bytes is addressed by v plus its address: nothing need be masked.
"""

from __future__ import annotations

from dsplet.firmware_sim.compile.tables import Walk, walks
from dsplet.firmware_sim.dsp32c.codegen.scale import Entry
from dsplet.quantize.fixed.kernel import Buffer
from dsplet.quantize.fixed.program import Program

EXACT = 1 << 31
"""Accumulators are exact below (dsp32c.md 3.3)."""
ENTRY_LIMIT = 1 << 15
"""Entries are 16-bit integers."""


def entries(program: Program, top: int) -> dict[str, Entry]:
    """What each buffer of a walk holds. top: above every address of a table."""
    return {b: _entry(w, program.buffers[w.table], top)
            for w in walks(program, ENTRY_LIMIT) for b in w.buffers}


def _entry(walk: Walk, table: Buffer, top: int) -> Entry:
    if walk.inside and is_unsigned(table) and _exact(walk, 2 * top):
        return Entry(walk.table, 1, 0.0)
    return Entry(walk.table if walk.inside and _exact(walk, top) else None)


def _exact(walk: Walk, top: int) -> bool:
    """Whether addresses below `top` may be added to the accumulators, in units of 2."""
    return all(max(-q.bound[0], q.bound[1]) + (top << max(*q.shifts, 1) - 1) < EXACT
               for q in walk.made)


def is_unsigned(table: Buffer) -> bool:
    """Whether its entries are bytes without a sign."""
    return 0 <= table.low and table.high < 1 << 8
