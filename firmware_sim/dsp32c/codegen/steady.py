"""What a turn of a loop over time need not do again: numbers that registers keep from turn to turn.

A kernel sets its registers as it begins. In an innermost loop over time, those that no kernel moves
(pointers to constants, steps, strides, tables) get registers that all kernels leave alone, as far
as there are any, and are set before the loop. So are pointers that move with time: a kernel copies
them, the loop's tail moves them on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dsplet.firmware_sim.dsp32c.codegen.code import Ins
from dsplet.firmware_sim.dsp32c.codegen.instructions import advance, set_to
from dsplet.firmware_sim.dsp32c.codegen.kernel import (
    COUNTERS,
    INCREMENTS,
    POINTERS,
    Selected,
    Start,
)

Starts = Mapping[str, tuple[str, Start]]
"""What a kernel's registers hold as it begins, by name: see `Selected.starts`."""
IMMEDIATE_BYTES = 1 << 15
"""A pointer moves on by less in one instruction."""
SPARE = [*POINTERS, *INCREMENTS, *COUNTERS]
"""Where a number is kept that is only copied or added, the last first."""
TEMPORARIES = ("r1", "r2")
"""What the tail of a loop over time uses."""


@dataclass
class Steady:
    """Of an innermost loop over time: what a kernel's register holds -> the register that holds it
    all the time."""

    kept: dict[tuple[str, Start], str] = field(default_factory=dict)

    def before(self) -> list[Ins]:
        """What sets the registers."""
        return [set_to(register, start.first) for (_, start), register in self.kept.items()]

    def after(self) -> list[Ins]:
        """What moves them on at the end of a turn."""
        return [advance(register, start.step) for (_, start), register in self.kept.items()
                if start.step]

    def registers(self, code: Selected, starts: Starts) -> dict[str, str]:
        """Those of a kernel's names that hold this all the time."""
        return {name: self.kept[key] for name, key in starts.items()
                if key in self.kept and name not in code.moved and not key[1].var}

    def copied(self, starts: Starts) -> dict[str, str]:
        """Those of a kernel's names that move with time -> where its number of the turn is."""
        return {name: self.kept[key] for name, key in starts.items()
                if key in self.kept and key[1].var}


def steady(codes: Sequence[Selected], starts: Sequence[Starts], taken: Sequence[str], var: str
           ) -> Steady:
    """The registers of a loop over time with these kernels: first those that most of them set.

    starts: of each kernel, the names that it does not move -> their kind and what they hold.
    """
    found = Steady()
    wanted = Counter(key for code, of in zip(codes, starts, strict=True)
                     for key in dict.fromkeys(key for name, key in of.items()
                                              if name not in code.moved or key[1].var))
    for key, _ in wanted.most_common():
        kind, start = key
        if start.element or start.var not in ("", var) or abs(start.step) >= IMMEDIATE_BYTES:
            continue
        pool = {"pointer": POINTERS, "increment": INCREMENTS}.get(
            kind.partition(" ")[0] if not start.var else "", SPARE)
        used = {*taken, *TEMPORARIES, *found.kept.values()}
        for register in reversed(pool):
            if register in used:
                continue
            tried = Steady(found.kept | {key: register})
            if all(code.registers([*taken, *tried.kept.values()], tried.registers(code, of))
                   for code, of in zip(codes, starts, strict=True)):
                found = tried
                break
    return found
