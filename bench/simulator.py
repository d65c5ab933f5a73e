"""How fast the engine executes machine code, beside the chip's own 10 M instructions/s at 40 MHz.

Whole networks, timing model and counters on, one thread.  Also what a user waits for: from
`dsplet simulate`, typed for one image, to its table, warm and on an empty cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.networks import network
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.sim.engine import fastest
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.network import Network
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import to_qdq

CHIP = 10.0
"""M instructions/s of a dsp32c-40: one in 100 ns (dsp32c.md 1, P)."""
IMAGES = {"zip1989": 500, "lenet5": 100}
REPEATS = 3


def main() -> dict[str, float]:
    """M instructions/s by network, best of three; seconds of the rest."""
    target = targets.get("dsp32c-40")
    chip, remark = fastest(target)
    table = Table("network", "images", "instructions each", "M instructions/s", "ratio to the chip")
    rates: dict[str, float] = {}
    for name, images in IMAGES.items():
        path, x = network(name)
        fixed = quantize(from_onnx.load(path), x[:200], Recipe(), metadata=Network(path).facts)
        simulator = Simulator(targets.compile(lower(fixed), target).image, chip)
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
            words = _typed(Path(folder), fixed)
            rates[f"{name} simulated, first run s"] = _seconds(words, XDG_CACHE_HOME=folder)
            rates[f"{name} simulated, warm s"] = min(
                _seconds(words, XDG_CACHE_HOME=folder) for _ in range(REPEATS))
    Console().print(table)
    for what in [key for key in rates if key.endswith(" s")]:
        print(f"one image of {what.removesuffix(' s')}: {rates[what]:.2f} s")
    if remark:
        print(f"({remark})")
    return rates


def _typed(folder: Path, fixed: Graph) -> list[str]:
    """The command that simulates one image of the network."""
    to_qdq.save(fixed, folder / "net.q.onnx")
    np.save(folder / "image.npy", np.zeros(fixed.inputs[0].shape, np.uint8))
    return ["dsplet", "simulate", str(folder / "net.q.onnx"), "--images",
            str(folder / "image.npy")]


def _seconds(words: list[str], **environment: str) -> float:
    """Wall time of a command of the installed package."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", *words], check=True, env=os.environ | environment,
                   stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
