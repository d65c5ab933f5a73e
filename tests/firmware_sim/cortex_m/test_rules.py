"""Each timing rule on a program of a few instructions: cycles by hand from the manual's rules, or
from what published counts say beyond them (docs/targets.md)."""

from __future__ import annotations

import pytest

from tests.firmware_sim.cross.assembled import core_of, cycles, needs_arm

pytestmark = needs_arm
M4 = {
    "a load": ("ldr r0, [r4]", [2]),
    "a pair of loads": ("ldr r0, [r4]; ldr r1, [r4, #4]", [2, 1]),
    "a triple of loads": ("ldr r0, [r4]; ldr r1, [r4, #4]; ldrb r2, [r5, #1]", [2, 1, 1]),
    "a load then a store": ("ldr r0, [r4]; str r0, [r5]", [2, 1]),
    "a store then a load": ("str r0, [r4]; ldr r1, [r5]", [1, 3]),
    "a store after a store": ("str r0, [r4]; str r1, [r4, #4]", [1, 2]),
    "a store indexed by a register": ("str r0, [r4, r5]", [2]),
    "a store indexed by a register after a load": ("ldr r0, [r4]; str r0, [r4, r5]", [2, 1]),
    "an address that was just loaded": ("ldr r4, [r4]; ldr r0, [r4]", [2, 2]),
    "an address that was just computed": ("adds r4, #4; ldr r0, [r4]", [1, 3]),
    "an index that was just computed": ("adds r5, #4; strb r0, [r4, r5]", [1, 3]),
    "a comparison computes no address": ("cmp r4, #4; ldr r0, [r4]", [1, 2]),
    "a base update after a load": ("ldr r0, [r4]; ldr r1, [r5], #4", [2, 2]),
    "a load after a base update": ("ldr r0, [r4], #4; ldr r1, [r5]", [2, 1]),
    "from the base just updated": ("ldr r0, [r4], #4; ldr r1, [r4]", [2, 2]),
    "from the base a store updated": ("str r0, [r4], #4; ldr r1, [r4]", [1, 3]),
    "several loads": ("ldmia r4, {r0, r1, r2}", [4]),
    "several stores": ("push {r4, r5, r6, lr}", [5]),
    "several after a store": ("str r0, [r4]; ldmia r5!, {r0, r1}", [1, 4]),
    "a load after several": ("ldmia r4, {r0, r1}; ldr r2, [r5]", [3, 3]),
    "a double load": ("ldrd r0, r1, [r4]", [4]),
    "a double store after a store": ("str r0, [r4]; strd r0, r1, [r5]", [1, 5]),
    "no ride on arithmetic": ("ldr r0, [r4]; adds r1, #1; ldr r2, [r4, #4]", [2, 1, 2]),
    "products": ("mul r0, r1, r2; mla r0, r1, r2, r3; smull r0, r1, r2, r3", [1, 1, 1]),
    "products in pairs": ("smlad r0, r1, r2, r0; smlabb r0, r1, r2, r0; smlald r0, r1, r2, r3",
                          [1, 1, 1]),
    "a jump": ("1: b 1b", [2]),
    "a call": ("1: bl 1b", [2]),
    "a return": ("bx lr", [3]),
    "a return from the stack": ("pop {r4, r5, pc}", [7]),
    "a conditional jump, not taken and taken": ("1: beq 1b; bne 1b", [1, 3]),
    "a jump on a register": ("1: cbz r0, 2f; nop; 2: bx lr", [1, 1, 3]),
    "a jump by a table": ("tbb [pc, r0]", [6]),
    "if then is folded": ("cmp r0, #0; it lt; movlt r0, #0; nop", [1, 0, 1, 1]),
    "a return that is skipped": ("it eq; popeq {r4, pc}; it ne; bxne lr; nop", [0, 1, 0, 1, 1]),
    "words in place": ("add.w r0, r0, #1; add.w r1, r1, #1; add.w r2, r2, #1; nop", [1, 1, 1, 1]),
    "three words across fetches wait once": (
        "nop; " * 3 + "add.w r0, r0, #1; add.w r1, r1, #1; add.w r2, r2, #1", [1] * 5 + [2]),
    "six of them wait once, too": (
        "nop; " * 3 + "; ".join(["add.w r0, r0, #1"] * 6), [1] * 5 + [2, 1, 1, 1]),
    "two of them do not": ("nop; " * 3 + "add.w r0, r0, #1; add.w r1, r1, #1", [1] * 5),
}


