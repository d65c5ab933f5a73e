"""The chip around its instructions: companding, programmed wait states, the host, assumptions.

Each test runs on the machine and, where there is a C compiler, on the engine.
"""

import shutil
from itertools import product

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import BadAssumption
from dsplet.firmware_sim.dsp32c.isa import floats, g711
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.parts.target import programmed_waits
from dsplet.firmware_sim.dsp32c.sim.engine import Engine
from dsplet.firmware_sim.dsp32c.sim.host import HostError
from dsplet.firmware_sim.dsp32c.sim.machine import IllegalSequence, Machine, MachineError

SIMULATORS = [Machine, *([Engine] if shutil.which("cc") or shutil.which("gcc") else [])]
every_simulator = pytest.mark.parametrize("simulator", SIMULATORS)
SLOW = targets.get("dsp32c-40", board="slow")


def run(simulator, source: str, target=SLOW, **registers):
    code = assemble(source + "\nhalt: goto halt ; nop")
    chip = simulator(target)
    chip.host_load(code.segments)
    for name, value in registers.items():
        chip.set_register(name, value)
    chip.run(code.labels["halt"], 100_000)
    return chip


# ---- companding [ITU-T G.711, tables 1a and 2a] ----

@pytest.mark.parametrize("code, a_law, value", [
    (0x80, False, 8031), (0x00, False, -8031), (0xFF, False, 0), (0x7F, False, 0),
    (0xFE, False, 2), (0xEF, False, 33), (0x8F, False, 4191), (0xAA, True, 4032),
    (0x2A, True, -4032), (0xD5, True, 1), (0x55, True, -1), (0xD4, True, 3), (0xC5, True, 33)])
def test_expansion(code, a_law, value):
    assert g711.expand(code, a_law) == value


@pytest.mark.parametrize("a_law", [False, True])
def test_compression_is_the_way_back_and_rises(a_law):
    for code in range(256):
        value = g711.expand(code, a_law)
        assert g711.compress(value, a_law) == code or (value == 0 and not a_law)
    values = [-99999, *range(-8200, 8200), 99999]
    found = [g711.expand(g711.compress(value, a_law), a_law) for value in values]
    top = 4032 if a_law else 8031
    assert found == sorted(found) and (found[0], found[-1]) == (-top, top)
    assert all(abs(f - v) <= (abs(v) + 33) / 16 for v, f in zip(values, found, strict=True)
               if abs(v) <= top)


@every_simulator
@pytest.mark.parametrize("halves", [True, False])
@pytest.mark.parametrize("dauc, law", [(0, False), (1, True), (2, False), (3, True)])
def test_ic_expands_every_byte(simulator, dauc, law, halves):
    chip = simulator(targets.get("dsp32c-50").with_assumptions(halves_mu_law=halves))
    chip.host_write(0x1000, np.arange(256, dtype=np.uint8).view(np.uint32))
    code = assemble(f"dauc = {dauc} ; r1e = 0x1000 ; r2e = 0x2000\ndo 0,255\n"
                    "*r2++ = a0 = ic(*r1++)\nhalt: goto halt ; nop")
    chip.host_load(code.segments)
    chip.run(code.labels["halt"])
    scale = 0.5 if halves and not law else 1
    assert floats.from_words(chip.host_read(0x2000, 256)).tolist() == [
        scale * g711.expand(byte, law) for byte in range(256)]


@pytest.mark.parametrize("code, value", [(0x80, 4015.5), (0x00, -4015.5), (0xFF, 0), (0xFE, 1),
                                         (0x8F, 16.5 * 2**7 - 16.5), (0xEA, 21.5 * 2 - 16.5)])
def test_mu_law_as_the_successors_manual_has_it(code, value):
    """+-((16.5 + M) * 2^N - 16.5) of a code's inverted bits [dsp32c.md 15]."""
    chip = run(Machine, f"r1e = x ; a0 = ic(*r1) ; goto halt ; nop\nx: byte {code}")
    assert floats.decode_accumulator(chip.a[0]) == value


@every_simulator
@pytest.mark.parametrize("halves", [True, False])
@pytest.mark.parametrize("dauc, law", [(0, False), (2, True)])
def test_oc_rounds_and_compresses(simulator, dauc, law, halves):
    values = [*range(-9000, 9000, 71), 0.5, -0.5, 1.5, 1.25, 40000, -40000, 2.0**126, -(2.0**127)]
    chip = simulator(targets.get("dsp32c-50").with_assumptions(halves_mu_law=halves))
    chip.host_write(0x1000, floats.to_words(values))
    code = assemble(f"dauc = {dauc} ; r1e = 0x1000 ; r2e = 0x3000\ndo 0,{len(values) - 1}\n"
                    "*r2++ = a0 = oc(*r1++)\nhalt: goto halt ; nop")
    chip.host_load(code.segments)
    chip.run(code.labels["halt"])
    assert chip.memory[0x3000:0x3000 + len(values)].tolist() == [
        g711.compress(int(np.floor((2 if halves and not law else 1) * value + 0.5)), law)
        for value in values]


