"""Run a file of conformance vectors on a machine [schema: dsp32c.md 13].

A vector gives code, an initial state and the state after `steps` instructions.  The vectors agree
with an independent core and a rational-arithmetic model; neither is silicon.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.parts import BOARDS, TARGETS
from dsplet.firmware_sim.dsp32c.sim.machine import Machine, MachineError
from dsplet.firmware_sim.programs import Result

INEXACT_TOLERANCE = 2.0**-22  # relative, for vectors marked exact = false


def python_machine() -> Machine:
    """A machine for vectors: memory everywhere, illegal sequences allowed."""
    return Machine(replace(TARGETS["dsp32c-50"], board=BOARDS["flat"]), strict=False)


class VectorsError(UserError):
    """A file that holds no vectors of the schema."""


def run(path, machine_factory: Callable = python_machine) -> list[Result]:
    """Run every vector of a file on a fresh machine each; VectorsError for another schema."""
    try:
        document = json.loads(Path(path).read_text())
        schema = document.get("schema")
    except (ValueError, AttributeError) as error:
        raise VectorsError(f"{path}: not a JSON file of vectors ({error})") from None
    if schema != "dsp32c-vectors/1":
        raise VectorsError(f"{path}: schema {schema!r}, expected 'dsp32c-vectors/1'")
    return [run_vector(vector, machine_factory()) for vector in document["vectors"]]


def run_vector(vector: dict, machine) -> Result:
    """Set up, run and compare one vector."""
    _set_up(vector, machine)
    before = {name: machine.register(name) for name in _REGISTERS}
    try:
        for _ in range(vector["steps"]):
            machine.step()
        difference = next(_differences(vector, machine, before), "")
    except MachineError as error:
        difference = str(error)
    return Result(vector["id"], vector["group"], difference)


_REGISTERS = [f"r{n}" for n in range(1, 23)]


def _set_up(vector, machine) -> None:
    initial = vector["init"]
    machine.reset(int(initial["pc"], 16))
    for name, value in initial["r"].items():
        machine.set_register(name, int(value, 16))
    machine.a = [floats.widen(int(word, 16)) for word in initial["a"]]
    machine.flags, machine.dflags = initial["flags"], initial["dflags"]
    machine.dauc = int(initial.get("dauc", "0"), 16)
    for address, words in vector["code"].items():
        for offset, word in enumerate(words):
            _set_word(machine, int(address, 16) + 4 * offset, int(word, 16))
    for address, word in initial["mem"].items():
        _set_word(machine, int(address, 16), int(word, 16))


def _set_word(machine, address: int, word: int) -> None:
    machine.memory[address:address + 4] = np.frombuffer(struct.pack("<I", word), np.uint8)


def _word(machine, address: int) -> int:
    return int.from_bytes(machine.memory[address:address + 4].tobytes(), "little")


def _differences(vector, machine, before):
    """Descriptions of everything that is not as the vector says."""
    final, ignored = vector["final"], vector.get("ignore", [])
    if machine.pc != int(final["pc"], 16):
        yield f"pc is {machine.pc:06x}, expected {final['pc']}"
    for name, old in before.items():
        expected = int(final["r"][name], 16) if name in final["r"] else old
        if machine.register(name) != expected:
            yield f"{name} is {machine.register(name):06x}, expected {expected:06x}"
    for number, actual in enumerate(machine.a):
        if f"a{number}" not in ignored:
            yield from _accumulator_difference(vector, number, actual)
    for what, actual in (("flags", machine.flags), ("dflags", machine.dflags)):
        wanted = final[what]
        if any(a != w for a, w, name in zip(actual, wanted, "nzvc", strict=True)
               if not (what == "flags" and name in ignored)):
            yield f"{what} are {actual}, expected {wanted}"
    memory = {int(a, 16): int(w, 16) for a, w in vector["init"]["mem"].items()}
    memory |= {int(a, 16): int(w, 16) for a, w in final["mem"].items()}
    for address, expected in memory.items():
        actual = _word(machine, address)
        unit = 0 if vector["exact"] else 256  # one unit of the mantissa's last place
        if abs(actual - expected) > unit:
            yield f"word {address:06x} is {actual:08x}, expected {expected:08x}"


def _accumulator_difference(vector, number, actual):
    final = vector["final"]
    if vector["exact"]:
        expected = final["a"][number]
        if expected is not None and actual != int(expected, 16):
            yield f"a{number} is {actual:010x}, expected {expected}"
        return
    expected = struct.unpack(">d", bytes.fromhex(final["a_f64"][number]))[0]
    value = float(floats.decode_accumulator(actual))
    if abs(value - expected) > INEXACT_TOLERANCE * abs(expected):
        yield f"a{number} is {value!r}, expected {expected!r}"
