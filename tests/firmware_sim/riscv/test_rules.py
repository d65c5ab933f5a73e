"""Each timing rule on a program of a few instructions: cycles by hand from the documentation
(docs/targets.md)."""

from __future__ import annotations

import pytest

from tests.firmware_sim.cross.assembled import cycles, needs_riscv

pytestmark = needs_riscv
COMMON = {
    "arithmetic": "add a0, a1, a2; slli a0, a0, 3; li a3, 5",
    "a load, used at once": "lw a0, 0(a1); addi a0, a0, 1",
    "a load, used later": "lw a0, 0(a1); li a2, 1; addi a0, a0, 1",
    "a load that is stored at once": "lw a0, 0(a1); sw a0, 4(a2)",
    "a load that is an address at once": "lw a0, 0(a1); sw a2, 4(a0)",
    "products": "mul a0, a1, a2; mulh a0, a1, a2",
    "a division": "divu a0, a1, a2",
    "a jump": "1: j 1b",
    "a return": "ret",
    "a return to what was just computed": "mv ra, a0; ret",
    "a branch, not taken and taken": "1: beqz a0, 1b; bnez a0, 1b",
}
CYCLES = {
    "hazard3": [[1, 1, 1], [1, 2], [1, 1, 1], [1, 1], [1, 2], [1, 1], [18], [2], [2], [1, 2],
                [1, 2]],
    "cv32e40p": [[1, 1, 1], [1, 2], [1, 1, 1], [1, 1], [1, 2], [1, 5], [3], [2], [2], [1, 3],
                 [1, 3]],
    "ibex": [[1, 1, 1], [2, 1], [2, 1, 1], [2, 2], [2, 2], [3, 4], [38], [2], [2], [1, 2],
             [1, 3]],
}
ACROSS = "nop; lui a0, 0x12345; nop"
TEXTS = [*COMMON.values(), ACROSS]
CASES = {f"{core}: {name}": (core, text, expected) for core, several in CYCLES.items()
         for (name, text), expected in zip(COMMON.items(), several, strict=True)}


@pytest.mark.parametrize("core, text, expected", CASES.values(), ids=CASES)
def test_rules(core, text, expected):
    assert cycles(core, TEXTS, text) == expected


@pytest.mark.parametrize("core", CYCLES)
def test_a_jump_into_the_middle_of_a_fetch(core):
    """A long instruction that lies across two words waits where it is jumped to, else not."""
    assert cycles(core, TEXTS, ACROSS) == [1, 1, 1]
    assert cycles(core, TEXTS, ACROSS, skip=1) == [2, 1]


def test_the_jump_that_hazard3_expects():
    """Right: a cycle; wrong: two."""
    both = COMMON["a branch, not taken and taken"]
    assert cycles("hazard3", TEXTS, both, expected=1) == [1, 1]
    assert cycles("hazard3", TEXTS, both, expected=0) == [2, 2]


def test_choices_of_ibex():
    assert cycles("ibex", TEXTS, COMMON["products"], multiply=1, multiply_high=2) == [1, 2]
    assert cycles("ibex", TEXTS, COMMON["a jump"], branch_taken=2) == [2]
