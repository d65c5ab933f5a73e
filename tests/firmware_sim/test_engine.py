"""The C engine is the Python machine: same vectors, same random programs, same errors."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_sim import conformance, engine, targets
from firmware_sim.engine import Engine, NoCompiler, NoEngine, fastest
from firmware_sim.isa.dsp32c import TABLE
from firmware_sim.machine import (
    BadAccess,
    IllegalInstruction,
    IllegalSequence,
    LimitExceeded,
    Machine,
    MachineError,
)

pytestmark = pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")),
                                reason="no C compiler: the engine cannot be built")

FLAT = targets.get("dsp32c-50", board="flat")
BOARD = targets.get("dsp32c-40", board="1991")
WAITS = replace(BOARD, board=replace(BOARD.board, regions=tuple(
    replace(region, wait_states=2) for region in BOARD.board.regions)))
TARGETS = [FLAT, BOARD, WAITS, FLAT.with_assumptions(bank_busy_states=3),
           WAITS.with_assumptions(wait_stalls_machine=False),
           FLAT.with_assumptions(adder_truncates=False)]

# ---------------------------------------------------------------- random programs

CODE = 0x0100  # where programs begin: inside RAM2
STREAMS = (0x0400, 0x0800, 0x0C00, 0x1400, 0x8000, 0xFFF800, 0xFFFC00)  # where pointers begin
NUMBERS = (0x00000080, 0x0000007F, 0x80000080, 0x7FFFFFFF, 0x800000FF, 0x7FFFFF00, 0x00000001,
           0x80000001, 0xFFFFFF01, 0x00000000)  # 1, 0.5, -2, greatest, least, zeros, smallest
BYTES = (9, 10)  # pointers kept for bytes and 16-bit words, so that the others stay aligned
_FLOAT = [row for row in TABLE.rows if row.format.startswith("DA")]
_OTHER = [row for row in TABLE.rows if not row.format.startswith("DA") and not row.alias]


def _sensible(row, f) -> bool:
    """Whether an instruction is modelled and leaves the pointers in memory, or is likely to."""
    for name in "XYZ" if row.format.startswith("DA") else "":
        operand = getattr(f, name, 0) & 0x7F
        if operand >> 3 == 0 and operand & 7 > 3 and operand != 7:
            return False
        narrow = row.format == "DA 5" and f.G in ((0, 2) if name == "Y" else (1, 3))
        if operand >> 3 not in (0, 15) and (operand >> 3 in BYTES) != (narrow and name != "X"):
            return False
    if row.format in ("7b", "7d"):
        pointer, step = getattr(f, "P", 0) >> 5, getattr(f, "P", 0) & 31
        if hasattr(f, "I") and f.I != 30:
            return False
        narrow = getattr(f, "D", 0) >> 5 < 3
        if pointer and (pointer > 14 or (pointer in BYTES) != narrow or step < 17 and step):
            return False
    if row.format == "7a" and (f.N & 3 or f.N > 0x7FFF or f.N < CODE + 160):
        return False
    if row.format in ("1", "3a", "4", "8a", "8c") and (
            getattr(f, "C", 0) > 25 or getattr(f, "N", 0) & 3 or getattr(f, "M", 0) & 3
            or getattr(f, "H", 15) not in (0, 15)):
        return False
    target = next((f.D & 31 for _ in "D" if hasattr(f, "D")), 0)
    return row.spelling != "ireturn" and not (1 <= target <= 14 or 17 <= target <= 21)


def instruction(rng) -> int:
    """A random legal instruction word, half of them floating-point; one in 50 is not sensible."""
    rows = _FLOAT if rng.random() < 0.5 else _OTHER
    wild = rng.random() < 0.02
    while True:
        row = rows[rng.integers(len(rows))]
        word = int(rng.integers(1 << 32)) & ~row.mask | row.match
        if row.format.startswith("DA") and rng.random() < 0.5:
            word = word & ~0x7F & ~(0 if row.format == "DA 5" else 1 << 25) | 7  # no store
        if row.format == "3b":
            word &= ~0x7F8  # short loops
        if row.format in ("7a", "1", "3a", "4") and rng.random() < 0.9:
            word &= ~0xF803  # near addresses
        fields = row.decode(word)
        if fields is not None and (wild or _sensible(row, fields)):
            return word


def loop(rng) -> list[int]:
    """A `do` over multiply-accumulates with operands in memory, some of them stored."""
    body, pointers = int(rng.integers(1, 8)), rng.permutation([n for n in range(1, 15)
                                                               if n not in BYTES])
    words = [0x8C000000 | body - 1 << 16 | int(rng.integers(30))]
    stored = rng.random()
    for _ in range(body):
        x, y = (int(rng.choice(pointers[:3])) << 3 | int(rng.integers(8)) for _ in "XY")
        z = int(rng.choice(pointers[3:5])) << 3 | int(rng.integers(8))
        addend, signs, target = rng.integers(6), rng.choice([0, 0, 0, 1, 2, 3]), rng.integers(4)
        words.append(int(3 << 29 | addend << 26 | signs << 23 | target << 21 | x << 14 | y << 7)
                     | (z if rng.random() < 0.5 * stored else 7))
    return words


def program(rng) -> list[int]:
    """About forty instructions; every other program is mostly loops."""
    words, loops = [], 0.8 if rng.random() < 0.5 else 0
    while len(words) < 40:
        words += loop(rng) if rng.random() < loops else [instruction(rng)]
    return words


def numbers(rng, count: int, whole_only: bool) -> np.ndarray:
    """Float words: integers; or also arbitrary ones of middling size, extremes, dirty zeros."""
    kind = rng.integers(10, size=count) * (not whole_only)
    raw = rng.integers(1 << 24, size=count) << 8
    middling = raw | rng.integers(100, 156, size=count)
    whole = (rng.integers(1 << 8, size=count) << 24) | rng.integers(128, 136, size=count)
    odd = raw | rng.integers(256, size=count)
    extreme = np.array(NUMBERS)[rng.integers(len(NUMBERS), size=count)]
    return np.select([kind < 4, kind < 7, kind < 8], [whole, middling, odd], extreme).astype(
        np.uint32)


def load(machine, address: int, words) -> None:
    """Write 32-bit words into a machine's memory."""
    raw = np.asarray(words, np.uint32).view(np.uint8)
    machine.memory[address:address + len(raw)] = raw


