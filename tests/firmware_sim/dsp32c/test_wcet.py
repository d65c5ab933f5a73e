"""The worst case: by hand from docs/dsp32c.md, and against the machine on random programs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.sim.engine import fastest
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.firmware_sim.dsp32c.wcet import Unbounded, bound, of_image
from dsplet.quantize.fixed.program import lower
from tests.each import each
from tests.firmware_sim.dsp32c import branching, networks
from tests.firmware_sim.dsp32c.images import compile_program
from tests.firmware_sim.dsp32c.programs import put
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.samples import samples

FLAT = targets.get("dsp32c-40", "flat")
BOARD = targets.get("dsp32c-40", "1991")


def waiting(target, states: int):
    """The target with that many wait states in all external memory."""
    regions = tuple(replace(r, wait_states=states, programmed="") for r in target.board.regions)
    return replace(target, board=replace(target.board, name=f"{states}-wait", regions=regions))


TARGETS = [FLAT, waiting(FLAT, 1), waiting(FLAT, 2).with_assumptions(wait_stalls_machine=False),
           FLAT.with_assumptions(bank_busy_states=3), waiting(FLAT, 1).with_assumptions(
               slot_order="IYZX")]


def worst(source: str, target=FLAT, tables=lambda pc: ()):
    assembly = assemble(source)
    return bound(target, assembly.words.get, 0, assembly.labels["halt"], tables)


def test_a_do_loop_by_hand():
    """Fetches from RAM2 (bank 2), X in RAM0, Y in RAM1: no conflict (dsp32c.md 4.4, the rule)."""
    found = worst("""r1e = 0x800
                     r2e = 0xfff800
                     do 0,98
                     a0 = a0 + *r2++ * *r1++
                     halt: nop""")
    assert found.states == 4 * (3 + 99)
    assert found.exact


def test_operands_in_one_bank_by_hand():
    """Table of dsp32c.md 4.4: X and Y in one bank take 5 states, in the bank of the code 6."""
    assert worst("""r1e = 0x800
                    r2e = 0xc00
                    do 0,98
                    a0 = a0 + *r2++ * *r1++
                    halt: nop""").states == 4 * 3 + 5 * 99
    assert worst("""r1e = 0x400
                    r2e = 0x600
                    do 1,98
                    a0 = a0 + *r2 * *r1
                    a0 = a0 + *r2++ * *r1++
                    halt: nop""").states == 4 * 3 + 6 * 2 * 99


def test_a_loop_of_one_instruction_fetches_it_once():
    program = """r1e = 0x400
                 r2e = 0x600
                 do 0,98
                 a0 = a0 + *r2++ * *r1++
                 halt: nop"""
    assert worst(program).states == 4 * 3 + 6 + 5 * 98
    assert worst(program, FLAT.with_assumptions(caches_do_of_one=False)).states == 4 * 3 + 6 * 99


def test_counted_branch_by_hand():
    """Entered with count c the body runs c + 2 times, one delay slot each (dsp32c.md 6, 8)."""
    found = worst("""r20 = 5
                     top: nop
                     if (r20-- >= 0) goto top
                     nop
                     halt: nop""")
    assert found.states == 4 * (1 + 3 * 7)


def test_loops_in_loops_are_multiplied():
    found = worst("""r20 = 1000
                     outer: r21 = 500
                     inner: do 3,r22
                     4*nop
                     if (r21-- >= 0) goto inner
                     nop
                     if (r20-- >= 0) goto outer
                     nop
                     halt: nop""")
    inner = 1 + 4 + 2
    assert found.states == 4 * (1 + 1002 * (1 + 502 * inner + 2))


def test_pointers_cross_into_slower_memory():
    """RAM0 ends at 0x1000; beyond it lies external memory, here with one wait state."""
    found = worst("""r1e = 0xfc0
                     do 0,31
                     a0 = *r1++
                     halt: nop""", waiting(FLAT, 1))
    assert found.states == 4 * (2 + 32) + 16


def test_the_longer_path_counts_and_the_branch_is_named():
    source = """a0 = *r1
                3*nop
                if (alt) goto short
                nop
                5*nop
                short: nop
                halt: nop"""
    found = worst(source)
    assert found.states == 4 * (4 + 2 + 5 + 1)
    assert found.forks == (16,) and not found.exact


def test_a_loop_that_data_may_leave_is_counted_to_its_end():
    found = worst("""r20 = 8
                     r1e = 0x800
                     top: a0 = *r1++
                     3*nop
                     if (alt) goto out
                     nop
                     if (r20-- >= 0) goto top
                     nop
                     out: nop
                     halt: nop""")
    assert found.states == 4 * (2 + 10 * 8 + 1)


def test_a_table_read_may_go_anywhere_unless_it_is_known_to_stay():
    source = """r1e = 0x2000
                r2e = 0xfff900
                r3e = *r1
                nop
                r3e = r3e + r2e
                a0 = *r3
                halt: nop"""
    somewhere = worst(source, waiting(FLAT, 2))
    assert somewhere.guesses == (20,)
    table = worst(source, waiting(FLAT, 2), tables=lambda pc: ((0xFFF800, 0xFFFA00),))
    assert table.indexed == (20,) and table.exact
    assert somewhere.states - table.states == 2


@pytest.mark.parametrize("source, reason", [
    ("top: a0 = *r1\n3*nop\nif (alt) goto top\nnop\nhalt: nop", "turns as often as the data say"),
    ("top: goto top\nnop\nhalt: nop", "or for ever"),
    ("r1e = *2048\nnop\ngoto r1\nnop\nhalt: nop", "an address that depends on the data"),
    ("r1e = *2048\nnop\n*r1 = r3\nhalt: nop", "may store over the instruction"),
    ("r1e = 0\nnop\n*r1 = a0 = a0\nhalt: nop", "may store over the instruction at 0x000000"),
    ("goto 0x700\nnop\nhalt: nop", "no instruction there"),
    ("do 0,3\ngoto 0\nhalt: nop", "inside a `do`"),
    ("ireturn\nhalt: nop", "an interrupt return"),
    ("r2e = *2048\nr1e = 0x900\n*r1++r2r = r3\nhalt: nop", "not understood"),
    ("r1 = ibuf\nhalt: nop", "an I/O register other than pcw"),
])
def test_what_cannot_be_bounded_is_refused(source, reason):
    with pytest.raises(Unbounded, match=reason) as refused:
        worst(source)
    assert "0x000" in str(refused.value)


def test_a_call_returns_to_where_it_came_from():
    found = worst("""call sub (r14)
                     nop
                     call sub (r14)
                     nop
                     halt: nop
                     org 0x80
                     sub: 3*nop
                     return (r14)
                     nop""")
    assert found.states == 4 * (4 + 2 * 5)


STEPWISE = """r1e = {start}
              *0xfff900 = r1e
              r20 = 38
              top: nop
              r1e = *0xfff900
              r2e = 0xc00
              *r1 = a0 = a0
              2*nop
              r1e = *0xfff900
              nop
              r1e = r1e + 4
              if (r20-- >= 0) goto top
              *0xfff900 = r1e
              halt: nop"""


def test_a_pointer_kept_in_memory_is_followed():
    """40 words from 0xfc0 on: 16 in RAM0, 24 beyond it, where writing waits a state."""
    source = STEPWISE.format(start="0xfc0")
    slow, fast = worst(source, waiting(FLAT, 2)), worst(source)
    assert slow.exact and slow.states - fast.states == 24 * 2


def test_a_pointer_that_may_be_stored_over_is_not_relied_on():
    """Stores sweep through the word that the pointer is kept in, in the 16th turn."""
    with pytest.raises(Unbounded, match="may store over the instruction"):
        worst(STEPWISE.format(start="0xfff8c4"))


def measured(words: dict[int, int], halt: int, target, seed: int) -> int:
    machine = fastest(target)[0]
    machine.strict = False
    for address, word in words.items():
        put(machine, address, [word])
    for address in (0x800, 0xFFF800, branching.DATA, 0x2000):
        put(machine, address, branching.inputs(seed))
    machine.reset(0)
    return machine.run(halt, 20_000_000).states


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(branching.program(data=False), st.sampled_from(TARGETS))
def test_without_data_in_control_it_is_what_the_machine_takes(drawn, target):
    words, halt = drawn
    found = bound(target, words.get, 0, halt)
    assert found.states == measured(words, halt, target, 0)
    assert sum(found.spent.values()) == found.states
    assert found.exact


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(branching.program(data=True), st.sampled_from(TARGETS))
def test_no_data_take_longer(drawn, target):
    words, halt = drawn
    try:
        found = bound(target, words.get, 0, halt)
    except Unbounded as refused:  # a pointer that the paths moved by different amounts
        assert "may store over" in str(refused)
        return
    taken = [measured(words, halt, target, seed) for seed in range(6)]
    assert max(taken) <= found.states
    if found.exact:
        assert set(taken) == {found.states}


BOARDS = [targets.get("dsp32c-40", "1989"), targets.get("dsp32c-40", "slow"), waiting(BOARD, 1)]


def assert_exact(graph, target, xs):
    image = compile_program(lower(graph), target)
    found, run = of_image(image), Simulator(image)(*xs)
    assert found.states == run.cycles.max() * target.states_per_cycle
    assert found.exact


@pytest.mark.slow
@pytest.mark.parametrize("target", BOARDS)
@each("graph", GRAPHS)
def test_every_op_takes_its_worst_case(graph, target):
    assert_exact(graph, target, samples(graph, 2))


KEPT = """r1e = 0x900
*0x940 = r1e
r3 = 5
top: r2e = *0x940
nop
*r2++ = a0 = a0
{between}
r2e = *0x940
r4e = 8
r2e = r2e + r4e
*0x940 = r2e
if (r3-- >= 0) goto top
nop
halt: nop"""


def test_a_pointer_that_a_turn_leaves_in_memory_is_followed():
    source = KEPT.format(between="4*nop")
    code, found = assemble(source), worst(source)
    assert found.exact
    assert found.states == measured(code.words, code.labels["halt"], FLAT, 0)


@pytest.mark.parametrize("between", ["r5e = 0x940\n*r5 = a0 = a0\n4*nop",
                                     "r5e = 0x942\n*r5 = r3\n4*nop",
                                     "r6e = *0x900\nnop\n*r6 = r3\n4*nop",
                                     "r5e = 0x940\n*r5 = a0 = a0"])
def test_a_pointer_that_something_is_stored_over_is_not(between):
    with pytest.raises(Unbounded, match="may store over the instruction"):
        worst(KEPT.format(between=between))


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.board.name)
@pytest.mark.parametrize("stack", [networks.tiny, networks.zip_like, pytest.param(
    networks.lenet_like, marks=pytest.mark.slow)])
def test_a_network_takes_its_worst_case(stack, target):
    network = stack()
    assert_exact(network.graph(), target, [network.samples(3)])
