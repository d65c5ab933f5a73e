"""Between which cycles an instruction lies on cores of which no table is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsplet.firmware_sim.cortex_m.decode import Op, decode
from dsplet.firmware_sim.cortex_m.timing import work
from dsplet.firmware_sim.cross import timing
from dsplet.firmware_sim.cross.build import Line
from dsplet.firmware_sim.cross.timing import Cost


class Interval(timing.Timing):
    """Each instruction takes a cycle, but the second of a pair, which may take none; and what it
    may make the next one wait. pairs_wide: whether 32-bit instructions pair, too."""

    causes = ("unaligned",)

    def __init__(self, pairs_wide: bool) -> None:
        self.pairs_wide = pairs_wide

    def costs(self, lines: Sequence[Line], table: Mapping[str, int], expected: int = 0
              ) -> list[Cost]:
        found: list[Cost] = []
        first: Line | None = None
        for i, op in enumerate(map(decode, lines)):
            narrow = first is not None and first.size == op.line.size == 2
            second = first is not None and (self.pairs_wide or narrow)
            cycles = table["second"] if second else table["other"]
            found.append(Cost(work(op), cycles + _wait(op, table, i + 1 == len(lines))))
            first = None if second else op.line
        return found


def _wait(op: Op, table: Mapping[str, int], last: bool) -> int:
    """Cycles beyond the first; last: its jump was taken."""
    cycles = 0
    if op.jumps or op.kind == "conditional_branch":
        cycles = table["taken" if last else "not_taken"]
    if op.moves_several:
        cycles += -(-op.registers * table["register_halves"] // 2)
    for kind in ("load", "store", "multiply", "divide"):
        if kind in op.kind or kind == "load" and op.kind == "table_branch":
            cycles += table[f"{kind}_wait"]
    return cycles
