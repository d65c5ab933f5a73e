"""Cycles of Thumb instructions: what each takes after the one before it, and whether its words have
come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsplet.firmware_sim.cortex_m.decode import Op, decode
from dsplet.firmware_sim.cortex_m.queue import Queue
from dsplet.firmware_sim.cross import timing
from dsplet.firmware_sim.cross.build import Line
from dsplet.firmware_sim.cross.machine import Divide, Divided
from dsplet.firmware_sim.cross.timing import Cost

MOST_QUOTIENT_BITS = 32


class Timing(timing.Timing):
    """queue: whether the core fetches words into a queue, of which its loads and stores overlap;
    else an instruction takes what its table says, whatever comes before it."""

    causes = ("fetch", "unaligned")

    def __init__(self, queue: bool) -> None:
        self.queue = queue

    def costs(self, lines: Sequence[Line], table: Mapping[str, int], expected: int = 0
              ) -> list[Cost]:
        ops = [decode(line) for line in lines]
        found, fetch = [], Queue(lines[0].address)
        before: Op | None = None
        for i, op in enumerate(ops):
            last = i + 1 == len(ops)
            waited = fetch.take(op.line.size) if self.queue else 0
            if op.conditional and op.jumps and not last:  # skipped
                op = Op(op.line, "other")
            cycles = self._alone(op, before, table) + _refill(op, table, last)
            for _ in range(cycles):
                fetch.tick()
            if op.jumps and not last:
                fetch = Queue(op.line.address + op.line.size)
            found.append(Cost(work(op), cycles, {"fetch": waited}))
            before = before if op.kind == "it" else op
        return found

    def _alone(self, op: Op, before: Op | None, table: Mapping[str, int]) -> int:
        """Cycles without the refill of a jump."""
        if not op.is_access:
            return table.get(op.kind, table["other"])
        if not self.queue:
            return _apart(op, table)
        if before is None:
            return _apart(op, table, "_indexed" if op.indexed and op.kind == "store" else "")
        return _after(before, op, table)

    def divides(self, lines: Sequence[Line]) -> list[Divide]:
        found = []
        for line in lines:
            if (op := decode(line)).kind == "divide":
                *_, dividend, divisor = op.operands
                found.append(Divide(line.address, dividend, divisor,
                                    line.mnemonic.startswith("s")))
        return found

    def divided(self, found: Divided, table: Mapping[str, int]) -> float:
        """The longer the quotient, the longer it takes."""
        least, most = table["divide"], table["divide_most"]
        return float(sum(n * -(-bits * (most - least) // MOST_QUOTIENT_BITS)
                         for bits, n in enumerate(found.by_quotient_bits)))


def _refill(op: Op, table: Mapping[str, int], last: bool) -> int:
    """Cycles until the instruction that is jumped to can be executed; last: the jump was taken."""
    if op.kind == "conditional_branch":
        return table["conditional_branch_refill"] if last else 0
    if not op.jumps:
        return 0
    if op.is_access:
        return table["load_several_pc_refill" if op.moves_several else "load_pc_refill"]
    return table.get(f"{op.kind}_refill", table["branch_register_refill"])


def _apart(op: Op, table: Mapping[str, int], indexed: str = "") -> int:
    """Cycles of a load or a store by itself."""
    return table[op.kind + indexed] + (op.registers if op.moves_several else 0)


def _after(before: Op, op: Op, table: Mapping[str, int]) -> int:
    """Cycles of a load or a store right after another instruction."""
    cycles = _apart(op, table)
    after_load, after_store = before.kind == "load", before.is_store
    if before.is_load and before.moves_several:
        cycles += table["access_after_several"]
    elif op.kind == "load":
        if after_store:
            cycles = table["load_after_store"]
        elif after_load and not op.base and not op.address & (before.writes - {before.base}):
            cycles = table["load_after_load"]
    elif op.kind == "store":
        if after_store:
            cycles = table["store_after_store"]
        elif op.indexed and not after_load:
            cycles = table["store_indexed"]
    elif after_store:
        cycles += table["several_after_store"]
    if after_load and before.base in op.address:
        cycles += table["base_just_loaded"]
    if not before.is_access and op.address & before.writes:
        cycles += table["address_just_computed"]
    return cycles


def work(op: Op) -> str:
    """What its cycles are spent on."""
    for word in ("load", "store", "branch", "multiply"):
        if word in op.kind:
            return word
    return "branch" if op.kind == "call" else "other"
