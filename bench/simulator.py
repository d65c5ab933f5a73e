"""How fast the engine executes machine code, beside the chip's own 10 M instructions/s at 40 MHz.

Whole networks, timing model and counters on, one thread.  Also what a user waits for: the engine's
first compilation, and one image from the start of the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.networks import network
from firmware_sim import targets
from firmware_sim.engine import fastest
from firmware_sim.image import compile_program
from firmware_sim.simulate import Simulator
from quantize import from_onnx, to_qdq
from quantize.fixed.program import lower
from quantize.recipe import Recipe, quantize

CHIP = 10.0
"""M instructions/s of a dsp32c-40: one in 100 ns (dossier 1, P)."""
IMAGES = {"zip1989": 500, "lenet5": 100}
REPEATS = 3
COMPILE = "from firmware_sim.engine import compile_library; compile_library()"
ONE_IMAGE = """
import sys, numpy as np
from firmware_sim import targets
from firmware_sim.image import compile_program
from firmware_sim.simulate import Simulator
from quantize import from_qdq
from quantize.fixed.program import lower
fixed = from_qdq.load(sys.argv[1])
image = compile_program(lower(fixed), targets.get("dsp32c-40"))
Simulator(image)(np.zeros((1, *fixed.inputs[0].shape), np.int64))
"""


def main() -> dict[str, float]:
    """M instructions/s by network, best of three; seconds of the rest."""
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
        with tempfile.TemporaryDirectory() as folder:
            saved = str(Path(folder) / f"{name}.q.onnx")
            to_qdq.save(fixed, saved)
            rates[f"{name} one image s"] = min(_seconds(ONE_IMAGE, saved) for _ in range(REPEATS))
    Console().print(table)
    with tempfile.TemporaryDirectory() as empty:
        rates["engine compilation s"] = (_seconds(COMPILE, XDG_CACHE_HOME=empty)
                                         - _seconds(COMPILE, XDG_CACHE_HOME=empty))
    for what in [key for key in rates if key.endswith(" s")]:
        print(f"{what.removesuffix(' s')}: {rates[what]:.2f} s")
    if reason:
        print(f"(the Python machine: {reason})")
    return rates


def _seconds(script: str, *arguments: str, **environment: str) -> float:
    """Wall time of a Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", script, *arguments], check=True,
                   env=os.environ | environment)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
