"""What is known of a program before and while it is walked: its words, its loops, its stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.wcet.values import Turns


class Unbounded(UserError):
    """No worst case can be proved: the message says at which address, and why."""


@dataclass
class Code:
    """What all walkers of one analysis share.

    word(address): the image's 32-bit word there, None where the image has none.
    tables(pc): (first, last) byte addresses of the tables that an instruction may read at an
    address from the data.
    forks, guesses: addresses of decisions that depend on data, and of accesses whose bank does.
    indexed: reads taken to stay in their table. stores, reads: spans (low, high, rates, pc) of
    addresses stored to, and of image words that were read before anything was stored there, if
    they may be taken as `constant`.
    """

    target: Target
    word: Callable[[int], int | None]
    tables: Callable[[int], tuple[tuple[int, int], ...]] = lambda pc: ()
    constant: bool = True
    turns: Turns = field(default_factory=Turns)
    forks: set[int] = field(default_factory=set)
    guesses: set[int] = field(default_factory=set)
    indexed: set[int] = field(default_factory=set)
    stores: list[tuple] = field(default_factory=list)
    reads: list[tuple] = field(default_factory=list)
    decoded: dict[int, tuple] = field(default_factory=dict)
    loops: dict[int, int] = field(default_factory=dict)
    """First instruction of each loop found so far -> its last."""

    def instruction(self, address: int) -> tuple:
        """(row, fields) of the instruction at an address."""
        if address not in self.decoded:
            word = self.word(address) if not address % 4 else None
            found = None if word is None else TABLE.decode(word)
            if found is None:
                raise Unbounded(f"{address:#08x}: the program goes there, and the image has no "
                                f"instruction there")
            self.decoded[address] = found
        return self.decoded[address]

    def text(self, address: int) -> str:
        row, fields = self.instruction(address)
        return f"`{row.show(fields)}` at {address:#08x}"


def united(spans: list[tuple]) -> list[tuple]:
    """Spans that touch become one."""
    united: list[tuple] = []
    for low, high, _, pc in sorted(spans):
        if united and low <= united[-1][1] + 1:
            first, last, _, old = united.pop()
            low, high, pc = first, max(last, high), old
        united.append((low, high, (), pc))
    return united


def clash(some: list[tuple], others: list[tuple]) -> bool:
    """Whether spans of addresses meet."""
    return any(a <= d and c <= b for a, b, *_ in some for c, d, *_ in others)
