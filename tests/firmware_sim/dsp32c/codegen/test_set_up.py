"""Registers are set while a store is waited for, or in the place of idle instructions."""

import pytest

from dsplet.firmware_sim.dsp32c.codegen.code import POOL, Label, Memory
from dsplet.firmware_sim.dsp32c.codegen.instructions import NOP, count, do, load, move, set_to
from dsplet.firmware_sim.dsp32c.codegen.set_up import set_up
from tests.firmware_sim.dsp32c.codegen.listing import A0, A1, listing, text

STORE = move(A0, Memory("r5", "++", buffer="x")).storing(Memory("r4", "++", buffer="y"))
READ = move(A0, Memory("r1", buffer="y"))
POOLED = move(A1, Memory("r9", buffer=POOL))


@pytest.mark.parametrize("setup, lines, apart, idle", [
    ([], [READ], 0, 3), (["r1"], [READ], 0, 2), (["r1", "r2", "r3"], [READ], 0, 0),
    (["r1"], [do(1, 9), READ], 0, 1),       # neither reads nor stores
    (["r1"], [POOLED, do(1, 9), READ], 0, 0),  # what is stored is no constant
    (["r1"], [READ], 2, 0),                 # behind the tail of a loop over time
    (["r4"], [POOLED, do(1, 9), READ], 0, 1),  # a store's pointer is free one later (7)
    (["r4", "r1"], [POOLED, do(1, 9), READ], 0, 0),
])
def test_what_is_waited_for(setup, lines, apart, idle):
    """The last store is seen by the fourth instruction behind it (dsp32c.md 7)."""
    found = set_up([STORE], [set_to(r, 8) for r in setup], lines, apart, False)
    assert [i is NOP for i in found] == [True] * idle + [False] * (len(found) - idle)


def test_idle_instructions_of_the_kernel_before_set_registers():
    """But for those that it still uses, and in its loops."""
    before = [Label("k"), do(2, 9), STORE, NOP, NOP, READ, NOP, STORE]
    found = set_up(before, [set_to(f"r{n}", n) for n in range(1, 6)], [READ], 0, True)
    assert listing(before) == text("""
        k:
        do 1,8
        *r4++ = a0 = *r5++
        nop
        r2e = 0x000002
        a0 = *r1
        r3e = 0x000003
        *r4++ = a0 = *r5++
        """)
    assert listing(found) == text("""
        r1e = 0x000001
        r5e = 0x000005
        r4e = 0x000004
        a0 = *r1
        """)


@pytest.mark.parametrize("apart, repeated", [(2, True), (0, False)])
def test_none_where_kernels_do_not_always_follow_one_another_or_share_code(apart, repeated):
    before = [NOP, STORE]
    set_up(before, [set_to(f"r{n}", n) for n in range(6, 12)], [READ], apart, repeated)
    assert before == [NOP, STORE]


def test_idle_instructions_of_its_own():
    """Not behind what reads the register, nor in a loop; a load's register is later."""
    lines = [POOLED, NOP, NOP, Label("turn"), NOP, READ, count("r20", Label("turn")), STORE]
    setup = [set_to("r9", 9), load("r8", Memory("r7")), *(set_to(f"r{n}", n) for n in (1, 2, 3))]
    found = set_up([STORE], setup, lines, 0, True)
    assert listing(found[-8:]) == text("""
        a1 = *r9
        r1e = 0x000001
        r2e = 0x000002
        turn:
        nop
        a0 = *r1
        if (r20-- >= 0) goto turn
        *r4++ = a0 = *r5++
        """)
