"""Loops over time: pointers that move with them, in words on chip."""

import pytest

from dsplet.firmware_sim.dsp32c.codegen.code import Label, NeedsRegisters
from dsplet.firmware_sim.dsp32c.codegen.time_loops import CLOCK_WORDS, Clock
from dsplet.quantize.fixed.kernel import Repeat
from dsplet.quantize.fixed.statement import Affine
from tests.firmware_sim.dsp32c.codegen.listing import listing, text

STEPS = Repeat("t", 12, 1, 4, "scan")
ROWS = Repeat("r", 3, 2, 3, "inner")


def test_one_loop():
    """Twelve turns: the counter begins with 10. Element 2 + 5 t of words at 0x2000 begins at
    0x2008 and moves on by 20 bytes; the last instruction is in the branch's delay slot."""
    clock = Clock((STEPS,), 0xFFF800)
    assert clock.word(0x2000, 4, Affine(2, (("t", 5),))) == 0xFFF800
    assert clock.word(0x3000, 2, Affine(0, (("t", 1),))) == 0xFFF804
    assert clock.word(0x2008, 4, Affine(0, (("t", 5),))) == 0xFFF800, "it is there already"
    assert listing(clock.head(STEPS)) == text("""
        nop
        r22 = 10
        r1e = 0x002008
        *0xfff800 = r1e
        r1e = 0x003000
        *0xfff804 = r1e
        """)
    assert listing(clock.tail(STEPS, Label("turn"))) == text("""
        nop
        r1e = *0xfff800
        r2e = 0x000014
        r1e = r1e + r2e
        *0xfff800 = r1e
        r1e = *0xfff804
        r2e = 0x000002
        r1e = r1e + r2e
        if (r22-- >= 0) goto turn
        *0xfff804 = r1e
        """)


def test_a_loop_in_a_loop_takes_its_steps_back():
    """Three rows of 8 bytes each step: 24 bytes back, and what the outer loop adds is its own."""
    clock = Clock((STEPS, ROWS), 0xFFF800)
    clock.word(0x2000, 4, Affine(0, (("r", 2), ("t", 10))))
    assert listing(clock.head(ROWS)) == "nop\nr21 = 1\n"
    assert listing(clock.tail(ROWS, Label("row"))) == text("""
        nop
        r1e = *0xfff800
        r2e = 0x000008
        r1e = r1e + r2e
        if (r21-- >= 0) goto row
        *0xfff800 = r1e
        r1e = *0xfff800
        r2e = 0xffffe8
        r1e = r1e + r2e
        *0xfff800 = r1e
        """)
    assert "r2e = 0x000028\n" in listing(clock.tail(STEPS, Label("turn")))


def test_kernels_leave_the_counters_alone():
    clock = Clock((STEPS, ROWS), 0xFFF800)
    assert [clock.counters(k) for k in range(6)] == [[], ["r22"], ["r22", "r21"], ["r22", "r21"],
                                                     ["r22"], []]


def test_limits():
    deep = Clock((STEPS, ROWS, Repeat("s", 2, 2, 2, "third")), 0xFFF800)
    with pytest.raises(NeedsRegisters, match="nested 3 deep; there are 2 counters"):
        deep.counters(2)
    clock = Clock((STEPS,), 0xFFF800)
    with pytest.raises(ValueError, match="move 33 pointers; there is room for 32"):
        for i in range(CLOCK_WORDS + 1):
            clock.word(4 * i, 4, Affine(0, (("t", 1),)))
