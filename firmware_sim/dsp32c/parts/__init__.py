"""Parts and boards as datasheets; `get` finds them by name."""

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from itertools import permutations

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.parts import dsp32c_40, dsp32c_50
from dsplet.firmware_sim.dsp32c.parts.dsp32c_40 import BOARDS
from dsplet.firmware_sim.dsp32c.parts.target import (
    Assumptions,
    Board,
    Region,
    Target,
    UnknownTarget,
)

TARGETS = {module.TARGET.name: module.TARGET for module in (dsp32c_40, dsp32c_50)}

SWITCHES = {  # assumption -> the texts that `assume` takes, with their values
    "bank_busy_states": {str(n): n for n in range(1, 5)},
    "slot_order": {order: order for order in map("".join, permutations("IXYZ"))},
    "adder_truncates": {"true": True, "false": False},
    "wait_stalls_machine": {"true": True, "false": False},
}
ALIASES = {"bank_busy": "bank_busy_states"}

__all__ = ["BOARDS", "SWITCHES", "TARGETS", "Assumptions", "BadAssumption", "Board", "Region",
           "Target", "UnknownTarget", "assume", "get"]


class BadAssumption(UserError):
    """No such assumption or value; the message lists those there are."""


def get(name: str, board: str | None = None) -> Target:
    """The target of that name, on its own board or on a named one; UnknownTarget otherwise."""
    if name not in TARGETS:
        raise _unknown("target", name, TARGETS)
    target = TARGETS[name]
    if board is None:
        return target
    if board not in BOARDS:
        raise _unknown("board", board, BOARDS)
    return replace(target, board=BOARDS[board])


def assume(target: Target, text: str) -> Target:
    """The target under another assumption, such as `bank_busy=1`; BadAssumption otherwise."""
    name, _, value = (part.strip() for part in text.partition("="))
    name = ALIASES.get(name, name)
    if value not in SWITCHES.get(name, {}):
        expected = "; ".join(f"{switch} = {', '.join(values)}" for switch, values in
                             (SWITCHES | {"slot_order": ["a permutation of IXYZ"]}).items())
        raise BadAssumption(f"unknown assumption '{text}': expected one of {expected}")
    return target.with_assumptions(**{name: SWITCHES[name][value]})


def _unknown(what: str, name: str, known: Iterable[str]) -> UnknownTarget:
    near = get_close_matches(name, known, n=1)
    return UnknownTarget(f"unknown {what} {name!r}: expected one of {', '.join(known)}"
                         + (f"; did you mean {near[0]!r}?" if near else ""))
