"""How fast the engine executes machine code, beside the chip's own 10 M instructions/s at 40 MHz.

Whole networks, timing model and counters on, one thread.
"""

from __future__ import annotations

import time

from rich.console import Console
from rich.table import Table

from bench.networks import network
from firmware_sim import targets
from firmware_sim.engine import fastest
from firmware_sim.image import compile_program
from firmware_sim.simulate import Simulator
from quantize import from_onnx
from quantize.fixed.program import lower
from quantize.recipe import Recipe, quantize

CHIP = 10.0
"""M instructions/s of a dsp32c-40: one in 100 ns (dossier 1, P)."""
IMAGES = {"zip1989": 500, "lenet5": 100}
REPEATS = 3


def main() -> dict[str, float]:
    """M instructions/s by network, best of three."""
    target = targets.get("dsp32c-40")
    chip, reason = fastest(target)
    table = Table("network", "images", "instructions each", "M instructions/s", "ratio to the chip")
    rates = {}
    for name, images in IMAGES.items():
        path, x = network(name)
        fixed = quantize(from_onnx.load(path), x[:200], Recipe())
        simulator = Simulator(compile_program(lower(fixed), target), chip)
        q = fixed.inputs[0].format.quantize(x[:images])
        for _ in range(REPEATS):
            chip.reset()
            began = time.perf_counter()
            simulator(q)
            seconds = time.perf_counter() - began
            count = chip.profile().instructions
            rates[name] = max(rates.get(name, 0.0), count / seconds / 1e6)
        table.add_row(name, str(images), f"{count // images:,}", f"{rates[name]:.0f}",
                      f"{rates[name] / CHIP:.1f}")
    Console().print(table)
    if reason:
        print(f"(the Python machine: {reason})")
    return rates


if __name__ == "__main__":
    main()
