"""Sensitivity: what a latency would be if the chip were not as assumed, one assumption at a time.

The lowest and the highest count are the error bar of "cycle-approximate" [dsp32c.md 14].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator

ALTERNATIVES = {
    "bank_busy_states": (1, 2, 3),
    "slot_order": ("IXYZ", "IXZY", "IYXZ", "IYZX", "IZXY", "IZYX"),  # the fetch is always first
    "wait_stalls_machine": (True, False),
    "adder_truncates": (True, False),
}


def spread(image: Image, x: np.ndarray,
           progress: Callable[[int, int], None] | None = None) -> list[dict]:
    """One row for each alternative, the rest as the image's target assumes.

    x: integers (N, *shape), of which the first is run. cycles: instruction cycles of that sample.
    change_percent and differing_integers: against the target's own assumptions.
    progress: told the alternatives done and how many there are.
    """
    own = Simulator(image)(x[:1])
    rows = []
    total = sum(map(len, ALTERNATIVES.values()))
    for name, values in ALTERNATIVES.items():
        for value in values:
            run = own
            if value != getattr(image.target.assumptions, name):
                target = image.target.with_assumptions(**{name: value})
                run = Simulator(replace(image, target=target))(x[:1])
            cycles, usual = float(run.cycles[0]), float(own.cycles[0])
            rows.append({
                "assumption": name, "value": value, "cycles": cycles,
                "change_percent": 100 * (cycles / usual - 1),
                "differing_integers": sum(int(np.count_nonzero(a != b)) for a, b in zip(
                    run.outputs, own.outputs, strict=True))})
            if progress:
                progress(len(rows), total)
    return rows


def error_bar(image: Image, x: np.ndarray,
              progress: Callable[[int, int], None] | None = None) -> dict:
    """The rows of `spread`, and the lowest and the highest cycles among them."""
    rows = spread(image, x, progress)
    cycles = [row["cycles"] for row in rows]
    return {"spread": rows, "lowest_cycles": min(cycles), "highest_cycles": max(cycles)}
