"""What sharing saves: a net that slides over a line of digits, against a window at a time.

`python -m bench.sliding` prints executed cycles beside the multiply-accumulates that follow from
the geometry, for 1, 9 and 31 windows 4 pixels apart (Matan, Burges, LeCun and Denker, NIPS
4:488-495, 1992, have "roughly an order of magnitude", with zones of four widths), and what the
machines that read 31 columns add. Weights are random: cycles do not depend on them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import record
from dsplet.export import to_onnx
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.bill import layer_rows, module_rows
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq import recipe

NETS = ("lenet1", "reader")
WINDOWS, STEP = (1, 9, 31), 4
MACHINES = ("digits", "five_digits")
BOARD = "1991"
SEED = 0


def measure(module, shape: tuple[int, ...]) -> dict:
    """MACs and cycles of one input of `shape`, fixed point, and cycles by the module's parts."""
    rng = np.random.default_rng(SEED)
    x = rng.uniform(0, 1, (4, *shape)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        to_onnx.export(module, shape, path := Path(folder) / "net.onnx", {}, samples=x)
        fixed = recipe.quantize(from_onnx.load(path), x, recipe.load("nearest"))
    compiled = targets.compile(lower(fixed), targets.get("dsp32c-40", BOARD))
    q = fixed.inputs[0].format.quantize(x[:1])
    run = compiled.simulate([q])
    wanted = fixed.run(q)
    assert all((y == wanted[v.name]).all() for y, v in zip(run.outputs, fixed.outputs, strict=True))
    rows = module_rows(layer_rows(compiled, run, compiled.worst_case()))
    cycles = float(run.cycles[0])
    return {"macs": fixed.macs, "cycles": cycles, "latency_ms": compiled.target.ms(cycles),
            "modules": {row.module: row.cycles for row in rows or ()}}


def main() -> dict:
    """Rows by net and number of windows, and by machine."""
    import torch

    from dsplet.data import automaton as machine
    from dsplet.train import zoo
    from dsplet.train.reading import Reader, sliding
    sharing, machines = [], []
    for name in NETS:
        torch.manual_seed(SEED)
        card = zoo.get(name)
        built = card.build().eval()
        assert isinstance(built, torch.nn.Sequential)
        net = sliding(built, card.input_shape)
        c, h, w = card.input_shape
        alone = measure(net, card.input_shape)
        for n in WINDOWS:
            found = alone if n == 1 else measure(net, (c, h, w + STEP * (n - 1)))
            sharing.append({"net": name, "windows": n, "columns": w + STEP * (n - 1),
                            "macs": found["macs"], "macs_saved": n * alone["macs"] / found["macs"],
                            "cycles": found["cycles"],
                            "cycles_apart": n * alone["cycles"],
                            "cycles_saved": n * alone["cycles"] / found["cycles"],
                            "latency_ms": found["latency_ms"]})
    for name in MACHINES:
        read_by = machine.load(name, card.classes)
        found = measure(Reader(net, read_by), (c, h, w + STEP * (WINDOWS[-1] - 1)))
        path = found["cycles"] - found["modules"].get("recognizer", 0)
        machines.append({"machine": name, "states": len(read_by), "cycles": found["cycles"],
                         "path_cycles": path, "path_percent": 100 * path / found["cycles"],
                         "latency_ms": found["latency_ms"]})
    for title, rows in (("sharing", sharing), ("machines", machines)):
        table = Table(*(key.replace("_", " ") for key in rows[0]), title=title)
        for row in rows:
            table.add_row(*(f"{v:,.2f}" if isinstance(v, float) and v < 1000 else
                            f"{v:,.0f}" if not isinstance(v, str) else v for v in row.values()))
        Console(width=130).print(table)
    for name, rows in (("sliding", sharing), ("machines", machines)):
        record.save(name, "python -m bench.sliding", rows)
    return {"board": BOARD, "sharing": sharing, "machines": machines}


if __name__ == "__main__":
    main()
