"""Which assumptions about the chip can matter to a program: of what its code or its board has.

    bank_busy_states, slot_order, adder_truncates   any program
    wait_stalls_machine    memory that has wait states, or that pcw gives some
    caches_do_of_one       a `do 0,n`
    halves_mu_law          `ic` or `oc` under a dauc of mu-law
    truncation_floors      a dauc with bit 4
    converts_upper_bits    `ic`, `float` or `float24` of an accumulator
    taps_are_live          format 2 with an accumulator as Y

Read off the instructions, whether they are executed or not; a program sets dauc by literals only.
"""

from __future__ import annotations

from collections.abc import Iterable

from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.operands import FUNCTIONS
from dsplet.firmware_sim.dsp32c.isa.table import Fields, Instruction
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.sim.machine import CONTROL

ALWAYS = {"bank_busy_states", "slot_order", "adder_truncates"}
IC, OC = FUNCTIONS["ic"], FUNCTIONS["oc"]
CONVERSIONS = {IC, FUNCTIONS["float"], FUNCTIONS["float24"]}
MU_LAW = {IC: 0b0101, OC: 0b1010}
"""Bits of dauc that are clear where the function works by mu-law [dsp32c.md 2]."""


def concerns(target: Target, words: Iterable[int]) -> frozenset[str]:
    """Names of the switches that can change cycles or integers of a program. words: its
    instructions, the first executed first. ValueError where one is none."""
    code = [_decoded(word) for word in words]
    functions = [f for row, f in code if row.format == "DA 5"]
    daucs = _daucs(code)
    found = {
        "wait_stalls_machine": any(r.wait_states or r.programmed for r in target.regions),
        "caches_do_of_one": any(row.format in ("3b", "3c") and f.K == 0 for row, f in code),
        "halves_mu_law": any(f.G in MU_LAW and not dauc & MU_LAW[f.G]
                             for f in functions for dauc in daucs),
        "truncation_floors": any(dauc & 16 for dauc in daucs),
        "converts_upper_bits": any(f.G in CONVERSIONS and f.Y < 4 for f in functions),
        "taps_are_live": any(row.format == "DA 2" and f.Y < 4 for row, f in code),
    }
    return frozenset(ALWAYS | {name for name, matters in found.items() if matters})


def _decoded(word: int) -> tuple[Instruction, Fields]:
    decoded = TABLE.decode(word)
    if decoded is None:
        raise ValueError(f"{word:#010x} is no instruction")
    return decoded


def _daucs(code: list[tuple[Instruction, Fields]]) -> set[int]:
    """What dauc may be where it matters: 0 as after reset, unless the program sets it first."""
    daucs = {f.N for row, f in code if _sets_dauc(row)}
    for row, f in code:
        if _sets_dauc(row):
            return daucs
        if row.format in CONTROL or (row.format == "DA 5" and f.G in MU_LAW):
            break
    return daucs | {0}


def _sets_dauc(row: Instruction) -> bool:
    return row.spelling.startswith("dauc")
