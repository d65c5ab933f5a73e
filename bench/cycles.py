"""Cycles of one image on the DSP32C, layer by layer: exact counts, no timing noise."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.networks import network
from firmware_sim import targets
from firmware_sim.image import compile_program
from firmware_sim.simulate import Simulator
from quantize import from_onnx
from quantize.fixed.program import lower
from quantize.recipe import Recipe, quantize

ROWS = (("zip1989", "1989"), ("lenet5", "1989"), ("lenet5", "1991"), ("lenet_caffe", "1991"))


def main() -> dict[str, float]:
    """Cycles per image by network and board (`name/board`)."""
    console, counts = Console(), {}
    summary = Table("network", "board", "MACs", "cycles", "cycles/MAC", "ms (40 MHz)", "differing")
    for name, board in ROWS:
        path, x = network(name)
        fixed = quantize(from_onnx.load(path), x[:200], Recipe())
        target = targets.get("dsp32c-40", board)
        q = fixed.inputs[0].format.quantize(x[:3])
        run = Simulator(compile_program(lower(fixed), target))(q)
        wrong = np.count_nonzero(run.outputs[0] != fixed.run(q)[fixed.outputs[0].name])
        cycles = float(run.cycles.max())
        counts[f"{name}/{board}"] = cycles
        summary.add_row(name, board, f"{fixed.macs:,}", f"{cycles:,.0f}",
                        f"{cycles / fixed.macs:.3f}", f"{target.ms(cycles):.2f}", str(wrong))
    console.print(summary)
    return counts


if __name__ == "__main__":
    main()
