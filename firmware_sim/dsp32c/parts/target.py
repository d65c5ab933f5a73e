"""Datasheets: what a part, its memory and its board are, as numbers.

Memory timing is a model, not a measurement [dsp32c.md 4.4].  One access can start in each state; a
bank that is busy holds the access, and everything after it, back:

    state      0        1              2               3
    slot       fetch    X, CAU load    Y, CAU store    Z write of the 3rd instruction before
               |        |              |               |
    RAM0  ─────┴─busy 2─┤              |               |        each bank is busy for 2 states
    RAM1  ──────────────┴─busy 2───────┤               |        after an access starts
    RAM2  ─────────────────────────────┴─busy 2────────┤
    external (one bank for all of it)  ────────────────┴─busy 2 + w─  and the machine waits w states
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from dsplet.firmware_sim import backend

GUARD_BITS = 8
"""An accumulator has so many bits of fraction more than a word [dsp32c.md 3.2]."""


@dataclass(frozen=True)
class Region(backend.Region):
    """Memory of the part or around it; wait_states are quarters of an instruction cycle [dsp32c.md
    4.3, K75]. programmed: the partition, A or B, whose field of pcw sets them instead; "" where the
    board fixes them.
    """

    programmed: str = ""


def programmed_waits(partition: str, pcw: int) -> int:
    """Wait states of MEM A or MEM B under a pcw [dsp32c.md 4.3].

    A-field: bits 4, 1, 0; B-field: bits 5, 3, 2.  Seen in programs [A L]: 001 no wait, 011 one,
    010 three, 111 two or more, until the ready pin says so: two here, as if memory were ready at
    once.  000 as two waits, and the other codes with the upper bit set, are by analogy [K40].
    """
    ready, low = (pcw >> 4 & 1, pcw & 3) if partition == "A" else (pcw >> 5 & 1, pcw >> 2 & 3)
    waits = (2, 0, 3, 1)[low]
    return max(waits, 2) if ready else waits


@dataclass(frozen=True)
class Assumptions:
    """What the machine takes for granted about the chip, one switch each [dsp32c.md 14]."""

    bank_busy_states: int = 2  # how long an access occupies its bank [dsp32c.md 4.4, K70]
    # fetch, X or load, Y or store, older Z write. X and Y are next to each other in that order
    # [dsp32c.md 15.1, S, K82], which leaves this one and ZXYI
    slot_order: str = "IXYZ"
    adder_truncates: bool = True  # toward minus infinity; False: nearest [dsp32c.md 15, S, K70]
    wait_stalls_machine: bool = True  # not only later external accesses [dsp32c.md 15.1, K88]
    # `do 0,n` fetches its one instruction once, not once a turn [dsp32c.md 15, S, K55]
    caches_do_of_one: bool = True
    # mu-law `ic` and `oc` work in units of 2 of G.711's, +-4015.5 at most; False: in G.711's own.
    # A-law is G.711's either way [dsp32c.md 15, S, K80]
    halves_mu_law: bool = True
    # dauc bit 4 makes `int` and its like floor; False: truncate toward zero. The successor's
    # documents contradict each other [dsp32c.md 15 and 15.1, S, K55]
    truncation_floors: bool = True
    # `ic`, `float`, `float24` of an accumulator take the uppermost bits of its word; False: the
    # lowest, exponent included, as of a word in memory [dsp32c.md 15, S, K60; float24 K50]
    converts_upper_bits: bool = True
    # the Z store of format 2 takes a Y that is an accumulator as it is; False: as the multiplier
    # sees it, three instructions old [dsp32c.md 15: S against M and the vectors, K50]. Format 4's Y
    # goes to the adder, which sees it as it is
    taps_are_live: bool = False


class Rounding(StrEnum):
    """How code rounds to integers."""

    ADDER = "adder"
    CONVERSION = "conversion"

    def instructions(self, fraction_bits: int) -> int:
        """That an integer of a number with so many bits of fraction takes, idle ones included."""
        if fraction_bits <= 0:
            return 0
        return 2 if self is Rounding.ADDER else 3 if fraction_bits <= GUARD_BITS else 5


@dataclass(frozen=True)
class Board(backend.Board):
    """Memory around the part."""

    regions: tuple[Region, ...]


@dataclass(frozen=True, kw_only=True)
class Target(backend.Target):
    """A part on a board; one period of its input clock is one state. rounding: of code for it."""

    processor: str = "dsp32c"
    on_chip: tuple[Region, ...]
    board: Board
    pcw: int = 0x0009  # as the boot program leaves it: MEM A 0 waits, MEM B 3 [dsp32c.md 4.3, A L]
    states_per_cycle: int = 4  # [dsp32c.md 1, P M]
    assumptions: Assumptions = field(default_factory=Assumptions)
    rounding: Rounding = Rounding.ADDER

    @property
    def generated(self) -> str:
        return "" if self.rounding is Rounding.ADDER else f"rounding by {self.rounding}"

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """All memory, ascending addresses, with the wait states that the boot program leaves."""
        return self.regions_at(self.pcw)

    @property
    def first(self) -> Region:
        """The memory from address 0 on, where code begins."""
        return self.regions[0]

    def regions_at(self, pcw: int) -> tuple[Region, ...]:
        """All memory, ascending addresses, with the wait states of a pcw."""
        regions = (replace(r, wait_states=programmed_waits(r.programmed, pcw)) if r.programmed
                   else r for r in self.on_chip + self.board.regions)
        return tuple(sorted(regions, key=lambda region: region.start))

    @property
    def cycle_ns(self) -> float:
        """Duration of an instruction cycle without stalls, nanoseconds."""
        return 1000 * self.states_per_cycle / self.clock_mhz

    def with_assumptions(self, **changes: Any) -> Self:
        """The same target with other assumptions, for sensitivity studies."""
        return replace(self, assumptions=replace(self.assumptions, **changes))
