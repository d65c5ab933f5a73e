"""The machine: latencies, flags, timing and refusals, worked by hand from docs/dsp32c.md."""

from dataclasses import replace

import numpy as np
import pytest

from dsplet.base.errors import UserError
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import UnknownTarget
from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.isa.operands import CAU_CONDITIONS, CODES, DAU_CONDITIONS
from dsplet.firmware_sim.dsp32c.parts import Board, Region
from dsplet.firmware_sim.dsp32c.sim import machine
from dsplet.firmware_sim.dsp32c.sim.machine import Machine

FLAT = targets.get("dsp32c-50", board="flat")


def run(source, target=FLAT, strict=True, a=(0, 0, 0, 0), **registers):
    code = assemble(source + "\nhalt: goto halt ; nop")
    m = Machine(target, strict=strict)
    code.load(m.memory)
    m.a = [floats.widen(floats.encode(value)) for value in a]
    for name, value in registers.items():
        m.set_register(name, value)
    m.run(code.labels["halt"], 100_000)
    return m


def value(m, number):
    return float(floats.decode_accumulator(m.a[number]))


# ---- latencies [dsp32c.md 7] ----


@pytest.mark.parametrize("distance, seen", [(1, 2), (2, 2), (3, 7)])
def test_multiplier_sees_an_accumulator_after_three(distance, seen):
    m = run(f"a0 = a1; {distance - 1}*nop; a2 = a3 * a0", a=(2, 7, 0, 1))
    assert value(m, 2) == seen


def test_adder_sees_an_accumulator_at_once():
    assert value(run("a0 = a1; a2 = a0 + a3 * a3", a=(2, 7, 0, 1)), 2) == 8


@pytest.mark.parametrize("distance, seen", [(1, 0), (3, 0), (4, 7)])
def test_store_is_visible_after_four(distance, seen):
    m = run(f"*r1 = a0 = a1; {distance - 1}*nop; a2 = *r1", r1=0x800, a=(0, 7, 0, 0))
    assert value(m, 2) == seen


def test_pending_stores_land_when_the_run_ends():
    m = run("*r1 = a0 = a1", r1=0x800, a=(0, 7, 0, 0))
    assert floats.from_words(m.memory[0x800:0x804].view(np.uint32)).tolist() == [7]
    assert m.states == 4


@pytest.mark.parametrize("distance, last", [(2, 1.0), (3, 1.0), (4, 5.0)])
def test_cau_and_dau_stores_to_one_word(distance, last):
    """Less than four apart the order reverses: the float lands on top."""
    five = floats.encode(5)
    m = run(f"*r1 = a0 = a1; {distance - 1}*nop; *r1 = r2; 4*nop; a3 = *r1", r1=0x800,
            r2=five & 0xFFFF, a=(0, 1, 0, 0))
    word = 0x80 if last == 1.0 else five & 0xFFFF
    assert int(m.memory[0x800:0x804].view(np.uint32)[0]) == word


@pytest.mark.parametrize("distance, taken", [(3, False), (4, True)])
def test_dau_flags_reach_a_goto_after_four(distance, taken):
    m = run(f"a0 = -a1; {distance - 1}*nop; if (alt) goto yes; nop; r2 = 1; yes: nop",
            a=(0, 1, 0, 0))
    assert (m.register("r2") == 0) == taken


def test_early_load_and_z_pointer_reads_see_old_values():
    m = run("r2 = *r1; r3 = r2 + 1; r4 = r2 + 1", strict=False, r1=0x10, r2=100)
    word = int(m.memory[0x10:0x12].view(np.int16)[0])
    assert (m.register("r3"), m.register("r4")) == (101, word + 1 & 0xFFFFFF)
    m = run("*r1++ = a0 = a1; r2e = r1e; r3e = r1e", strict=False, r1=0x800)
    assert (m.register("r2"), m.register("r3")) == (0x800, 0x804)


def test_load_flags_come_after_two():
    source = "r1 = *r2; if (eq) goto zero; nop; if (eq) goto zero; nop; r3 = 1; zero: nop"
    m = run(source, strict=False, r2=0x800)
    assert m.count[0xC] == 1 and m.register("r3") == 0


# ---- illegal sequences ----


