"""Instructions before they have registers: text with holes, and the facts that scheduling needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dsplet.base.errors import UserError
from dsplet.quantize.fixed.kernel import Affine


class NeedsRegisters(UserError):
    """A kernel needs more registers than the chip has."""


@dataclass(frozen=True)
class Access:
    """One memory operand: element `index` of `buffer`, `size` bytes each.

    Accesses of a kernel that move alike share a stream, and a stream becomes one pointer.
    """

    buffer: str
    index: Affine
    size: int = 4
    write: bool = False
    lane: int = 0
    """Tells two operands of one instruction apart that would share a stream."""

    group: tuple | None = None
    """The stream it belongs to although it stands outside one of the stream's loops."""
    address: bool = False
    """Not the element is meant but where it is: the pointer itself is the operand."""

    @property
    def free_steps(self) -> tuple[int, ...]:
        """By so many bytes its pointer moves on at no cost and with no register."""
        return () if self.address else (self.size, -self.size)

    @property
    def stream(self) -> tuple:
        return self.group or (self.buffer, self.index.terms, self.write, self.lane)


@dataclass(frozen=True, eq=False)
class Ins:
    """One instruction.

    text: AT&T spelling with {0}, {1}, .. for memory operands and {name} for CAU registers.
    role: "mac", "other" or "nop", for the bill. accumulator: the one it writes, if any.
    multiplies: accumulators it reads at the multiplier (latency 3).
    uses, sets: CAU registers by name; load: the register arrives one slot late (latency 2).
    early: it reads an accumulator's older value on purpose.
    """

    text: str
    accesses: tuple[Access, ...] = ()
    role: str = "other"
    accumulator: int | None = None
    multiplies: tuple[int, ...] = ()
    uses: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    load: bool = False
    early: bool = False

    @property
    def dau(self) -> bool:
        return self.accumulator is not None

    def storing(self, access: Access) -> Ins:
        """The same instruction with its result stored (Z)."""
        return replace(self, text=f"{{{len(self.accesses)}}} = {self.text}",
                       accesses=(*self.accesses, access))


@dataclass(eq=False)
class Turns:
    """A loop around instructions."""

    var: str
    extent: int
    body: list


@dataclass
class Constants:
    """The pool of float words that instructions read through fixed pointers."""

    values: list[float] = field(default_factory=list)

    def access(self, value: float) -> Access:
        if value not in self.values:
            self.values.append(value)
        return Access(POOL, Affine(self.values.index(value)))


WIDTH = {"half": 2, "byte": 1}
"""Bytes of a packed number by its kind; everything else is words of 4."""
POOL = "constants"
SCRATCH = "scratch"
NOP = Ins("nop", role="nop")
