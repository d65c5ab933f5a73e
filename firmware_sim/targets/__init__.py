"""Parts and boards as datasheets; `get` finds them by name."""

from dataclasses import replace

from firmware_sim.targets import dsp32c_40, dsp32c_50
from firmware_sim.targets.dsp32c_40 import BOARDS
from firmware_sim.targets.target import Assumptions, Board, Region, Target, UnknownTarget

TARGETS = {module.TARGET.name: module.TARGET for module in (dsp32c_40, dsp32c_50)}

__all__ = ["BOARDS", "TARGETS", "Assumptions", "Board", "Region", "Target", "UnknownTarget", "get"]


def get(name: str, board: str | None = None) -> Target:
    """The target of that name, on its own board or on a named one; UnknownTarget otherwise."""
    if name not in TARGETS:
        raise UnknownTarget(f"unknown target {name!r}: expected one of {', '.join(TARGETS)}")
    target = TARGETS[name]
    if board is None:
        return target
    if board not in BOARDS:
        raise UnknownTarget(f"unknown board {board!r}: expected one of {', '.join(BOARDS)}")
    return replace(target, board=BOARDS[board])
