"""What the code of one kernel has in use as it grows."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import (
    SCRATCH,
    Acc,
    Access,
    Constants,
    Layout,
    NeedsRegisters,
)
from dsplet.quantize.fixed.statement import Affine, Ref, Source

*ACCUMULATORS, TEMP = map(Acc, range(4))
"""a0..a2 hold the kernel's registers, a3 belongs to the selector."""


class Selection:
    """accumulators: where the kernel's registers are. starts: where start values are, which are
    made outside of loops. tables: those whose base address needs a register. strides: bytes by
    which pointers into tables move, a register each."""

    def __init__(self, layout: Layout, constants: Constants) -> None:
        self.layout, self.constants = layout, constants
        self.accumulators: dict[str, Acc] = {}
        self.starts: set[Acc] = set()
        self.tables: set[str] = set()
        self.strides: set[int] = set()
        self._units: dict[str, int] = {}

    def acc(self, d: str) -> Acc:
        """The accumulator of a register."""
        if d not in self.accumulators:
            if not (free := self.free()):
                raise NeedsRegisters("a kernel may keep three registers alive")
            self.accumulators[d] = free[0]
        return self.accumulators[d]

    def result(self, d: str) -> Acc:
        """The accumulator of a register that gets a new value."""
        self._units[d] = 1
        return self.acc(d)

    def free(self) -> list[Acc]:
        """Accumulators that hold nothing."""
        taken = {*self.accumulators.values(), *self.starts}
        return [a for a in ACCUMULATORS if a not in taken]

    def unit(self, d: str) -> int:
        """What a register holds is a multiple of it: the number as so many units."""
        return self._units.get(d, 1)

    def set_unit(self, d: str, unit: int) -> None:
        self._units[d] = unit

    # --- operands -------------------------------------------------------------------------------
    def at(self, ref: Ref, write: bool = False) -> Access:
        return Access(ref.buffer, ref.index, self.layout.kind(ref.buffer).bytes, write)

    def scratch(self, write: bool = False) -> Access:
        """The word that a number is converted by way of; one pointer writes and reads it."""
        word = Ref(SCRATCH, Affine())
        return replace(self.at(word, write), group=self.at(word, True).stream)

    def constant(self, value: float, table: str = "") -> Access:
        return self.constants.access(value, table)

    def source(self, source: Source) -> Acc | Access:
        """What the multiplier or the adder reads."""
        if isinstance(source, str):
            return self.acc(source)
        if isinstance(source, Ref):
            return self.at(source)
        return self.constant(float(source))

    # --- registers of tables --------------------------------------------------------------------
    def index(self, i: int = 0) -> str:
        """The i-th pointer into a table."""
        return f"index{i}"

    def base(self, table: str) -> str:
        """The register that holds the address of the table's entry for 0."""
        self.tables.add(table)
        return base(table)

    def stride(self, step_bytes: int) -> str:
        """The register that holds a number of bytes."""
        self.strides.add(step_bytes)
        return stride(step_bytes)


def base(table: str) -> str:
    """The name of the register that holds a table's address."""
    return f"base {table}"


def stride(step_bytes: int) -> str:
    """The name of the register that holds a step in bytes."""
    return f"stride {step_bytes}"
