"""Looking into memory between two instructions, as it will be once the stores on their way land."""

import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from tests.firmware_sim.dsp32c.seen import engines

BOARD = targets.get("dsp32c-40", "1989")
SOURCE = """
        r1e = x ; r2e = full ; r3e = half ; r4e = low
        dauc = 12
        a0 = *r1
        a1 = *r1
        *r2 = a0 = a0
        *r3 = a1 = int(a1)
        *r4 = a0 = oc(a0)
        3*nop
        org 0x800
x:      float 300
full:   word 0x11111111
after:  int 0x2222
half:   int 0x3333
end:    byte 0x44
low:    byte 0x55
        int 0x6666
"""
WORD, NEXT, LAST = 0x804, 0x808, 0x80C
THEN = (0x16000088, 0x012C2222, 0x6666FF44)
"""300 as a float; its integer, 0x12c, in the upper half; the byte that it saturates to."""


@pytest.mark.parametrize("which", range(3))
def test_stores_on_their_way_are_seen_and_stay_on_their_way(which):
    chips = [Machine(BOARD), *engines(BOARD)]
    if which >= len(chips):
        pytest.skip("an engine cannot be had here")
    chip = chips[which]
    code = assemble(SOURCE)
    code.load(chip.memory)
    chip.reset()

    def memory(address: int) -> int:
        return int.from_bytes(chip.memory[address:address + 4].tobytes(), "little")

    for _ in range(10):
        chip.step()
    before = tuple(map(memory, (WORD, NEXT, LAST)))
    assert before == (0x11111111, 0x33332222, 0x66665544)
    states = chip.states
    assert tuple(map(chip.peek, (WORD, NEXT, LAST))) == THEN
    assert tuple(map(memory, (WORD, NEXT, LAST))) == before and chip.states == states
    for landed in (1, 2, 3):
        chip.step()
        assert tuple(map(memory, (WORD, NEXT, LAST))) == THEN[:landed] + before[landed:]
        assert tuple(map(chip.peek, (WORD, NEXT, LAST))) == THEN
