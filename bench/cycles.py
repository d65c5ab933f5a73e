"""Cycles of one image on the DSP32C by network and board: exact counts, no timing noise.

The weights are random, which no count depends on. Limits are this project's own, in cycles per
multiply-accumulate (None: to see what a board costs).
"""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import record
from bench.networks import network
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.optimize import external_bytes
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize

ROWS = (
    ("lenet5", "1991", 1.10), ("lenet5", "1989", 1.25), ("lenet_caffe", "2mb", 1.06),
    ("lenet_caffe", "1991", 1.30), ("zip1989", "1989", 1.25), ("lenet1", "1989", 1.60),
    ("lenet5", "1wait", None), ("zip1989", "1wait", None), ("lenet1", "1wait", None),
    ("lenet5", "80kb", None), ("zip1989", "32kb", None), ("lenet1", "32kb", None),
)
DENSE = ("Conv", "Gemm")


def main() -> dict[str, float]:
    """Cycles per image by network and board (`name/board`)."""
    console, counts = Console(), {}
    table = Table("network", "board", "bytes", "MACs", "cycles", "worst case",
                  "bank stalls, Conv and Gemm", "cycles/MAC", "limit", "ms (40 MHz)", "differing")
    for name, board, limit in ROWS:
        path, x = network(name)
        fixed = quantize(from_onnx.load(path), x[:200], Recipe())
        target = targets.get("dsp32c-40", board)
        q = fixed.inputs[0].format.quantize(x[:3])
        compiled = targets.compile(lower(fixed), target)
        run = compiled.simulate([q])
        wrong = np.count_nonzero(run.outputs[0] != fixed.run(q)[fixed.outputs[0].name])
        cycles = float(run.cycles.max())
        counts[f"{name}/{board}"] = cycles
        stalls = sum(b.stalls["bank"] for b in run.bills if b.section.op in DENSE)
        worst = compiled.worst_case().cycles
        table.add_row(name, board, f"{external_bytes(compiled):,}", f"{fixed.macs:,}",
                      f"{cycles:,.0f}", f"{worst:,.0f}", f"{stalls:g}",
                      f"{cycles / fixed.macs:.3f}", f"{limit:.2f}" if limit else "",
                      f"{target.ms(cycles):.2f}", str(wrong))
    console.print(table)
    record.save("boards", "python -m bench.cycles", (
        {"network": name, "board": board, "cycles": counts[f"{name}/{board}"]}
        for name, board, _ in ROWS))
    return counts


if __name__ == "__main__":
    main()
