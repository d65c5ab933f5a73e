"""What two simulators must agree in once they ran the same, and the engines that there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dsplet.base.library import LibraryError
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.sim import native, wasm
from dsplet.firmware_sim.dsp32c.sim.doors import Doors
from dsplet.firmware_sim.dsp32c.sim.engine import Engine

REGISTERS = [*(f"r{n}" for n in range(1, 23)), "pcsh"]


def engines(target: Target, **options: Any) -> list[Engine]:
    """The target on each engine that can be had here: compiled by the C compiler, in wasmtime."""
    made: list[Engine] = []
    kinds: tuple[Callable[[], Doors], ...] = (native.doors, wasm.Instance)
    for doors in kinds:
        try:
            made.append(Engine(target, doors=doors(), **options))
        except LibraryError:
            continue
    return made


def state(chip: Any) -> tuple:
    """All of a Machine or Engine that can be seen, except memory."""
    return (chip.pc, [chip.register(name) for name in REGISTERS], [f"{a:010x}" for a in chip.a],
            chip.flags, chip.dflags, chip.dauc, chip.profile())


def same_memory(*chips: Any) -> bool:
    first = chips[0].memory.view(np.int64)
    return all(np.array_equal(first, chip.memory.view(np.int64)) for chip in chips[1:])
