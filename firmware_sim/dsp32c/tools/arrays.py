"""Arrays into the machine's memory before a program runs, and out of it afterwards."""

from __future__ import annotations

import re

import numpy as np

from dsplet.base.errors import shown
from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from dsplet.firmware_sim.dsp32c.tools.debug import DebugError, address_of

KINDS: dict[str, np.dtype] = {
    "float": np.dtype("<u4"), "int": np.dtype("<i2"), "int24": np.dtype("<i4"),
    "word": np.dtype("<u4"), "byte": np.dtype("u1")}
"""Of data, as the assembler calls them, and how they lie in memory."""
_SAVED = re.compile(rf"(.+?):0*([1-9]\d{{0,7}})(?::({'|'.join(KINDS)}))?")


def put(machine: Machine, where: str, array: np.ndarray, labels: dict[str, int]) -> None:
    """Lay an array into memory from an address on, in C order: floating point as float words,
    nearest to each value, integers as wide as they are, 1, 2 or 4 bytes. DebugError."""
    raw = _raw(array, where)
    address = _address(where, len(raw), labels, machine.target)
    machine.memory[address:address + len(raw)] = np.frombuffer(raw, np.uint8)


def taken(machine: Machine, what: str, labels: dict[str, int]) -> tuple[np.ndarray, bytes]:
    """The array at ADDRESS:COUNT or ADDRESS:COUNT:KIND, floats where no kind is given: float64,
    int16, int32, uint32 or uint8; and its bytes in memory. DebugError."""
    where, dtype, count, kind = spec(what)
    size = count * dtype.itemsize
    address = _address(where, size, labels, machine.target)
    raw = machine.memory[address:address + size].tobytes()
    found = np.frombuffer(raw, dtype)
    return floats.from_words(found) if kind == "float" else found, raw


def spec(what: str) -> tuple[str, np.dtype, int, str]:
    """(address, type in memory, count, kind) of what is to be saved. DebugError."""
    found = _SAVED.fullmatch(what)
    if not found:
        raise DebugError(f"{shown(what)} is nothing to save", expected="ADDRESS:COUNT or ADDRESS:"
                         f"COUNT:KIND, such as y:64:float; KIND is {', '.join(KINDS)}")
    kind = found[3] or "float"
    return found[1], KINDS[kind], int(found[2]), kind


def check_saved(what: str, labels: dict[str, int], target: Target) -> None:
    """Before a run: that it can be taken afterwards. DebugError."""
    where, dtype, count, _ = spec(what)
    _address(where, count * dtype.itemsize, labels, target)


def _raw(array: np.ndarray, where: str) -> bytes:
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise DebugError("an infinity or no number is among the values", where=f"'{where}'",
                             expected="finite numbers")
        words = [floats.nearest_word(float(value)) for value in array.flat]
        return np.array(words, "<u4").tobytes()
    if array.dtype.kind in "iu" and array.dtype.itemsize in (1, 2, 4):
        return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    raise DebugError(f"an array of {array.dtype}", where=f"'{where}'",
                     expected="floating point, or integers of 8, 16 or 32 bits")


def _address(where: str, size: int, labels: dict[str, int], target: Target) -> int:
    address = address_of(where, labels)
    for at in (*range(address, address + size, 1 << 11), address + max(size, 1) - 1):
        if target.region(at) is None:
            raise DebugError(f"there is no memory at {at:#x} on board '{target.board.name}'",
                             where=f"'{where}'")
    return address