@pytest.mark.parametrize("source, first, second", [
    ("r2 = *r1; r3 = r2 + 1", "r2 = *r1", "r3 = r2 + 1"),
    ("r2 = *r1; if (eq) goto 0", "r2 = *r1", "if (eq) goto 0x0"),
    ("*r1++ = a0 = a1; a2 = *r1", "*r1++ = a0 = a1", "a2 = *r1"),
    ("a2 = *r1; *r3 = r2", "a2 = *r1", "*r3 = r2"),
    ("do 1,3; goto 0; nop", "do 1,3", "goto 0x0"),
    ("do 1,3; do 0,2; nop", "do 1,3", "do 0,2"),
])
def test_forbidden_sequences_name_both_instructions(source, first, second):
    with pytest.raises(machine.IllegalSequence) as caught:
        run(source, r1=0x800, r3=0x900)
    assert f"`{first}`" in str(caught.value) and f"`{second}`" in str(caught.value)


@pytest.mark.parametrize("source", [
    "r2 = *r1; nop; r3 = r2 + 1", "*r1++ = a0 = a1; *r1++ = a0 = a1", "*r1 = a0 = a1; a2 = *r1",
    "a2 = *r1; nop; *r3 = r2", "r2 = *r1; r3 = r4 + 1", "a2 = a1; *r3 = r2"])
def test_allowed_neighbours(source):
    run(source, r1=0x800, r3=0x900)


# ---- refusals ----


@pytest.mark.parametrize("source, kind, message", [
    ("word 0xffffffff", machine.IllegalInstruction, "0xffffffff at pc 0x000000"),
    ("r1e = 0x200000; nop; a0 = *r1", machine.BadAccess, "0x200000 at pc 0x000008"),
    ("r1e = 0x802; a0 = *r1", machine.BadAccess, "misaligned 4-byte read of 0x000802"),
    ("r1e = 0x801; *r1 = r2", machine.BadAccess, "misaligned 2-byte write"),
    ("r1e = 0x200000; *r1 = a0 = a1", machine.BadAccess, "Z write of 0x200000"),
    ("goto 0x200000; nop", machine.BadAccess, "instruction fetch of 0x200000"),
    ("here: goto here; nop", machine.LimitExceeded, "100000 instructions"),
    ("ireturn", machine.IllegalInstruction, "interrupt"),
    ("if (ibe) goto 0", machine.IllegalInstruction, "I/O condition"),
    ("a0 = *r1 + ibuf", machine.IllegalInstruction, "ibuf"),
    ("r1 = pdr", machine.IllegalInstruction, "other than pcw"),
])
def test_refusals(source, kind, message):
    with pytest.raises(kind, match=message):
        run(source, targets.get("dsp32c-50"))


# ---- integer flags [dsp32c.md 6] ----


@pytest.mark.parametrize("statement, r1, r2, result, flags", [
    ("r3 = r1 + r2", 0x7FFF, 1, 0xFF8000, "n-v-"),
    ("r3 = r1 + r2", 0xFFFF, 1, 0, "-z-c"),
    ("r3e = r1e + r2e", 0x7FFFFF, 1, 0x800000, "n-v-"),
    ("r3 = r1 - r2", 1, 2, 0xFFFFFF, "n--c"),  # carry is the borrow
    ("r3 = r1 - r2", 0x8000, 1, 0x7FFF, "--v-"),
    ("r3 = -r1", 0, 0, 0, "-z--"),
    ("r3 = -r1", 0x8000, 0, 0xFF8000, "n-vc"),
    ("r3 = r1 * 2", 0x8001, 0, 2, "--vc"),
    ("r3 = r1 >> 1", 0x8001, 0, 0x4000, "---c"),
    ("r3 = r1 / 2", 0x8001, 0, 0xFFC000, "n--c"),
    ("r3 = r1 >>> 1", 1, 0, 0, "-z-c"),
    ("r3 = r1 <<< 1", 0x8000, 0, 0, "-z-c"),
    ("r3 = r1 &~ r2", 0xFF, 0x0F, 0xF0, "----"),
    ("r3 = r1 ^ r2", 0xFF, 0xFF, 0, "-z--"),
    ("r1 - r2", 5, 5, 0, "-z--"),
    ("r1 & 4", 3, 0, 0, "-z--"),
    ("r3e = 0x800000", 0, 0, 0x800000, "----"),  # leaves flags alone
    ("r3 = 255 - r3", 0, 0, 255, "----"),
])
def test_alu(statement, r1, r2, result, flags):
    m = run(statement, r1=r1, r2=r2)
    assert (m.register("r3"), m.flags) == (result, flags)


