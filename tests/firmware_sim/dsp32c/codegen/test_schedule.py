"""Latencies as dsp32c.md 7 has them, and loops as its section 8."""

import pytest

from dsplet.firmware_sim.dsp32c.codegen.code import Label, Memory, Turns
from dsplet.firmware_sim.dsp32c.codegen.instructions import (
    add,
    advance,
    apply,
    load,
    mask,
    move,
    multiply,
)
from dsplet.firmware_sim.dsp32c.codegen.schedule import Scheduler, cycles, latency
from tests.firmware_sim.dsp32c.codegen.listing import A0, A1, A2, A3, listing, text

X, W = Memory("r1", "++", buffer="x"), Memory("r2", "++", buffer="w")
Y = Memory("r3", "++", buffer="y")
MADE = add(A0, A0, X, W)
STORED = move(A0, X).storing(Y)


@pytest.mark.parametrize("prior, ins, slots", [
    (MADE, multiply(A1, A0, X), 3),
    (MADE, multiply(A1, X, A0), 3),
    (MADE, add(A1, X, A0, W), 3),  # a1 = *r1++ + a0 * *r2++, format 1: M is a factor
    (MADE, add(A1, A0, X, W), 0),  # a1 = a0 + *r1++ * *r2++, format 3: M is the addend
    (MADE, add(A1, A0, A2), 0),
    (MADE, add(A1, A2, A0), 3),  # a1 = a2 + a0 is a2 + 1.0 * a0: X goes to the multiplier
    (MADE, apply("ifalt", A1, A0), 0),
    (MADE, add(A1, A1, A0, X, early=True), 0),
    (MADE, multiply(A1, A2, X), 0),
    (STORED, move(A1, Memory("r4", buffer="y")), 4),
    (STORED, load("r5", Memory("r4", buffer="y")), 4),
    (STORED, move(A1, Memory("r4", buffer="z")), 0),
    (STORED, move(A1, X).storing(Y), 0),
    (STORED, advance("r3", 8), 2),
    (STORED, advance("r1", 8), 0),
    (load("r5", X), mask("r5", -4), 2),
    (load("r5", X), move(A0, Memory("r5")), 2),
    (load("r5", X), advance("r6", "r5"), 2),
    (load("r5", X), move(A0, Memory("r6", "++", "r5")), 2),
    (load("r5", X), advance("r1", 4), 0),
    (mask("r5", -4), move(A0, Memory("r5")), 0)])
def test_latency(prior, ins, slots):
    assert latency(prior, ins) == slots


def scheduled(*code) -> str:
    return listing(Scheduler("k").run(list(code)))


def test_nops_fill_what_other_work_does_not():
    assert scheduled(MADE, add(A2, A2, A3), multiply(A1, A0, X)) == text("""
        a0 = a0 + *r1++ * *r2++
        a2 = a2 + a3
        nop
        a1 = a0 * *r1++
        """)


def test_latencies_hold_across_the_turn_of_a_loop():
    """a0 is made last and multiplied first: two slots between, in the loop."""
    assert scheduled(Turns("i", 10, [multiply(A1, A0, X), MADE])) == text("""
        do 3,9
        nop
        nop
        a1 = a0 * *r1++
        a0 = a0 + *r1++ * *r2++
        """)


def test_what_a_do_cannot_hold_is_counted():
    """`do` has at most 32 instructions and 2,048 turns. A counter that begins with c gives c + 2
    turns; the instruction after the branch is executed whether or not it branches."""
    assert scheduled(Turns("i", 3, [MADE, Label("here"), STORED])) == text("""
        count0 = 1
        k_0:
        a0 = a0 + *r1++ * *r2++
        here:
        if (count0-- >= 0) goto k_0
        *r3++ = a0 = *r1++
        """)
    assert scheduled(Turns("i", 2048, [MADE])).startswith("do 0,2047\n")
    assert scheduled(Turns("i", 2049, [MADE])).startswith("count0 = 2047\n")
    assert scheduled(Turns("i", 5, 32 * [MADE])).startswith("do 31,4\n")
    assert scheduled(Turns("i", 5, 33 * [MADE])).startswith("count0 = 3\n")


def test_a_loop_in_a_loop():
    """Each depth has a counter; a loop leaves nothing for the delay slot of the one around it."""
    inner = Turns("i", 3000, [MADE])
    assert scheduled(Turns("j", 7, [STORED, inner])) == text("""
        count0 = 5
        k_0:
        *r3++ = a0 = *r1++
        count1 = 2998
        k_1:
        if (count1-- >= 0) goto k_1
        a0 = a0 + *r1++ * *r2++
        if (count0-- >= 0) goto k_0
        nop
        """)


def test_lines_are_counted_as_often_as_loops_turn():
    """The counter, and 5 turns of: a do, its 7 turns of a product, the branch and what stands in
    its slot, idle where all is in the do."""
    products = Turns("j", 7, [add(A0, A0, X, W, mac=True)])
    assert cycles(Scheduler("k").run([Turns("i", 5, [products])])) == 1 + 5 * (1 + 7 + 1 + 1)
    assert cycles(Scheduler("k").run([Turns("i", 5, [products, move(A1, X)])])) == (
        1 + 5 * (1 + 7 + 1 + 1))
