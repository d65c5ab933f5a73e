"""What this machine has of what dsplet uses, how fast it simulates, and what each lack costs."""

from __future__ import annotations

import platform
import shlex
import time
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from dsplet.base.errors import UserError, said, stop_behind
from dsplet.base.library import compiler, own_cache
from dsplet.base.progress import SILENT, Watch

if TYPE_CHECKING:
    from dsplet.quantize.fixed.graph import Graph

NEEDED = ("numpy", "onnx", "onnxruntime")
"""Without which no network gets anywhere; what stands on them is imported behind them."""
PACKAGES = {
    "torch": "no dsplet train, export, finetune: pip install 'dsplet[train]'",
    "onnxscript": "no dsplet export: pip install 'dsplet[train]'",
    "safetensors": "no checkpoints: pip install 'dsplet[train]'",
    "scikit-learn": "no data set digits: pip install 'dsplet[train]'",
    "pooch": "data sets are not fetched: pip install 'dsplet[train]'",
    "scipy": "no dsplet widths: pip install 'dsplet[search]'",
    "optuna": "no dsplet widths --study: pip install 'dsplet[search]'",
    "wasmtime": "no fast engine without a C compiler: pip install 'dsplet[wasm]'",
    "unicorn": "no --target but the DSP32C's: pip install 'dsplet[cores]'",
    "matplotlib": "no --plot: pip install 'dsplet[search]'"}
"""What comes with an extra, and what its lack costs."""
TARGET = "dsp32c-40"
UNITS = 256
MEASURE_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Request:
    """There is nothing to choose."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """found: its version, place or speed, "" where it is not there. lack: what that costs, or what
    makes it slow; else ""."""

    part: str
    found: str
    lack: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """simulated_cycles_per_s: of a dense layer on the chip. problems: why the main job, from a
    network's file to cycles, cannot run here. passed: there are none."""

    FIRST = ("passed", "problems")

    versions: list[Part]
    machine: list[Part]
    data: list[Part]
    simulated_cycles_per_s: float | None = None
    problems: list[str]
    passed: bool


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Look, and run a small layer; what fails is in the report."""
    problems = [problem for name in NEEDED if (problem := _broken(name))]
    speed, remark = None, ""
    if not problems:
        try:
            speed, remark = _speed()
        except Exception as error:  # whatever ails it is what is asked for
            problems.append(f"a small layer cannot be simulated: {_ailment(error)}")
    return Report(
        versions=[Part(part="python", found=platform.python_version(), lack=""),
                  *(_package(name, f"nothing works: pip install {name}")
                    for name in ("dsplet", *NEEDED)),
                  *(_package(name, lack) for name, lack in PACKAGES.items())],
        machine=[*_compiler(), _simulator(speed, remark), *([] if problems else _cores())],
        data=[_digits(), *([] if problems else _files())],
        simulated_cycles_per_s=speed, problems=problems, passed=not problems)


def _broken(name: str) -> str:
    """Why a needed package cannot be imported."""
    try:
        import_module(name)
    except Exception as error:  # an installation can be broken in any way
        return f"{name} cannot be imported: {_ailment(error)}"
    return ""


def _ailment(error: Exception) -> str:
    """What the error says. Raises KeyboardInterrupt where that is what is behind it."""
    if stop := stop_behind(error):
        raise stop
    return said(error)


def _package(name: str, lack: str) -> Part:
    try:
        return Part(part=name, found=version(name), lack="")
    except PackageNotFoundError:
        return Part(part=name, found="", lack=lack)


def _compiler() -> list[Part]:
    """The C compiler, and where what it makes is kept."""
    try:
        found_compiler = Part(part="C compiler", found=shlex.join(compiler()), lack="")
    except UserError as error:
        found_compiler = Part(part="C compiler", found="", lack=f"no compiled engine: {error}")
    try:
        cache = Part(part="cache", found=str(own_cache()), lack="")
    except UserError as error:
        cache = Part(part="cache", found="", lack=f"the engine is compiled each time: {error}")
    return [found_compiler, cache, _test_sets()]


def _test_sets() -> Part:
    """What runs the integers of a network on many samples."""
    if problem := _broken("numpy"):
        return Part(part="test sets", found="", lack=problem)
    from dsplet.firmware_sim.lanes.compiler import vectors
    try:
        return Part(part="test sets", found=f"compiled, {vectors().lanes} samples a vector",
                    lack="")
    except UserError as error:
        return Part(part="test sets", found="ONNX Runtime", lack=f"several times slower: {error}")


def _simulator(speed: float | None, remark: str) -> Part:
    return Part(part="simulator", found=f"{speed / 1e6:,.3g} million cycles a second" if speed
                else "", lack=remark if speed else "nothing can be simulated")


def _cores() -> list[Part]:
    """Compilers and emulators of the processors that emitted C is measured on."""
    from dsplet.export.c.emulate import CORES, missing
    return [Part(part=core.name, found="" if missing(core) else
                 f"{core.compiler[0]}, {core.emulator[0]}", lack="" if not missing(core) else
                 f"emitted C is not measured on it: apt-get install {core.packages}")
            for core in CORES.values()]


def _files() -> list[Part]:
    from dsplet.data import files, mnist, usps
    places = {"mnist": files.found("mnist", mnist.SHA256),
              "usps": files.found("usps", [usps.FILE])}
    return [Part(part=name, found=str(path or ""), lack="" if path else (
        f"no --data {name} before it is fetched, or DSPLET_DATA names a folder that has it"))
        for name, path in places.items()]


def _digits() -> Part:
    there = find_spec("sklearn") is not None
    return Part(part="digits", found="with scikit-learn" if there else "",
                lack="" if there else PACKAGES["scikit-learn"])


def _speed() -> tuple[float, str]:
    """Simulated cycles a second, and what makes it slow. RuntimeError where integers are wrong."""
    import numpy as np

    from dsplet.firmware_sim import targets
    from dsplet.quantize.fixed.program import lower
    graph = _layer()
    compiled = targets.compile(lower(graph), targets.get(TARGET))
    x = np.random.default_rng(0).integers(-128, 128, (1, UNITS))
    done = compiled.simulate([x])
    if (done.outputs[0] != graph.run(x)["y"]).any():
        raise RuntimeError("its integers are not those of the reference")
    cycles, count, began = 0.0, 1, time.perf_counter()
    while (seconds := time.perf_counter() - began) < MEASURE_S:
        cycles += float(compiled.simulate([x.repeat(count, 0)]).cycles.sum())
        count *= 2
    return cycles / seconds, compiled.remark


def _layer() -> Graph:
    """A dense layer."""
    import numpy as np

    from dsplet.quantize.fixed.graph import Graph, Value, Weight
    from dsplet.quantize.fixed.ops.gemm import Gemm
    from dsplet.quantize.fixed.qformat import QFormat
    chance = np.random.default_rng(0)
    x, y = Value("x", (UNITS,), QFormat(8, 7)), Value("y", (10,), QFormat(8, 3))
    weight = Weight(chance.integers(-127, 128, (10, UNITS)).astype(np.int8), 8, np.array([7]))
    return Graph("doctor", (x,), (Gemm("y", (x,), y, weight, np.zeros(10, np.int64)),), (y,))