def test_rotation_goes_through_the_carry():
    m = run("r3 = r1 >> 1; r4 = r2 >>> 1; r5 = r2 <<< 1", r1=1, r2=0)
    assert m.register("r4") == 0xFF8000 and m.register("r5") == 0


@pytest.mark.parametrize("names", [CAU_CONDITIONS[2:], DAU_CONDITIONS])
def test_conditions_come_in_complementary_pairs(names):
    for flags in range(16):
        taken = []
        for name in names:
            code = assemble(f"if ({name}) goto 0x20")
            m = Machine(FLAT)
            code.load(m.memory)
            m.nzvc = m.dnzuv = flags
            m.step()
            m.step()
            taken.append(m.pc == 0x20)
        assert all(a != b for a, b in zip(taken[::2], taken[1::2], strict=True))


@pytest.mark.parametrize("condition, a, b, taken", [
    ("lt", -5, 3, True), ("lt", 3, -5, False), ("ge", -0x8000, 1, False), ("gt", 3, 3, False),
    ("le", 3, 3, True), ("hi", 0xFFFF, 1, True), ("ls", 1, 0xFFFF, True), ("eq", 7, 7, True)])
def test_signed_and_unsigned_comparisons(condition, a, b, taken):
    m = run(f"r1 - r2; if ({condition}) r3 = r3 + 1", r1=a, r2=b)
    assert m.register("r3") == taken


# ---- control ----


def test_do_repeats_and_costs_nothing():
    m = run("do 1,4; r1e = r1e + 1; r2e = r2e + 2")
    assert (m.register("r1"), m.register("r2"), m.states) == (5, 10, 4 * 11)
    assert m.count == {0: 1, 4: 5, 8: 5}


def test_do_count_from_a_register_has_eleven_bits():
    assert run("do 0,r5; r1e = r1e + 1", r5=0x803).register("r1") == 4


@pytest.mark.parametrize("count, taken, after", [
    (0, True, 0xFFFFFF), (1, True, 0), (0x7FFF, True, 0x7FFE), (0x8000, False, 0x7FFF),
    (0xFFFF, False, 0xFFFFFE), (0x120001, True, 0)])  # 16 bits, sign-extended
def test_loop_counter(count, taken, after):
    m = run("if (r5-- >= 0) goto there; nop; r2 = 1; there: nop", r5=count)
    assert (m.register("r2") == 0, m.register("r5")) == (taken, after)


def test_call_links_past_the_delay_slot():
    m = run("call sub (r14); r1 = 1; r2 = 2; goto end; nop; sub: goto r14; r3 = 3; end: nop")
    assert m.register("r14") == 8
    assert [m.register(f"r{n}") for n in (1, 2, 3)] == [1, 2, 3]


# ---- memory timing [dsp32c.md 4.4] ----

RAM2, RAM0, RAM1, EXTERNAL = 0x400, 0x800, 0xFFF800, 0x2000


def steady_states(x, y, z=None, wait_states=0, **assumed):
    """States for each of many multiply-accumulates whose code lies in RAM2."""
    target = targets.get("dsp32c-50").with_assumptions(**assumed)
    if wait_states:
        region = Region("slow", 0x1000, 0x41000, 3, wait_states, True)
        target = replace(target, board=Board("b", (region,), "test"))
    store = "*r3 = " if z else ""
    counts = [run(f"do 0,{n}; {store}a0 = a1 + *r1 * *r2", target, r1=y, r2=x, r3=z or 0).states
              for n in (100, 300)]
    return (counts[1] - counts[0]) / 200


@pytest.mark.parametrize("x, y, z, wait_states, states", [
    (RAM0, RAM1, None, 0, 4),
    (RAM0, RAM2, None, 0, 4),
    (RAM0, RAM0, None, 0, 5),
    (RAM2, RAM0, None, 0, 5),
    (RAM2, RAM2, None, 0, 6),
    (RAM2, RAM2, RAM2, 0, 8),
    (RAM0, EXTERNAL, None, 0, 4),
    (RAM0, EXTERNAL, None, 1, 5),
    (EXTERNAL, EXTERNAL, None, 0, 5),
    (RAM0, RAM1, RAM0, 0, 4),
])
def test_the_published_table(x, y, z, wait_states, states):
    """It counts the fetch of every turn."""
    assert steady_states(x, y, z, wait_states, caches_do_of_one=False) == states


