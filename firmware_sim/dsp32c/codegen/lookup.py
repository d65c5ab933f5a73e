"""Tables are addressed by what the kernel before stored.

A buffer whose integers are only ever looked up holds, instead of an integer v, the place of v's
entry: 2 * v, of which the lowest bit does not count, plus the address of the table where no clamp
stands in the way. Such tables hold 16-bit integers, which become floating-point as they are read.
"""

from __future__ import annotations

from dsplet.firmware_sim.compile.tables import Walk, walks
from dsplet.firmware_sim.dsp32c.codegen.scale import Entry
from dsplet.quantize.fixed.program import Program

EXACT = 1 << 31
"""Accumulators are exact below (dsp32c.md 3.3)."""
ENTRY_LIMIT = 1 << 15
"""Entries are 16-bit integers."""


def entries(program: Program, top: int) -> dict[str, Entry]:
    """What each buffer of a walk holds. top: above every address of a table."""
    return {b: Entry(w.table if w.inside and _exact(w, top) else None)
            for w in walks(program, ENTRY_LIMIT) for b in w.buffers}


def _exact(walk: Walk, top: int) -> bool:
    """Whether addresses below `top` may be added to the accumulators."""
    return all(max(-q.bound[0], q.bound[1]) + (top << max(*q.shifts, 1) - 1) < EXACT
               for q in walk.made)
