"""What instructions say of themselves, against the machine that executes them."""

from __future__ import annotations

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.codegen.code import Acc, Address, Label, Memory
from dsplet.firmware_sim.dsp32c.codegen.instructions import (
    NOP,
    STORE_DIRECT,
    add,
    advance,
    apply,
    control,
    count,
    do,
    goto,
    load,
    mask,
    move,
    multiply,
    set_to,
    sets_flags,
    start_counter,
    store,
    subtract,
)
from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.operands import FUNCTIONS
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from dsplet.quantize.fixed.program import lower
from tests.each import each
from tests.firmware_sim.dsp32c.codegen.listing import A0, A1, A2
from tests.firmware_sim.dsp32c.images import compile_program
from tests.firmware_sim.dsp32c.networks import tiny, zip_like
from tests.quantize.fixed.cases import GRAPHS

X, W, Z = Memory("r1", "++"), Memory("r2", "--"), Memory("r3", "++", "r15")
WORD = Address(0x1040)
ALL = [
    NOP, move(A0, A1), move(A0, X), multiply(A0, A1, X), add(A0, A1, X), add(A0, A1, X, W),
    add(A0, X, A1, W), add(A0, A0, A1, minus=True), subtract(A0, A1, A2), subtract(A0, X, A1, A2),
    apply("float", A0, X), apply("int24", A0, A1).storing(Z), apply("ifalt", A0, X),
    apply("ifagt", A0, A1).storing(Z), apply("seed", A0, A1), move(A0, A1).storing(Z),
    add(A0, A1, X, W).storing(Z), load("r4", X), load("r4", WORD), store("r4", WORD),
    set_to("r4", 77), advance("r4", 8), advance("r4", "r5"), mask("r4", -4), do(1, 3),
    start_counter("r20", 9), count("r20", Label("end")), goto(Label("end")), control(4)]
REGISTERS = [f"r{i}" for i in range(1, 23)]
FLAT = targets.get("dsp32c-50", board="flat")


def outcome(ins, changed: str | Acc | None = None) -> dict[str | Acc, int]:
    """What accumulators, registers and memory hold after the instruction, if one of them held
    something else before."""
    code = assemble(f"{ins}\n4*nop\nend: goto end\nnop")
    machine = Machine(FLAT, strict=False)
    machine.memory[0x1000:0x2000] = np.arange(0x1000) * 37 % 251
    code.load(machine.memory)
    machine.dnzuv = floats.N
    for i, name in enumerate(REGISTERS):
        machine.set_register(name, 0x1100 + 0x40 * i + 8 * (name == changed))
    for i in range(4):
        number = floats.encode(3 * i + 2 + 50 * (Acc(i) == changed))
        machine.a[i] = floats.widen(number)
    machine.run(code.labels["end"], 100)
    memory = machine.memory[0x1000:0x2000].tobytes()
    return {**{name: machine.register(name) for name in REGISTERS},
            **{Acc(i): a for i, a in enumerate(machine.a)}, "memory": hash(memory)}


BEFORE = outcome(NOP)
NAMES = [name for name in BEFORE if name != "memory"]


@pytest.mark.parametrize("ins", ALL, ids=str)
def test_what_it_changes_it_says_it_writes(ins):
    after = outcome(ins)
    assert {name for name in NAMES if after[name] != BEFORE[name]} <= ins.written
    stores = ins.timing.stored is not None or ins.row is STORE_DIRECT
    assert (after["memory"] != BEFORE["memory"]) == stores


@pytest.mark.parametrize("ins", ALL, ids=str)
def test_what_it_depends_on_it_says_it_reads(ins):
    """Another value of what is not read changes nothing else."""
    after = outcome(ins)
    for name in NAMES:
        if name not in ins.read:
            other = outcome(ins, name)
            kept = {name} if name not in ins.written else set()
            assert {n for n in after if other[n] != after[n]} <= kept, name


@pytest.mark.parametrize("ins", ALL, ids=str)
def test_its_row_is_its_words(ins):
    code = assemble(f"{ins}\nend: nop")
    row, _ = TABLE.decode(code.words[0])
    assert row is ins.row
    assert ins.word(0, code.labels) == code.words[0]


def test_the_listing_of_a_network_is_made_of_the_rows_it_says():
    """Every line, assembled and decoded, prints as it stands, numbers aside."""
    for line in compile_program(lower(tiny().graph()), FLAT).listing.splitlines():
        if line.startswith("0") and "0x" not in line and "goto" not in line:
            assert TABLE.show(int(line[8:16], 16)) == line[22:]


def assert_assembled(graph):
    image = compile_program(lower(graph), FLAT)
    lines = [line[22:] if line.startswith("0") else line for line in image.listing.splitlines()]
    code = assemble("\n".join(lines))
    start, words = image.segments[0]
    assert [code.words[a] for a in sorted(code.words)] == words.tolist() and start == 0
    assert code.labels["halt"] == image.halt


@pytest.mark.parametrize("stack", [tiny, zip_like])
def test_code_is_what_its_listing_assembles_to(stack):
    assert_assembled(stack().graph())


@pytest.mark.slow
@each("graph", GRAPHS)
def test_code_of_every_op_is_what_its_listing_assembles_to(graph):
    assert_assembled(graph)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_which_functions_set_flags(name):
    """An operand that is zero sets Z, if anything does."""
    ins = apply(name, A0, A1)
    code = assemble(f"{ins}\nend: goto end\nnop")
    machine = Machine(FLAT)
    code.load(machine.memory)
    machine.dnzuv = floats.N | floats.V
    machine.run(code.labels["end"], 2)
    assert (machine.dnzuv != floats.N | floats.V) == sets_flags(ins)
