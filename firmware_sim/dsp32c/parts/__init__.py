"""Parts and boards as datasheets, and the switches of what is assumed about the chip."""

from itertools import permutations

from dsplet.firmware_sim.backend import Switch
from dsplet.firmware_sim.dsp32c.parts import dsp32c_40, dsp32c_50
from dsplet.firmware_sim.dsp32c.parts.dsp32c_40 import BOARDS
from dsplet.firmware_sim.dsp32c.parts.target import (
    Assumptions,
    Board,
    Region,
    Rounding,
    Target,
)

TARGETS = {module.TARGET.name: module.TARGET for module in (dsp32c_40, dsp32c_50)}

_EITHER = Switch({"true": True, "false": False}, (True, False))
SWITCHES = {
    "bank_busy_states": Switch({str(n): n for n in range(1, 5)}, (1, 2, 3), alias="bank_busy"),
    "slot_order": Switch(
        {order: order for order in map("".join, permutations("IXYZ"))},
        ("IXYZ", "ZXYI"),  # X and Y next to each other [dsp32c.md 15.1]
        wording="a permutation of IXYZ"),
} | dict.fromkeys((
    "wait_stalls_machine", "adder_truncates", "caches_do_of_one", "halves_mu_law",
    "truncation_floors", "converts_upper_bits", "taps_are_live"), _EITHER)

ROUNDINGS: dict[str, str] = {
    Rounding.ADDER: "a floor by two additions, in an adder that truncates [dsp32c.md 15, S, K70]",
    Rounding.CONVERSION: "conversions, which round to nearest, ties upward [dsp32c.md 15, S, K90]: "
                         "the same integers whether the adder truncates or not",
}

__all__ = ["BOARDS", "ROUNDINGS", "SWITCHES", "TARGETS", "Assumptions", "Board", "Region",
           "Rounding", "Target"]
