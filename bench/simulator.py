"""How fast the engine executes machine code, beside the chip's own 10 M instructions/s at 40 MHz.

Whole networks, timing model and counters on, one thread; beside it, turn by turn, a fixed loop in
C by the same compiler (`calibration.c`), two threads, and the same C as WebAssembly, in wasmtime
and in Chromium.  On a machine that others use too, instructions per step of the fixed loop are what
counts.  Also what a user waits for: from `dsplet simulate`, typed for one image, to its table, warm
and on an empty cache, and without a C compiler.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import chromium
from bench.networks import network
from dsplet.base.library import LibraryError, compiled
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.sim import native, wasm
from dsplet.firmware_sim.dsp32c.sim.engine import Engine, fastest
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.network import Network
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import to_qdq

CHIP = 10.0
"""M instructions/s of a dsp32c-40: one in 100 ns (dsp32c.md 1, P)."""
IMAGES = {"zip1989": 500, "lenet5": 100, "row_lstm": 50, "dates_attention": 30}
TYPED = ("zip1989", "lenet5")
"""Networks that read pictures."""
REPEATS = 9
STEPS = 5_000_000
"""Of the fixed loop in a turn."""


def main() -> dict[str, float]:
    """M instructions/s by network, best of nine; to a step of the fixed loop and of two threads and
    WebAssembly the median of the ratios to the run beside it; seconds of the rest."""
    target = targets.get("dsp32c-40")
    chip, remark = fastest(target)
    table = Table("network", "images", "instructions each", "per cycle", "M instructions/s",
                  "ratio to the chip", "to a calibration step", "two threads / one",
                  "wasmtime / this", "Chromium / this")
    rates: dict[str, float] = {}
    for name, images in IMAGES.items():
        path, x = network(name)
        fixed = quantize(from_onnx.load(path), x[:200], Recipe(), metadata=Network(path).facts)
        image = targets.compile(lower(fixed), target).image
        q = fixed.inputs[0].format.quantize(x[:images])
        run = Simulator(image, chip)(q)
        count = run.profile.instructions
        seconds = _turns(image, chip, q)
        rates[name] = count / min(seconds["engine"]) / 1e6
        rates[f"{name} calibration"] = median(
            count / mine / (STEPS / its)
            for mine, its in zip(seconds["engine"], seconds["calibration"], strict=True))
        for other in ("two threads", "wasmtime", "Chromium"):
            if other in seconds:
                rates[f"{name} {other}"] = median(
                    mine / its for mine, its in zip(seconds["engine"], seconds[other], strict=True))
        table.add_row(name, str(images), f"{count // images:,}", f"{count / run.cycles.sum():.3f}",
                      f"{rates[name]:.0f}", f"{rates[name] / CHIP:.1f}",
                      *(f"{ratio:.2f}" if (ratio := rates.get(f"{name} {other}")) else "-"
                        for other in ("calibration", "two threads", "wasmtime", "Chromium")))
        if name in TYPED:
            rates |= _waited(name, fixed)
    Console().print(table)
    for what in [key for key in rates if key.endswith(" s")]:
        print(f"one image of {what.removesuffix(' s')}: {rates[what]:.2f} s")
    if remark:
        print(f"({remark})")
    return rates


def _waited(name: str, fixed: Graph) -> dict[str, float]:
    """Seconds of `dsplet simulate` for one image."""
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        words = _typed(Path(folder), fixed)
        for kind, environment in (("", {}), (" without a C compiler", {"CC": "none"})):
            environment = {"XDG_CACHE_HOME": f"{folder}/cache{kind}"} | environment
            rates[f"{name} simulated{kind}, first run s"] = _seconds(words, **environment)
            rates[f"{name} simulated{kind}, warm s"] = min(
                _seconds(words, **environment) for _ in range(3))
    return rates


def _turns(image: Image, chip: Engine | Machine, q: np.ndarray) -> dict[str, list[float]]:
    """Seconds of all inputs on whatever there is: each in turn, nine times, the first apart."""
    runs: dict[str, Callable[[], float]] = {
        "engine": _timed(image, chip, q), "calibration": _calibration(),
        "two threads": _timed(image, chip, q, threads=2)}
    with ExitStack() as open_:
        try:
            runs["wasmtime"] = _timed(image, Engine(image.target, doors=wasm.Instance()), q)
        except LibraryError as error:
            print(f"({error})")
        if lack := chromium.found():
            print(f"({lack})")
        else:
            page = open_.enter_context(chromium.page())
            chromium.load(page, image)
            runs["Chromium"] = lambda: chromium.batch(page, image, q)[0]
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(REPEATS + 1):
            for name, run in runs.items():
                took = run()
                if turn:
                    seconds[name].append(took)
    return seconds


def _timed(image: Image, chip: Engine | Machine, q: np.ndarray, threads: int = 1
           ) -> Callable[[], float]:
    simulator = Simulator(image, chip)

    def run() -> float:
        chip.reset()
        began = time.perf_counter()
        simulator(q, threads=threads)
        return time.perf_counter() - began

    return run


def _calibration() -> Callable[[], float]:
    """Seconds of the fixed loop; a machine without a C compiler has none. Raises LibraryError."""
    loop = compiled(Path(__file__).with_name("calibration.c"), native.FLAGS).loaded.calibrate
    loop.argtypes, loop.restype = [ctypes.c_double], ctypes.c_double

    def run() -> float:
        began = time.perf_counter()
        loop(STEPS)
        return time.perf_counter() - began

    return run


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
                   capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
