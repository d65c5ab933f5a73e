"""`python -m bench.c [NETWORK ...]`: emitted C on emulated cores: instructions, code, constants,
RAM, stack. QEMU counts instructions exactly; they are not cycles.

A network is a .q.onnx file, a model of the zoo with random weights (trained ones may need other
shifts and widths: a few per cent, in loops over time up to 18), or an architecture of
$DSPLET_SHARED. What CMSIS-NN's int8 kernels take on the same shapes is measured beside them where
`--cmsis-nn` names a checkout of it; else, and where it has no kernel for a layer, the figures are
those recorded on the same compiler and emulator, with a star.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import cmsis_nn
from dsplet.export.c.emulate import CORES, Core, Run, emulate, missing
from dsplet.firmware_sim.compile.optimize import EFFORTS, optimize
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower

NETWORKS = ("lenet5", "zip1989", "row_lstm", "ds_cnn_s")
SHOWN = ("cortex-m4", "cortex-m3", "rv32imc")
CMSIS_NN = {  # recorded: CMSIS-NN 99f736a6, int8, gcc 12.2 -O2; thousands of instructions
    ("lenet5", "cortex-m4"): 2223, ("lenet5", "cortex-m3"): 2689, ("lenet5", "rv32imc"): 3255,
    ("zip1989", "cortex-m4"): 315, ("zip1989", "cortex-m3"): 397, ("zip1989", "rv32imc"): 521,
    ("row_lstm", "cortex-m4"): 2262, ("row_lstm", "cortex-m3"): 2939,
    ("row_lstm", "rv32imc"): 4210, ("ds_cnn_s", "cortex-m4"): 7698}
CMSIS_NN_RAM = {"lenet5": 7904, "zip1989": 3166, "row_lstm": 2176, "ds_cnn_s": 20096}
LIMITS = {  # thousands of instructions at -O2; a change lowers them or explains
    "balanced": {
        ("lenet5", "cortex-m4"): 790, ("lenet5", "cortex-m3"): 830, ("lenet5", "rv32imc"): 1530,
        ("zip1989", "cortex-m4"): 165, ("zip1989", "cortex-m3"): 168,
        ("zip1989", "rv32imc"): 225, ("row_lstm", "cortex-m4"): 1420,
        ("row_lstm", "cortex-m3"): 2030, ("row_lstm", "rv32imc"): 2730,
        ("ds_cnn_s", "cortex-m4"): 4800, ("ds_cnn_s", "cortex-m3"): 6900,
        ("ds_cnn_s", "rv32imc"): 9900},
    "time": {
        ("lenet5", "cortex-m4"): 565, ("lenet5", "cortex-m3"): 825, ("lenet5", "rv32imc"): 1230,
        ("zip1989", "cortex-m4"): 105, ("zip1989", "cortex-m3"): 162,
        ("zip1989", "rv32imc"): 210, ("row_lstm", "cortex-m4"): 1190,
        ("row_lstm", "cortex-m3"): 1950, ("row_lstm", "rv32imc"): 2570,
        ("ds_cnn_s", "cortex-m4"): 3880, ("ds_cnn_s", "cortex-m3"): 6650,
        ("ds_cnn_s", "rv32imc"): 9800}}
RAM_LIMITS = {
    "balanced": {"lenet5": 1700, "zip1989": 2200, "row_lstm": 800, "ds_cnn_s": 16400},
    "time": {"lenet5": 4500, "zip1989": 4400, "row_lstm": 900, "ds_cnn_s": 41000}}
MEMORY_LIMITS = {  # goal memory on the cortex-m4: (thousands of instructions, bytes of RAM)
    "resnet8": (22_300, 21_400), "mobilenetv1_025_96": (14_200, 23_200), "lenet5": (950, 920)}
WITHIN_ARENA = {  # goal time in the RAM that CMSIS-NN needs: the same, 0.65 of its instructions
    "resnet8": (19_390, 49_728)}


def architectures() -> list[Path]:
    """The float networks of $DSPLET_SHARED/conformance/architectures, by name; none without it."""
    folder = Path(os.environ.get("DSPLET_SHARED", "none")) / "conformance/architectures"
    return sorted(folder.glob("*.onnx"))


def graph(name: str) -> Graph:
    """The network of that file or name in fixed point; what has to be quantized is by the recipe
    `nearest`."""
    from bench.networks import network
    from dsplet.quantize.float import from_onnx
    from dsplet.quantize.network import fixed_graph
    from dsplet.quantize.ptq import recipe
    from dsplet.workflows import quantize
    if name.endswith(".onnx"):
        return fixed_graph(name)
    files = {path.stem: path for path in architectures()}
    if name not in files:
        path, x = network(name)
        return recipe.quantize(from_onnx.load(path), x[:100], recipe.load("nearest"))
    with tempfile.TemporaryDirectory(prefix="dsplet-bench-") as folder:
        fixed = f"{folder}/net.q.onnx"
        quantize.run(quantize.Request(source=str(files[name]), out=fixed, recipe_name="nearest",
                                      data=str(files[name].with_suffix(".npz"))))
        return fixed_graph(fixed)


def measure(graph: Graph, core: Core, goal: str = "balanced", options: str = "-O2",
            ram_bytes: int | None = None) -> tuple[Run, int]:
    """Two samples on the core, one drawn over the inputs' formats and one of their least and
    greatest integers: what it took, and how many integers differ from the reference. ram_bytes:
    what activations may take."""
    rng = np.random.default_rng(0)
    xs = [np.stack([rng.integers(v.format.min, v.format.max + 1, v.shape),
                    rng.choice([v.format.min, v.format.max], v.shape)]) for v in graph.inputs]
    values = graph.run(*xs)
    with tempfile.TemporaryDirectory(prefix="dsplet-bench-") as folder:
        run = emulate(optimize(lower(graph), goal, ram_bytes), core, Path(folder), *xs,
                      options=options)
    return run, run.differing(values[v.name] for v in graph.outputs)


def peer(name: str, graph: Graph, core: Core, checkout: Path | None) -> tuple[str, str]:
    """(thousands of instructions, bytes of RAM) of CMSIS-NN, as text; a star: recorded."""
    if checkout and (found := cmsis_nn.measure(graph, core, checkout)):
        return f"{found.instructions / 1000:,.0f}", f"{found.arena_bytes:,}"
    count, ram = CMSIS_NN.get((name, core.name)), CMSIS_NN_RAM.get(name)
    return f"{count:,} *" if count else "", f"{ram:,} *" if ram else ""


def main(networks: Iterable[str] = (), goals: Iterable[str] = ("balanced",), options: str = "-O2",
         checkout: Path | None = None, ram: int | None = None) -> dict[str, dict]:
    """What each network needs on each core (`name/goal/core`). checkout: of CMSIS-NN. ram: bytes
    that activations may take."""
    console, found = Console(), {}
    table = Table("network", "-O", "core", "instructions", "per MAC", "limit k", "CMSIS-NN k",
                  "code", "const", "RAM", "CMSIS-NN", "stack", "differing")
    for given in networks or NETWORKS:
        net, name = graph(given), Path(given).name.removesuffix(".q.onnx")
        known = next((n for n in NETWORKS if n == name.partition("-")[0]), name)
        cores = [CORES[c] for c in SHOWN if not missing(CORES[c])]
        peers = {core.name: peer(known, net, core, checkout) for core in cores}
        for goal in goals:
            for core in cores:
                run, wrong = measure(net, core, goal, options, ram)
                count = max(run.instructions)
                found[f"{name}/{goal}/{core.name}"] = {
                    "instructions": count, "code_bytes": run.code_bytes,
                    "const_bytes": run.const_bytes, "ram_bytes": run.ram_bytes,
                    "stack_bytes": run.stack_bytes, "differing_integers": wrong}
                limits = LIMITS.get(goal, {}) if options == "-O2" and not ram else {}
                limit = limits.get((known, core.name), "")
                table.add_row(name, goal, core.name, f"{count:,}",
                              f"{count / max(1, net.macs):.2f}", str(limit),
                              peers[core.name][0], f"{run.code_bytes:,}",
                              f"{run.const_bytes:,}", f"{run.ram_bytes:,}", peers[core.name][1],
                              str(run.stack_bytes), str(wrong))
    console.print(table)
    console.print(f"{options}; * recorded, not measured here; the worse of 2 inputs")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*")
    parser.add_argument("--goals", nargs="*", choices=EFFORTS, default=["balanced"])
    parser.add_argument("--options", default="-O2", help="of the compiler")
    parser.add_argument("--ram", type=int, help="bytes that activations may take")
    parser.add_argument("--cmsis-nn", type=Path, metavar="PATH", dest="checkout",
                        help="a checkout of CMSIS-NN, to be measured in the same run")
    main(**vars(parser.parse_args()))