# ---- conversions that the successor's documents know otherwise ----

@every_simulator
@pytest.mark.parametrize("value, floored, cut", [(-1.25, -2, -1), (1.75, 1, 1), (-3, -3, -3),
                                                 (-(2.0**-100), -1, 0), (-0.5, -1, 0)])
def test_truncation_has_a_direction(simulator, value, floored, cut):
    word = floats.encode(value)
    for floors, expected in ((True, floored), (False, cut)):
        chip = run(simulator, "dauc = 16 ; r1e = x ; r2e = y ; *r2 = a0 = int24(*r1)\n"
                   f"goto halt ; nop\nx: word {word}\ny: word 0x77",
                   SLOW.with_assumptions(truncation_floors=floors))
        assert chip.host_read(chip.register("r2"), 1)[0] == expected & 0xFFFFFFFF


@every_simulator
@pytest.mark.parametrize("function, upper, lower", [
    ("float", 0x1234, 0x5680), ("float24", 0x123456, 0x345680), ("ic", 0x12, 0x80)])
def test_conversions_of_an_accumulator(simulator, function, upper, lower):
    for takes_upper, expected in ((True, upper), (False, lower)):
        chip = run(simulator, f"dauc = 4 ; r1e = x ; a0 = *r1 ; a1 = {function}(a0)\n"
                   "goto halt ; nop\nx: word 0x12345680",
                   SLOW.with_assumptions(converts_upper_bits=takes_upper))
        assert floats.decode_accumulator(chip.a[1]) == expected


@every_simulator
def test_taps_of_an_accumulator(simulator):
    """Format 2 stores a0 of three instructions ago, or as it is; format 4 as it is."""
    for live, expected in ((False, [1, 2]), (True, [2, 2])):
        chip = run(simulator, "r1e = x ; r2e = y ; a0 = *r1++ ; 2*nop ; a0 = *r1++\n"
                   "a1 = (*r2++ = a0) * *r1 ; a2 = (*r2 = a0) + *r1\n"
                   "goto halt ; nop\nx: float 1, 2, 4\ny: float 0, 0",
                   SLOW.with_assumptions(taps_are_live=live))
        found = floats.from_words(chip.host_read(chip.register("r2") - 4, 2)).tolist()
        assert (found, floats.decode_accumulator(chip.a[1])) == (expected, 4)


# ---- wait states that pcw programs [dsp32c.md 4.3] ----

@pytest.mark.parametrize("pcw, a, b", [(0x09, 0, 3), (0x0B, 1, 3), (0x1B, 2, 3), (0x3F, 2, 2)])
def test_the_codes_that_programs_use(pcw, a, b):
    assert (programmed_waits("A", pcw), programmed_waits("B", pcw)) == (a, b)


@every_simulator
@pytest.mark.parametrize("pcw, pointer, lost", [
    (0x09, 0x2000, 0), (0x0B, 0x2000, 10), (0x1B, 0x2000, 20), (0x09, 0x600000, 30)])
def test_a_program_sets_its_wait_states(simulator, pcw, pointer, lost):
    chip = run(simulator, f"r5 = {pcw} ; pcw = r5\ndo 0,9\na0 = a0 + *r1 * *r2", r1=pointer,
               r2=0xFFF800)
    assert sum(chip.profile().stalls["wait"].values()) == lost
    assert chip.states == 4 * 13 + lost


@every_simulator
def test_a_pcw_counts_from_the_next_instruction_on_and_until_reset(simulator):
    chip = run(simulator, "r5 = 0x0b ; pcw = r5 ; r6 = *r1 ; nop ; r7 = pcw", r1=0x2000)
    assert chip.profile().stalls["wait"] == {8: 1} and chip.register("r7") == 0x0B
    assert run(simulator, "r7 = pcw").register("r7") == SLOW.pcw
    fixed = run(simulator, "r5 = 0x3f ; pcw = r5 ; r6 = *r1", targets.get("dsp32c-40"), r1=0x2000)
    assert fixed.profile().stalls["wait"] == {}


# ---- the host ----

