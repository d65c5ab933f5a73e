"""Cycles of RISC-V instructions on cores that execute one after another, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsplet.firmware_sim.cross import timing
from dsplet.firmware_sim.cross.build import Line
from dsplet.firmware_sim.cross.machine import Divide, Divided
from dsplet.firmware_sim.cross.timing import Cost
from dsplet.firmware_sim.riscv.decode import Op, decode

REGISTER_BITS = 32
WORKS = {"load": "load", "store": "store", "multiply": "multiply", "multiply_high": "multiply",
         "conditional_branch": "branch", "jump": "branch", "jump_register": "branch"}


class Timing(timing.Timing):
    """guesses: whether the core expects the last conditional jump that led back to be taken again.
    """

    causes = ("load_use", "fetch", "unaligned")

    def __init__(self, guesses: bool = False) -> None:
        self.guesses = guesses

    def costs(self, lines: Sequence[Line], table: Mapping[str, int], expected: int = 0
              ) -> list[Cost]:
        found, before = [], None
        for i, op in enumerate(map(decode, lines)):
            last, guess = i + 1 == len(lines), op.line.address + op.line.size == expected
            across = op.line.size == 4 and op.line.address % 4 == 2
            led_to = i == 0 or before is not None and before.jumps
            found.append(Cost(
                WORKS.get(op.kind, "other"),
                _alone(op, table, last, guess) + _waits(before, op, table),
                {"load_use": table["load_use"] if _uses(before, op) else 0,
                 "fetch": table["target_across_words"] if led_to and across else 0}))
            before = op
        return found

    def guessed(self, lines: Sequence[Line]) -> list[int]:
        return [line.address + line.size for line in lines
                if self.guesses and decode(line).kind == "conditional_branch"]

    def divides(self, lines: Sequence[Line]) -> list[Divide]:
        return [Divide(line.address, op.operands[1], op.operands[2],
                       not line.mnemonic.endswith("u"))
                for line in lines if (op := decode(line)).kind == "divide"]

    def divided(self, found: Divided, table: Mapping[str, int]) -> float:
        """By the divisor's leading zeros, and by whether it is 0."""
        zeros = sum(n * (REGISTER_BITS - bits) for bits, n in enumerate(found.by_divisor_bits))
        return float(zeros * table["divide_leading_zero"]
                     + found.by_divisor_bits[0] * table["divide_by_zero"])


def _alone(op: Op, table: Mapping[str, int], last: bool, expected: bool) -> int:
    """Cycles of an instruction that waits for nothing; last: its jump was taken."""
    if op.kind != "conditional_branch":
        return table[op.kind]
    outcome = "taken" if last else "not_taken"
    return table[f"branch_{outcome}{'_as_expected' if expected and last else ''}"
                 f"{'_unexpected' if expected and not last else ''}"]


def _uses(before: Op | None, op: Op) -> bool:
    """Whether it waits for what was just loaded; what a store writes may come later."""
    return before is not None and before.kind == "load" and bool(op.reads & before.writes)


def _waits(before: Op | None, op: Op, table: Mapping[str, int]) -> int:
    """For an address to jump to that was just computed."""
    late = op.kind == "jump_register" and before is not None and bool(op.reads & before.writes)
    return table["jump_just_computed"] if late else 0