INTO = "nop; add.w r0, r0, #1; nop", "nop; adds r0, #1; nop"
TEXTS = [*(text for text, _ in M4.values()), *INTO]


@pytest.mark.parametrize("text, expected", M4.values(), ids=M4)
def test_cortex_m4(text, expected):
    assert cycles("cortex-m4", TEXTS, text) == expected


def test_a_jump_into_the_middle_of_a_fetch():
    """A word that lies across two fetches waits for the second; a short instruction does not."""
    assert [cycles("cortex-m4", TEXTS, text, skip=1) for text in INTO] == [[2, 1], [1, 1]]


M3 = {
    "products": ("mul r0, r1, r2; mla r0, r1, r2, r3; mls r0, r1, r2, r3", [1, 2, 2]),
    "long products": ("umull r0, r1, r2, r3; smlal r0, r1, r2, r3", [4, 5]),
    "loads ride as on the M4": ("ldr r0, [r4]; ldr r1, [r4, #4]; str r1, [r5]", [2, 1, 1]),
}


@pytest.mark.parametrize("text, expected", M3.values(), ids=M3)
def test_cortex_m3(text, expected):
    assert cycles("cortex-m3", [text for text, _ in M3.values()], text) == expected


M0_PLUS = {
    "loads and stores ride on nothing": ("ldr r0, [r4]; ldr r1, [r4, #4]; str r1, [r5]", [2, 2, 2]),
    "a product": ("muls r0, r1", [1]),
    "several": ("push {r4, r5, lr}; ldmia r4!, {r0, r1}", [4, 3]),
    "a return from the stack": ("pop {r4, r5, pc}", [6]),
    "jumps": ("1: beq 1b; b 1b", [1, 2]),
    "a call": ("1: bl 1b", [3]),
    "a return": ("bx lr", [2]),
}


@pytest.mark.parametrize("text, expected", M0_PLUS.values(), ids=M0_PLUS)
def test_cortex_m0_plus(text, expected):
    assert cycles("cortex-m0plus", [text for text, _ in M0_PLUS.values()], text) == expected


def test_the_other_multiplier():
    assert cycles("cortex-m0plus", ["muls r0, r1"], "muls r0, r1", multiply=32) == [32]


INTERVALS = {  # greatest, least
    "cortex-m7": {
        "ldr r0, [r4]; adds r1, #1; smlad r0, r1, r2, r0; str r0, [r4]; 1: bne 1b": (
            [2, 1, 2, 3, 7], [1, 0, 1, 0, 1]),
        "ldmia r4, {r0, r1, r2}; udiv r0, r1, r2; pop {r4, pc}": ([5, 12, 10], [3, 1, 2])},
    "cortex-m33": {
        "ldr r0, [r4]; adds r1, #1; smlad r0, r1, r2, r0; str r0, [r4]; 1: bne 1b": (
            [3, 1, 2, 2, 4], [1, 0, 1, 1, 1]),
        "ldmia r4, {r0, r1, r2}; udiv r0, r1, r2; pop {r4, pc}": ([6, 12, 8], [4, 2, 4])},
}


@pytest.mark.parametrize("core", INTERVALS)
def test_cores_of_which_no_table_is_published(core):
    """Pairs of any instructions on the M7, of short ones on the M33."""
    texts = list(INTERVALS[core])
    least = {name: min(rule.open) for name, rule in core_of(core).rules.items() if rule.open}
    for text, (most, few) in INTERVALS[core].items():
        assert cycles(core, texts, text) == most
        assert cycles(core, texts, text, **least) == few
