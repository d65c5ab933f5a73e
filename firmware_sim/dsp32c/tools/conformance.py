"""Run a file of conformance vectors on a machine [schema: dsp32c.md 13].

A vector gives code, an initial state and the state after `steps` instructions.  The vectors agree
with an independent core and a rational-arithmetic model; neither is silicon.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from dsplet.base.errors import UserError
from dsplet.base.schema import read_json
from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.parts import BOARDS, TARGETS
from dsplet.firmware_sim.dsp32c.sim.machine import ADDRESS_SPACE, Machine, MachineError
from dsplet.firmware_sim.programs import Result

INEXACT_TOLERANCE = 2.0**-22  # relative, for vectors marked exact = false


def python_machine() -> Machine:
    """A machine for vectors: memory everywhere, illegal sequences allowed."""
    return Machine(replace(TARGETS["dsp32c-50"], board=BOARDS["flat"]), strict=False)


class VectorsError(UserError):
    """A file that holds no vectors of the schema."""


def _hex(digits: int, what: str) -> Meta:
    return Meta(pattern=f"^[0-9a-fA-F]{{1,{digits}}}$", description=f"{what} in hexadecimal")


Word = Annotated[str, _hex(8, "32 bits")]
Short = Annotated[str, _hex(6, "24 bits")]
Wide = Annotated[str, _hex(10, "40 bits")]
Place = Annotated[str, Meta(pattern="^[0-9a-fA-F]{0,5}[048cC]$",
                            description="the byte address of a word in hexadecimal")]
Double = Annotated[str, Meta(pattern="^(?![7fF][fF]{2})[0-9a-fA-F]{16}$",
                             description="a finite IEEE double in hexadecimal")]
Flags = Annotated[str, Meta(pattern="^[n-][z-][v-][c-]$", description="flags such as n--c")]
FloatFlags = Annotated[str, Meta(pattern="^[N-][Z-][U-][V-]$", description="flags such as N-U-")]
Register = Annotated[str, Meta(pattern="^r([1-9]|1[0-9]|2[0-2])$", description="r1 to r22")]


class State(msgspec.Struct, kw_only=True):
    """The machine before: registers that are not named are 0."""

    pc: Place
    r: dict[Register, Short]
    a: tuple[Word, Word, Word, Word]
    flags: Flags
    dflags: FloatFlags
    mem: dict[Place, Word]
    dauc: Short = "0"


class Outcome(msgspec.Struct, kw_only=True):
    """The machine after: registers that are not named have not changed."""

    pc: Short
    r: dict[Register, Short]
    a: tuple[Wide | None, Wide | None, Wide | None, Wide | None]
    a_f64: tuple[Double, Double, Double, Double]
    flags: Flags
    dflags: FloatFlags
    mem: dict[Place, Word]


class Vector(msgspec.Struct, kw_only=True):
    """ignore: what is not compared, a0 to a3 and single flags."""

    id: str
    group: str
    steps: Annotated[int, Meta(ge=0, le=100_000)]
    exact: bool
    code: dict[Place, list[Word]]
    init: State
    final: Outcome
    ignore: list[str] = []

    def __post_init__(self) -> None:
        for place, words in self.code.items():
            if int(place, 16) + 4 * len(words) > ADDRESS_SPACE:
                raise VectorsError(f"the code at {place} passes the last address, ffffff",
                                   where=self.id)


class Document(msgspec.Struct, kw_only=True):
    """A file of vectors."""

    schema: Literal["dsp32c-vectors/1"]
    vectors: Annotated[list[Vector], Meta(min_length=1)]


def run(path: str | Path, machine_factory: Callable[[], Machine] = python_machine) -> list[Result]:
    """Run every vector of a file on a fresh machine each. Raises VectorsError, FileError."""
    document = read_json(path, Document, VectorsError)
    return [run_vector(vector, machine_factory()) for vector in document.vectors]


def run_vector(vector: Vector, machine: Machine) -> Result:
    """Set up, run and compare one vector."""
    _set_up(vector, machine)
    before = {name: machine.register(name) for name in _REGISTERS}
    try:
        for _ in range(vector.steps):
            machine.step()
        difference = next(_differences(vector, machine, before), "")
    except MachineError as error:
        difference = str(error)
    return Result(vector.id, vector.group, difference)


_REGISTERS = [f"r{n}" for n in range(1, 23)]


def _set_up(vector: Vector, machine: Machine) -> None:
    initial = vector.init
    machine.reset(int(initial.pc, 16))
    for name, value in initial.r.items():
        machine.set_register(name, int(value, 16))
    machine.a = [floats.widen(int(word, 16)) for word in initial.a]
    machine.flags, machine.dflags = initial.flags, initial.dflags
    machine.dauc = int(initial.dauc, 16)
    for address, words in vector.code.items():
        for offset, word in enumerate(words):
            _set_word(machine, int(address, 16) + 4 * offset, int(word, 16))
    for address, word in initial.mem.items():
        _set_word(machine, int(address, 16), int(word, 16))


def _set_word(machine: Machine, address: int, word: int) -> None:
    machine.memory[address:address + 4] = np.frombuffer(struct.pack("<I", word), np.uint8)


def _word(machine: Machine, address: int) -> int:
    return int.from_bytes(machine.memory[address:address + 4].tobytes(), "little")


def _differences(vector: Vector, machine: Machine, before: dict[str, int]) -> Iterator[str]:
    """Descriptions of everything that is not as the vector says."""
    final, ignored = vector.final, vector.ignore
    if machine.pc != int(final.pc, 16):
        yield f"pc is {machine.pc:06x}, expected {final.pc}"
    for name, old in before.items():
        expected = int(final.r[name], 16) if name in final.r else old
        if machine.register(name) != expected:
            yield f"{name} is {machine.register(name):06x}, expected {expected:06x}"
    for number, actual in enumerate(machine.a):
        if f"a{number}" not in ignored:
            yield from _accumulator_difference(vector, number, actual)
    for what, seen, wanted in (("flags", machine.flags, final.flags),
                               ("dflags", machine.dflags, final.dflags)):
        if any(s != w for s, w, name in zip(seen, wanted, "nzvc", strict=True)
               if not (what == "flags" and name in ignored)):
            yield f"{what} are {seen}, expected {wanted}"
    memory = {int(a, 16): int(w, 16) for a, w in (*vector.init.mem.items(), *final.mem.items())}
    for address, expected in memory.items():
        found = _word(machine, address)
        unit = 0 if vector.exact else 256  # one unit of the mantissa's last place
        if abs(found - expected) > unit:
            yield f"word {address:06x} is {found:08x}, expected {expected:08x}"


def _accumulator_difference(vector: Vector, number: int, actual: int) -> Iterator[str]:
    final = vector.final
    if vector.exact:
        wanted = final.a[number]
        if wanted is not None and actual != int(wanted, 16):
            yield f"a{number} is {actual:010x}, expected {wanted}"
        return
    expected = struct.unpack(">d", bytes.fromhex(final.a_f64[number]))[0]
    value = float(floats.decode_accumulator(actual))
    if abs(value - expected) > INEXACT_TOLERANCE * abs(expected):
        yield f"a{number} is {value!r}, expected {expected!r}"
