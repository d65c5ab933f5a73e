"""What a user waits for as the work grows: from a small net to 25 M multiply-accumulates, and from
256 to 4,096 weights a channel, on 48 calibration samples.

`python -m bench.growth` prints seconds, and by how many times they and the work grow from row to
row: linear is when the two are alike. Weights are random: speed hardly depends on them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

WIDTHS = (1, 4, 8, 16, 30)
"""Channels of a net's first layer; 32 x 32 pixels of three colours go through five such layers."""
COLUMNS = (256, 512, 1024, 2048, 4096)
ROWS, SAMPLES = 64, 48
BOARD = "flat"
T = TypeVar("T")


def net(width: int):
    """0.05 to 26 million MACs."""
    from torch import nn
    layers, channels = list[nn.Module](), 3
    for times, pool in ((1, False), (1, True), (2, False), (2, True), (4, True)):
        layers += [nn.Conv2d(channels, times * width, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] * pool
        channels = times * width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * channels, 128), nn.ReLU(),
                         nn.Linear(128, 10)), (3, 32, 32)


def layer(columns: int):
    from torch import nn
    return nn.Sequential(nn.Linear(columns, ROWS)), (columns,)


def timed(seconds: dict[str, float], what: str, work: Callable[[], T]) -> T:
    """What work() gives; its seconds are noted."""
    began = time.perf_counter()
    given = work()
    seconds[what] = time.perf_counter() - began
    return given


def measure(module, shape: tuple[int, ...], simulated: bool) -> tuple[int, dict[str, float]]:
    """MACs and seconds of each command on it. simulated: whether the chip is compiled for, too."""
    from dsplet.export import to_onnx
    from dsplet.firmware_sim import targets
    from dsplet.quantize.fixed.program import lower
    from dsplet.quantize.float import from_onnx
    from dsplet.quantize.ptq.recipe import Recipe, quantize
    x = np.random.default_rng(0).standard_normal((SAMPLES, *shape)).astype(np.float32)
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        to_onnx.export(module.eval(), shape, path := Path(folder) / "net.onnx", {}, samples=x)
        graph = from_onnx.load(path)
        fixed = timed(seconds, "quantize", lambda: quantize(graph, x, Recipe()))
    if simulated:
        target = targets.get("dsp32c-40", BOARD)
        compiled = timed(seconds, "compile", lambda: targets.compile(lower(fixed), target))
        q = fixed.inputs[0].format.quantize(x[:1])
        timed(seconds, "simulate", lambda: compiled.simulate([q]))
    return fixed.macs, seconds


def growth(title: str, make: Callable, sizes: tuple[int, ...], simulated: bool
           ) -> dict[str, float]:
    """Seconds by MACs and command, as a table."""
    import torch
    rows = []
    for size in sizes:
        torch.manual_seed(0)
        rows.append((size, *measure(*make(size), simulated)))
    table = Table(title, "M MACs", *(f"{what}, s" for what in rows[0][2]))
    for (size, macs, seconds), (_, less, fewer) in zip(rows, [rows[0], *rows], strict=False):
        def cell(value: str, times: float, first: bool = size == rows[0][0]) -> str:
            return value if first else f"{value}  x {times:.1f}"
        table.add_row(f"{size:,}", cell(f"{macs / 1e6:.2f}", macs / less),
                      *(cell(f"{s:.2f}", s / fewer[what]) for what, s in seconds.items()))
    Console().print(table)
    return {f"{macs} {what}": s for _, macs, seconds in rows for what, s in seconds.items()}


def main() -> dict[str, float]:
    """Seconds by MACs and command."""
    return (growth("channels", net, WIDTHS, True)
            | growth(f"weights of {ROWS} channels", layer, COLUMNS, False))


if __name__ == "__main__":
    main()
