"""One kernel, whole: what its registers hold as it begins, and which they are."""

from dsplet.firmware_sim.dsp32c.codegen.code import Constants, Ins, Memory
from dsplet.firmware_sim.dsp32c.codegen.instructions import move
from dsplet.firmware_sim.dsp32c.codegen.kernel import link, select
from dsplet.firmware_sim.dsp32c.codegen.time_loops import Clock
from dsplet.quantize.fixed.kernel import Kernel, Loop, Mac, Repeat, Set, Store
from tests.firmware_sim.dsp32c.codegen.listing import A0, listing, text
from tests.firmware_sim.dsp32c.codegen.test_instruction_selection import Layout, ref

COPY = (Loop("i", 40, (Set("d", ref("x", i=1)), Store(ref("y", i=1), "d"))),)


def compiled(body: tuple, previous: Ins | None = None,
             clock: Clock | None = None) -> str:
    before = [previous] if previous else []
    code = select(Kernel("k", "n", "Op", body), Layout(), Constants(), [])
    return listing(link(code, Layout(), clock or Clock((), 0), before, 0, [], {}, {}))


def test_pointers_begin_where_their_first_element_is():
    """Three instructions at least before anything reads what the last kernel stored (7); the `do`
    is one."""
    assert compiled(COPY) == text("""
        k:
        r1e = 0x002000
        r2e = 0x002000
        do 0,39
        *r2++ = a0 = *r1++
        """)


def test_the_pointer_that_the_last_kernel_stored_through_is_set_last():
    last = move(A0, Memory("r4")).storing(Memory("r1", "++"))
    assert "k:\nr2e = 0x002000\nr1e = 0x002000\n" in compiled(COPY, last)


def test_a_pointer_that_moves_with_time_is_loaded():
    """Its register has it one instruction later (7)."""
    clock = Clock((Repeat("t", 9, 0, 0, "n"),), 0xFFF800)
    body = (Set("d", ref("x", t=1)), Store(ref("y", t=1), "d"))
    assert compiled(body, clock=clock) == text("""
        k:
        nop
        r1e = *0xfff800
        r2e = *0xfff800
        nop
        *r2 = a0 = *r1
        """)


def test_counters_and_increments_have_registers_of_their_own():
    """3,000 turns are two of 1,500, of which the last stands by itself."""
    body = (Loop("i", 3000, (Mac("acc", ref("x", i=2), ref("w", i=3)),)),)
    assert compiled((Set("acc", ref("b")), *body, Store(ref("y"), "acc"))) == text("""
        k:
        r1e = 0x002000
        r2e = 0x002000
        r3e = 0x002000
        r4e = 0x002000
        r15e = 0x000008
        r16e = 0x00000c
        a0 = *r1
        r20 = 0
        k_0:
        do 0,1498
        a0 = a0 + *r2++r16 * *r3++r15
        if (r20-- >= 0) goto k_0
        a0 = a0 + *r2++r16 * *r3++r15
        *r4 = a3 = a0
        """)
