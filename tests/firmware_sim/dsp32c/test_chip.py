"""The chip around its instructions: companding, programmed wait states, the host, assumptions.

Each test runs on the machine and, where there is a C compiler, on the engine.
"""

import shutil

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import BadAssumption
from dsplet.firmware_sim.dsp32c.isa import floats, g711
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.parts.target import programmed_waits
from dsplet.firmware_sim.dsp32c.sim.engine import Engine
from dsplet.firmware_sim.dsp32c.sim.host import HostError
from dsplet.firmware_sim.dsp32c.sim.machine import Machine

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
@pytest.mark.parametrize("dauc, law", [(0, False), (1, True), (2, False), (3, True)])
def test_ic_expands_every_byte(simulator, dauc, law):
    chip = simulator(targets.get("dsp32c-50"))
    chip.host_write(0x1000, np.arange(256, dtype=np.uint8).view(np.uint32))
    code = assemble(f"dauc = {dauc} ; r1e = 0x1000 ; r2e = 0x2000\ndo 0,255\n"
                    "*r2++ = a0 = ic(*r1++)\nhalt: goto halt ; nop")
    chip.host_load(code.segments)
    chip.run(code.labels["halt"])
    assert floats.from_words(chip.host_read(0x2000, 256)).tolist() == [
        g711.expand(byte, law) for byte in range(256)]


@every_simulator
@pytest.mark.parametrize("dauc, law", [(0, False), (2, True)])
def test_oc_rounds_and_compresses(simulator, dauc, law):
    values = [*range(-9000, 9000, 71), 0.5, -0.5, 1.5, 40000, -40000]
    chip = simulator(targets.get("dsp32c-50"))
    chip.host_write(0x1000, floats.to_words(values))
    code = assemble(f"dauc = {dauc} ; r1e = 0x1000 ; r2e = 0x3000\ndo 0,{len(values) - 1}\n"
                    "*r2++ = a0 = oc(*r1++)\nhalt: goto halt ; nop")
    chip.host_load(code.segments)
    chip.run(code.labels["halt"])
    assert chip.memory[0x3000:0x3000 + len(values)].tolist() == [
        g711.compress(int(np.floor(value + 0.5)), law) for value in values]


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
        target = targets.get("dsp32c-40").with_assumptions(slot_order=order)
        chip = run(simulator, "do 0,9\na0 = a0 + *r2 * *r1", target, r1=0x400, r2=0x800)
        lost[order] = sum(chip.profile().stalls["bank"].values())
    assert lost == {"IXYZ": 10, "IYXZ": 0, "IZXY": 0}