@pytest.mark.parametrize("x, y, z, states", [
    (RAM2, RAM0, None, 4), (RAM2, RAM2, None, 5), (RAM2, RAM2, RAM2, 6), (RAM0, RAM1, RAM2, 4)])
def test_the_one_instruction_of_a_do_is_not_fetched_again(x, y, z, states):
    """The same by hand, without the fetch: the banks' states of X, Y and Z alone."""
    assert steady_states(x, y, z) == states


def test_a_do_of_one_fetches_its_first_turn_and_what_follows():
    """Code in memory of two wait states, data without: one wait a fetch, none in nine turns."""
    slow = replace(targets.get("dsp32c-50"), board=Board("b", (
        Region("slow", 0x1000, 0x41000, 3, 2, True),), "test"))
    m = run("goto there; nop\norg 0x2000\nthere: do 0,9; r5 = r5 + 1; do 1,4; r5 = r5 + 1; nop\n"
            "nop", slow)
    assert m.register("r5") == 15
    assert m.profile().stalls["wait"] == {
        0x2000: 2, 0x2004: 2, 0x2008: 2, 0x200C: 10, 0x2010: 10, 0x2014: 2}


def test_assumptions_are_switches():
    assert steady_states(RAM0, RAM0, bank_busy_states=1) == 4
    assert steady_states(RAM0, EXTERNAL, wait_states=1, wait_stalls_machine=False) == 4
    assert steady_states(RAM2, RAM0, slot_order="IYXZ") == 4  # x is no longer next to the fetch


def test_stalls_are_itemised():
    m = run("do 0,9; a0 = a1 + *r1 * *r2", r1=RAM0, r2=RAM0)
    profile = m.profile()
    assert profile.stalls == {"bank": {4: 10}, "wait": {}}
    assert profile.states == 4 * profile.instructions + 10 == 4 * 11 + 10


# ---- the rest ----


def test_special_functions_select_by_the_last_result():
    m = run("a0 = a1 - a2; a3 = ifalt(a1)", a=(0, 4, 1, 9))
    assert value(m, 3) == 9
    m = run("a0 = a1 - a2; 2*nop; a3 = ifagt(*r1++)", a=(0, 1, 0, 9), r1=0x800)
    assert (value(m, 3), m.register("r1")) == (0, 0x804)
    m = run("a0 = -a1; a3 = ifagt(*r1++)", a=(0, 1, 0, 9), r1=0x800)
    assert (value(m, 3), m.register("r1")) == (9, 0x804)  # the step happens in any case


def test_x_is_read_and_stepped_before_y():
    m = run("org 0x800; float 1, 10, 100; org 0; a0 = *r1++ + a1 * *r1++", r1=0x800,
            a=(0, 2, 0, 0))
    assert value(m, 0) == 10 + 2 * 1


def test_state_access():
    m = Machine(targets.get("dsp32c-40"))
    m.flags, m.dflags = "n-v-", "-ZU-"
    m.set_register("r19", -1)
    m.dauc = 0x35
    assert (m.flags, m.dflags, m.dauc) == ("n-v-", "-ZU-", 0x15)
    assert m.register("r19") == m.r[CODES["r19"]] == 0xFFFFFF
    m.memory[5] = 1
    m.reset(0x40)
    assert (m.flags, m.register("r19"), m.pc, m.memory[5]) == ("----", 0, 0x40, 1)


def test_targets():
    fast, slow = targets.get("dsp32c-50"), targets.get("dsp32c-40", board="1991")
    assert (fast.cycle_ns, slow.cycle_ns, slow.ms(1_000_000)) == (80, 100, 100)
    assert sum(region.bytes for region in fast.on_chip) == 1536 * 4
    assert sum(region.bytes for region in slow.regions if region.external) == 1 << 20
    assert fast.region(0x1000).external and fast.region(0x41000) is None
    with pytest.raises(UnknownTarget, match="dsp32c-40, dsp32c-50"):
        targets.get("dsp56000")
    with pytest.raises(UserError, match="1989"):
        targets.get("dsp32c-40", board="1899")
