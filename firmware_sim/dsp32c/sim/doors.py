"""The engine's doors, of engine_doors.h, however its C was compiled: their types, and what a board
is to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dsplet.firmware_sim.dsp32c.parts.target import Target, programmed_waits

MEMORY_BYTES = 1 << 24
PAGE_BYTES = 2048  # one on-chip bank [dsp32c.md 4.1]
PAGES = MEMORY_BYTES // PAGE_BYTES
NO_MEMORY = 255
ORDER = "IXYZ"  # of the accesses' numbers

DOORS = {
    "chip_new": "p ppp",
    "chip_free": " p",
    "chip_assume": " pwwwpp",
    "chip_states": "d p",
    "chip_pc": "w p",
    "chip_set_pc": " pw",
    "chip_register": "w pw",
    "chip_set_register": " pww",
    "chip_accumulator": "d pw",
    "chip_set_accumulator": " pwd",
    "chip_flags": "w p",
    "chip_set_flags": " pw",
    "chip_dau_flags": "w p",
    "chip_set_dau_flags": " pw",
    "chip_dauc": "w p",
    "chip_set_dauc": " pw",
    "chip_peek": "w pw",
    "chip_error": "w pw",
    "chip_reset": " pw",
    "chip_run": "w pwdw",
    "chip_continue": "w pwdw",
    "chip_drain": " p",
    "chip_batch": "w pwwdwwpwwpwpwp",
    "chip_clear_counters": " p",
    "chip_counters": "w ppw",
}
"""Result, a space, arguments: w, a uint32; d, a whole number in a double; p, a place in memory."""

SWITCHES = ("adder_truncates", "wait_stalls_machine", "caches_do_of_one", "halves_mu_law",
            "truncation_floors", "converts_upper_bits", "taps_are_live")
"""Assumptions that are so or not, the first one bit 0 of what chip_assume is told."""


class Doors:
    """The doors as methods of their names, and the memory that the C can reach."""

    unkept = ""
    """Why what was compiled will be compiled anew next time, "" where it will not."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        vars(self).update(functions)

    def another(self) -> Doors:
        """Doors for one more chip beside those there are."""
        return self

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def array(self, count: int, dtype: Any) -> np.ndarray:
        """Zeros that the C can reach; they may be kept until the doors are gone."""
        return np.zeros(count, dtype)

    def place(self, array: np.ndarray) -> int:
        """Of an array that `array` made, or of a part of one, to the C."""
        return array.ctypes.data


class Wiring(NamedTuple):
    """What chip_new and chip_assume are told of a board, array by array."""

    map: np.ndarray
    """Of each page: its bank + 256 * wait states (uint16); NO_MEMORY."""
    partition: np.ndarray
    """Of each page, whose field of pcw sets its wait states: 0 none, 1 A, 2 B (uint8)."""
    waits: np.ndarray
    """Wait states of A by the low 6 bits of pcw, then those of B (uint8)."""
    order: np.ndarray
    """The accesses, numbered as in ORDER, in the order of their states (uint8)."""


def assumed(target: Target) -> tuple[int, int, int]:
    """What chip_assume is told before the arrays: busy states, SWITCHES, pcw."""
    found = target.assumptions
    switches = sum(getattr(found, name) << bit for bit, name in enumerate(SWITCHES))
    return found.bank_busy_states, switches, target.pcw


def wiring(target: Target) -> Wiring:
    """Of a part on its board. ValueError where memory is not whole pages."""
    pages = np.full(PAGES, NO_MEMORY, np.uint16)
    partition = np.zeros(PAGES, np.uint8)
    for region in target.regions:
        if region.start % PAGE_BYTES or region.end % PAGE_BYTES:
            raise ValueError(f"{target.name}: region {region.name} is not whole 2 KB pages")
        covered = slice(region.start // PAGE_BYTES, region.end // PAGE_BYTES)
        pages[covered] = region.bank | region.wait_states << 8
        partition[covered] = " AB".index(region.programmed or " ")
    waits = [programmed_waits(part, pcw) for part in "AB" for pcw in range(64)]
    order = [ORDER.index(slot) for slot in target.assumptions.slot_order]
    return Wiring(pages, partition, np.array(waits, np.uint8), np.array(order, np.uint8))
