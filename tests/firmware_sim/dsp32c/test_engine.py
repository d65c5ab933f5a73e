"""The C engine is the Python machine, compiled here and as WebAssembly: same vectors, same random
programs, same errors."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsplet.base.library import compiler
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.sim import native, wasm
from dsplet.firmware_sim.dsp32c.sim.doors import SWITCHES
from dsplet.firmware_sim.dsp32c.sim.engine import Engine, fastest
from dsplet.firmware_sim.dsp32c.sim.machine import (
    BadAccess,
    IllegalInstruction,
    IllegalSequence,
    LimitExceeded,
    Machine,
)
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.firmware_sim.dsp32c.tools import conformance
from dsplet.firmware_sim.programs import summary
from dsplet.quantize.fixed.program import lower
from tests.firmware_sim.dsp32c import networks, programs
from tests.firmware_sim.dsp32c.images import compile_program
from tests.firmware_sim.dsp32c.seen import engines, same_memory, state

pytestmark = pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")),
                                reason="no C compiler: the engine cannot be built")

CODE, load, outcome = programs.CODE, programs.put, programs.outcome
FLAT = targets.get("dsp32c-50", board="flat")
BOARD = targets.get("dsp32c-40", board="1991")
WAITS = replace(BOARD, board=replace(BOARD.board, regions=tuple(
    replace(region, wait_states=2) for region in BOARD.board.regions)))
TARGETS = [FLAT, BOARD, WAITS, FLAT.with_assumptions(bank_busy_states=3),
           WAITS.with_assumptions(wait_stalls_machine=False),
           FLAT.with_assumptions(adder_truncates=False),
           WAITS.with_assumptions(slot_order="ZXYI"), targets.get("dsp32c-40", board="slow"),
           BOARD.with_assumptions(caches_do_of_one=False),
           WAITS.with_assumptions(caches_do_of_one=False),
           *(FLAT.with_assumptions(**{name: not getattr(FLAT.assumptions, name)})
             for name in SWITCHES[3:])]

# ---------------------------------------------------------------- random programs


PROGRAMS = int(os.environ.get("DSPLET_PROGRAMS", 600))  # as many are run; 10000 take minutes


@cache
def simulators(index: int):
    return [Machine(TARGETS[index]), *engines(TARGETS[index])]


@pytest.mark.slow
@settings(max_examples=PROGRAMS, suppress_health_check=list(HealthCheck))
@given(programs.program(), programs.state(), st.integers(0, len(TARGETS) - 1), st.booleans(),
       st.integers(1, 400))
def test_random_programs_agree(code, start, target, strict, instructions):
    seen = []
    for simulator in simulators(target):
        simulator.strict = strict
        programs.prepare(simulator, code, start)
        seen.append(programs.outcome(simulator, instructions))
    for other in seen[1:]:
        assert other == seen[0], "\n".join(TABLE.show(word) or f"{word:08x}" for word in code)
    if seen[0][0] != "refused":
        assert same_memory(*simulators(target))


@cache
def assumed_pairs():
    other = {name: not getattr(FLAT.assumptions, name) for name in SWITCHES[2:]}
    return [(Machine(target), Engine(target)) for target in (FLAT, FLAT.with_assumptions(**other))]


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(programs.program(programs.ASSUMED), programs.state(), st.booleans())
def test_programs_of_what_is_assumed_agree(code, start, strict):
    """Conversions, taps and loops under either side of their switches: one program in four has a
    conversion, one in six a loop, one in a hundred a truncation that the switch changes."""
    for machine, engine in assumed_pairs():
        seen = []
        for chip in (machine, engine):
            chip.strict = strict
            programs.prepare(chip, code, start)
            seen.append(programs.outcome(chip, 200))
        assert seen[0] == seen[1]
        assert seen[0][0] == "refused" or same_memory(machine, engine)


# ---------------------------------------------------------------- tests

@pytest.mark.parametrize("which", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_conformance_vectors(which):
    if "DSPLET_SHARED" not in os.environ:
        pytest.skip("DSPLET_SHARED is not set: it names the folder that holds conformance/")
    path = Path(os.environ["DSPLET_SHARED"]) / "conformance" / "dsp32c_vectors.json"
    simulator = (engines(FLAT, strict=False) * 2)[which]

    def cleared():
        simulator.memory[:] = 0
        return simulator

    results = conformance.run(path, cleared)
    assert len(results) == 469
    assert summary(results).startswith("469 passed")


def test_a_compiler_has_nothing_to_say():
    done = subprocess.run([*compiler(), *native.FLAGS, "-Wall", "-Wextra", "-fsyntax-only",
                           Path(native.__file__).with_name("engine.c")], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_random_words_are_legal_alike():
    """One word at a time: the same words are refused."""
    rng = np.random.default_rng(1)
    pair = Machine(FLAT, strict=False), Engine(FLAT, strict=False)
    for word in rng.integers(1 << 32, size=1500):
        outcomes = []
        for simulator in pair:
            load(simulator, CODE, [word])
            simulator.reset(CODE)
            for n in range(1, 23):
                simulator.set_register(f"r{n}", 0x2000 + 64 * n)
            simulator.dauc = 12
            outcomes.append(outcome(simulator, 1))
        assert outcomes[0] == outcomes[1], TABLE.show(int(word))


DOT = [0x7005C787, 0x8C000000 | 60, 0x6005C787, 0x3020001F]  # dsp32c.md 9.1


def ready(simulator, code=DOT):
    load(simulator, CODE, code)
    load(simulator, 0x1000, [0x00000081] * 64)  # 2.0
    load(simulator, 0xFFF800, [0x40000081] * 64)  # 3.0
    simulator.reset(CODE)
    for name, value in (("r1", 0x1000), ("r2", 0xFFF800), ("r3", 0xC00)):
        simulator.set_register(name, value)
    return simulator


def test_counts_and_states_of_a_dot_product():
    """62 products in 64 instructions, code, X and Y in three banks: no stall."""
    simulator = ready(Engine(BOARD))
    profile = simulator.run(CODE + 16)
    assert profile.states == 4 * 64
    assert profile.count == {CODE: 1, CODE + 4: 1, CODE + 8: 61, CODE + 12: 1}
    assert profile.stalls == {"bank": {}, "wait": {}}
    assert simulator.a[0] == 0x3A00000088 == simulator.a[1]  # 62 * 6 = 372
    assert simulator.memory[0xC00:0xC04].tolist() == [0x88, 0, 0, 0x3A]


def test_counters_start_again_at_reset():
    simulator = ready(Engine(BOARD))
    first = simulator.run(CODE + 16)
    assert ready(simulator).run(CODE + 16) == first


def test_code_written_between_runs_and_by_the_program_is_seen():
    simulator = ready(Engine(BOARD), [0x14A00001])  # r5 = 1
    simulator.run(CODE + 4)
    load(simulator, CODE, [0x14A00002])
    simulator.pc = CODE
    simulator.run(CODE + 4)
    assert simulator.register("r5") == 2
    # *0x110 = r6l writes the low byte of `r5 = 3`, which runs twice
    code = [0x14A00003, 0x1D460100, 0x00000000, 0x002E0000]
    ready(simulator, code)
    simulator.set_register("r6", 7)
    simulator.set_register("r14", CODE)
    simulator.run(None, 6)
    assert simulator.register("r5") == 7


@pytest.mark.parametrize("code, error, text", [
    ([0x003E0000], IllegalInstruction, "ireturn"),
    ([0xFFFFFFFF], IllegalInstruction, "word 0xffffffff"),
    ([0x1EA50020], BadAccess, "0x"),  # r5 = *r1 with r1 outside
    ([0x1EA50020, 0x94A50001], IllegalSequence, "r5"),  # r5 = *r1, r5e = r5e + 1
    ([0x30000787, 0x1FA50060], IllegalSequence, "memory Y"),  # a0 = *r1++, *r3 = r5
    ([0x3000001F, 0x94630004], IllegalSequence, "r3"),  # *r3++ = a0 = a0, r3e = r3e + 4
    ([0x8C010001, 0x00200100], IllegalSequence, "`do`"),  # do 1,1 with a goto inside
])
def test_refusals_name_the_place(code, error, text):
    simulator = ready(Engine(BOARD), code)
    if error is BadAccess:
        simulator.set_register("r1", 0x700000)
    with pytest.raises(error, match=text) as caught:
        simulator.run(CODE + 64)
    assert "pc 0x0" in str(caught.value)


def test_a_program_that_does_not_arrive():
    with pytest.raises(LimitExceeded, match="1000 instructions"):
        ready(Engine(BOARD), [0x00200100]).run(0x200, 1000)  # goto 0x100


def test_batch_is_the_same_as_runs_one_by_one():
    # r1e = 0x1000, r2e = 0xfff800, r3e = 0xc00, then the dot product, then nops for the store
    code = [0xC0011000, 0xDFE2F800, 0xC0030C00, *DOT]
    until, rng = CODE + 4 * len(code), np.random.default_rng(2)
    simulator = ready(Engine(BOARD), code)
    inputs = rng.integers(0, 256, (100, 62)).astype(np.uint32) << 24 | 0x87
    done = []
    outputs, states = simulator.run_batch(CODE, until, 0x1000, inputs, 0xC00, 1,
                                          progress=done.append)
    assert done[-1] == 100 and done == sorted(done)
    assert simulator.profile().count[CODE] == 100
    machine = ready(Machine(BOARD), code)
    for k in range(0, 100, 9):
        load(machine, 0x1000, inputs[k])
        machine.reset(CODE)
        machine.run(until)
        assert machine.states == states[k]
        assert machine.memory[0xC00:0xC04].tobytes() == outputs[k].tobytes()


def test_batch_names_the_input_that_failed():
    simulator = ready(Engine(BOARD), [0x003E0000])
    with pytest.raises(IllegalInstruction, match="input 0: .*ireturn"):
        simulator.run_batch(CODE, 0x200, 0x1000, np.zeros((3, 4), np.uint32), 0xC00, 1)


def test_without_a_compiler_and_wasmtime_the_machine_takes_over(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(native, "doors", native.doors.__wrapped__)
    monkeypatch.setattr(wasm, "_module", wasm._module.__wrapped__)
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    simulator, word = fastest(BOARD)
    assert isinstance(simulator, Machine)
    assert word == (
        "the slow simulator is used, some thousand times slower: there is no C compiler "
        "'no-such-compiler' on the PATH: install one (Debian: apt-get install gcc) or name yours "
        "in $CC; there is no wasmtime that can be imported: pip install 'dsplet[wasm]'")


@pytest.mark.slow
def test_an_engine_that_cannot_be_kept_says_so(monkeypatch, tmp_path):
    (tmp_path / "no folder").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no folder"))
    monkeypatch.setattr(native, "doors", native.doors.__wrapped__)
    simulator, word = fastest(BOARD)
    assert isinstance(simulator, Engine)
    assert word == ("the engine is compiled anew each time: "
                    f"{tmp_path}/no folder/dsplet/libraries: cannot be made: Not a directory")


@pytest.mark.slow
@pytest.mark.parametrize("stack", [networks.zip_like, networks.tiny])
def test_whole_networks_agree(stack):
    """Machine code of a network: outputs, memory, and every counter at every address."""
    network = stack()
    image = compile_program(lower(network.graph()), targets.get("dsp32c-40"))
    q = network.samples(1)
    machine, others = Machine(image.target), engines(image.target)
    expected = Simulator(image, machine)(q)
    for chip in others:
        actual = Simulator(image, chip)(q)
        assert np.array_equal(actual.outputs[0], expected.outputs[0])
        assert actual.cycles[0] == expected.cycles[0]
        assert state(chip) == state(machine)
    assert same_memory(machine, *others)