@every_simulator
def test_the_host_loads_before_time_begins(simulator):
    chip = simulator(SLOW)
    chip.host_write(0x0FF8, [1, 2, 0xFFFFFFFF])  # from RAM0 into MEM A
    assert chip.host_read(0x0FF8, 3).tolist() == [1, 2, 0xFFFFFFFF]
    with pytest.raises(HostError, match="0x700000.*'slow'"):
        chip.host_write(0x700000, [1])
    with pytest.raises(HostError, match="four"):
        chip.host_read(0x802, 1)
    chip.step()
    with pytest.raises(HostError, match="after 4 states"):
        chip.host_write(0x800, [1])
    chip.reset()
    chip.host_write(0x800, [1])


# ---- assumptions ----

@pytest.mark.parametrize("text, name, value", [
    ("bank_busy_states=1", "bank_busy_states", 1), ("bank_busy = 3", "bank_busy_states", 3),
    ("slot_order=IYXZ", "slot_order", "IYXZ"), ("adder_truncates=false", "adder_truncates", False),
    ("wait_stalls_machine=false", "wait_stalls_machine", False)])
def test_assumptions_by_text(text, name, value):
    assert getattr(targets.assume(SLOW, text).assumptions, name) == value


@pytest.mark.parametrize("text", ["bank=1", "bank_busy=7", "slot_order=XYZ", "bank_busy"])
def test_an_unknown_assumption_names_them_all(text):
    with pytest.raises(BadAssumption) as caught:
        targets.assume(SLOW, text)
    for part in (f"'{text}'", "bank_busy_states = 1, 2", "IXYZ", "adder_truncates = true, false"):
        assert part in str(caught.value)


@every_simulator
def test_slot_orders(simulator):
    """Code in RAM2 with X in RAM2: adjacent to the fetch, or not."""
    lost = {}
    for order in ("IXYZ", "IYXZ", "IZXY"):
        target = targets.get("dsp32c-40").with_assumptions(slot_order=order,
                                                           caches_do_of_one=False)
        chip = run(simulator, "do 0,9\na0 = a0 + *r2 * *r1", target, r1=0x400, r2=0x800)
        lost[order] = sum(chip.profile().stalls["bank"].values())
    assert lost == {"IXYZ": 10, "IYXZ": 0, "IZXY": 0}


# ---- flags of a load, one instruction later [dsp32c.md 7, 15.1] ----

@every_simulator
@pytest.mark.parametrize("first, second, taken", [(0, 7, True), (7, 0, False), (0, 0, True)])
def test_a_branch_right_after_two_loads_sees_the_first_ones_flags(simulator, first, second, taken):
    """As in AT&T's mask ROM; r7 counts what is passed over."""
    chip = run(simulator, "r1e = x ; r5 = *r1++ ; r6 = *r1 ; if (eq) goto on ; nop ; r7 = 1\n"
               f"on: nop ; goto halt ; nop\nx: int {first}, {second}")
    assert chip.register("r7") == (not taken)


PIECES = ("r5 = *r1", "r6 = *r1++r15", "r9 = pcw", "r3 = r3 + 1", "nop", "if (eq) goto on",
          "if (true) goto on", "if (eq) goto r5", "if (eq) r4 = r4 + 1", "r4 = r4 >>> 1",
          "if (alt) goto on", "if (r2-- >= 0) goto on", "a0 = *r2")


@pytest.mark.slow
@pytest.mark.skipif(len(SIMULATORS) == 1, reason="no C compiler")
def test_strict_simulators_refuse_the_same():
    """All sequences of three; a branch on late flags may come after two loads alone."""
    machine, engine = (simulator(SLOW) for simulator in SIMULATORS)
    allowed = set()
    for three in product(PIECES, repeat=3):
        code = assemble("r1e = x ; r2e = x ; r3 = 0\n" + "\n".join(three) + "\n3*nop\non: 2*nop\n"
                        "halt: goto halt ; nop\nx: int 5, 5")
        seen = []
        for chip in (machine, engine):
            chip.reset()
            chip.host_load(code.segments)
            try:
                chip.run(code.labels["halt"], 50)
                seen.append((chip.register("r4"), chip.register("r9"), chip.flags, chip.states))
            except IllegalSequence:
                seen.append("refused")
            except MachineError:
                seen.append("elsewhere")
        assert seen[0] == seen[1], three
        if seen[0] != "refused" and three[1] in PIECES[:3] and three[2] == PIECES[5]:
            allowed.add(three[0])
    assert {piece for piece in allowed if "goto" not in piece} == set(PIECES[:3])