def fill(rng, machines, code) -> None:
    """The same random state, data and program in every machine."""
    whole_only = rng.random() < 0.4
    data = {address: numbers(rng, 64, whole_only) for address in STREAMS}
    pointers = {f"r{n}": int(rng.choice(STREAMS)) + 4 * int(rng.integers(16, 40))
                for n in range(1, 15)}
    steps = {f"r{n}": int(rng.choice([-8, -4, 0, 4, 4, 12])) for n in range(15, 20)}
    others = {f"r{n}": int(rng.integers(1 << 24)) for n in range(20, 23)}
    accumulators = [int(x) << 8 & 0xFFFFFF0000 | int(rng.integers(256)) << 8 | int(x) & 255
                    for x in numbers(rng, 4, whole_only)]
    flags, dflags = ("".join(letter if rng.random() < 0.5 else "-" for letter in names)
                     for names in ("nzvc", "NZUV"))
    dauc = int(rng.choice([12, 28]))
    for machine in machines:
        machine.memory[:] = 0
        for address, words in data.items():
            load(machine, address, words)
        load(machine, CODE, code)
        machine.reset(CODE)
        for name, value in (pointers | steps | others).items():
            machine.set_register(name, value)
        machine.a, machine.flags, machine.dflags, machine.dauc = accumulators, flags, dflags, dauc


def outcome(machine, instructions: int):
    """Run; everything that can be seen afterwards, except memory."""
    try:
        machine.run(None, instructions)
        error = ""
    except MachineError:  # the two word their reasons differently
        return "refused", f"{machine.pc:06x}"
    registers = [machine.register(f"r{n}") for n in range(1, 23)] + [machine.register("pcsh")]
    return (error, machine.pc, registers, list(machine.a), machine.flags, machine.dflags,
            machine.dauc, machine.profile())


def differences(pair, seed: int, strict: bool):
    """Run one random program on both simulators; what came out different, "" for nothing."""
    rng = np.random.default_rng(seed)
    for simulator in pair:
        simulator.strict = strict
    fill(rng, pair, program(rng))
    count = int(rng.integers(1, 400))
    expected, actual = (outcome(simulator, count) for simulator in pair)
    if expected != actual:
        return f"seed {seed}: machine {expected}, engine {actual}"
    words = [simulator.memory.view(np.int64) for simulator in pair]
    if expected[0] != "refused" and not np.array_equal(*words):
        return f"seed {seed}: memory differs"
    return ""


# ---------------------------------------------------------------- tests

def test_conformance_vectors():
    if "DSPLET_SHARED" not in os.environ:
        pytest.skip("DSPLET_SHARED is not set: it names the folder that holds conformance/")
    path = Path(os.environ["DSPLET_SHARED"]) / "conformance" / "dsp32c_vectors.json"
    simulator = Engine(FLAT, strict=False)

    def cleared():
        simulator.memory[:] = 0
        return simulator

    results = conformance.run(path, cleared)
    assert len(results) == 469
    assert conformance.summary(results).startswith("469 passed")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("index", range(len(TARGETS)))
def test_random_programs_agree(index, strict):
    pair = Machine(TARGETS[index]), Engine(TARGETS[index])
    found = [differences(pair, 1000 * index + seed, strict) for seed in range(50)]
    assert not any(found), next(filter(None, found))


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


DOT = [0x7005C787, 0x8C000000 | 60, 0x6005C787, 0x3020001F]  # dossier 9.1


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
    inputs = numbers(rng, 100 * 62, True).reshape(100, 62)
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


def test_library_is_compiled_once_whoever_comes_first(tmp_path):
    """Processes that start together on an empty cache leave one library and no scratch."""
    command = "from firmware_sim.engine import compile_library as c; print(c())"
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    processes = [subprocess.Popen([sys.executable, "-c", command], env=environment,
                                  stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert paths == {str(path) for path in (tmp_path / "dsplet").iterdir()}


def test_without_a_compiler_the_machine_takes_over(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoCompiler, match="no C compiler"):
        engine.compile_library()
    monkeypatch.setattr(engine, "_library", engine.compile_library)
    simulator, reason = fastest(BOARD)
    assert isinstance(simulator, Machine) and "no C compiler" in reason


def test_another_slot_order_is_left_to_the_machine():
    target = BOARD.with_assumptions(slot_order="IYXZ")
    with pytest.raises(NoEngine, match="IYXZ"):
        Engine(target)
    assert isinstance(fastest(target)[0], Machine)
