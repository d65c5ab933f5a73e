"""Programs that carry their expectations: `//= what = value` comments, run up to label `halt`.

    //= r5 = 3            a register (24 bits)         //= states = 36    clock states
    //= a0 = 5.5          an accumulator's value       //= stalls = 0     of these, stalled
    //= word out = 0x80   32 bits of memory            //= floats out = 1, 2   float words
"""

import re

import numpy as np

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.isa.operands import evaluate
from dsplet.firmware_sim.dsp32c.isa.table import Context
from dsplet.firmware_sim.dsp32c.sim.machine import Machine

EXPECTATION = re.compile(r"//=\s*(floats|word)?\s*(.+?)\s*=\s*(.+)")


def run(source: str, file: str = "<asm>", machine=None):
    """(machine after the run, label addresses)."""
    assembly = assemble(source, file=file)
    machine = machine or Machine(targets.get("dsp32c-50"))
    assembly.load(machine.memory)
    machine.run(until=assembly.labels["halt"], max_instructions=100_000)
    return machine, assembly.labels


def memory_words(machine, address: int, count: int) -> list[int]:
    return machine.memory[address:address + 4 * count].view(np.uint32).tolist()


def check(source: str, file: str = "<asm>", machine=None) -> int:
    """Run a program and assert its expectations; how many there were."""
    machine, labels = run(source, file, machine)
    expectations = EXPECTATION.findall(source)
    for kind, what, value in expectations:
        actual, expected = _compare(machine, Context(symbols=labels), kind, what, value)
        assert actual == expected, f"{file}: {kind} {what}: {actual} instead of {expected}"
    return len(expectations)


def _compare(machine, context, kind, what, value):
    if kind == "floats":
        expected = [float(text) for text in value.split(",")]
        words = memory_words(machine, evaluate(what, context), len(expected))
        return floats.from_words(np.array(words, np.uint32)).tolist(), expected
    if kind == "word":
        return (memory_words(machine, evaluate(what, context), 1)[0],
                evaluate(value, context) & 0xFFFFFFFF)
    if what == "states":
        return machine.states, int(value)
    if what == "stalls":
        lost = machine.profile().stalls
        return sum(sum(cause.values()) for cause in lost.values()), int(value)
    if re.fullmatch(r"a[0-3]", what):
        return float(floats.decode_accumulator(machine.a[int(what[1])])), float(value)
    return machine.register(what), evaluate(value, context) & 0xFFFFFF
