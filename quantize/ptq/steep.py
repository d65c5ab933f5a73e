"""Functions that are steeper, where samples lie, than the step of what they read lets them be.

A fourth root or a logarithm near 0 makes much of the least rounding, and no table of the function
mends what the format in front of it has lost.
"""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.ptq.calibrate import Histogram

STEPS, SHARE = 16, 1 / 256
"""More than so many steps of a result, and so much of the largest result, is not to be lost
without a word."""


def steep(graph: FloatGraph, seen: dict[str, Histogram], formats: dict[str, QFormat]) -> list[str]:
    """A line for each function of which the rounding of what it reads moves results far."""
    lines = []
    for n in graph.nodes:
        if not isinstance(n, Function) or n.expr.jumps:
            continue
        fmt, results, x = formats[n.inputs[0]], seen[n.output], n.inputs[0]
        while x not in seen and graph.makers[x].passed:  # what only moves it
            x = graph.makers[x].passed[0]
        if x not in seen:
            continue
        reals = np.append(seen[x].distribution().values, [seen[x].low, seen[x].high])
        reals = reals[(reals != 0) & (reals > fmt.min * fmt.step) & (reals < fmt.max * fmt.step)]
        about = reals + np.array([[0], [-0.5], [0.5]]) * fmt.step
        exact, *found = np.clip(n.expr(np.maximum(about, fmt.min * fmt.step)), results.low,
                                results.high)
        moved = np.nan_to_num(np.abs(np.array(found) - exact)).max(0)
        most = max(STEPS * formats[n.output].step, SHARE * max(-results.low, results.high))
        if moved.size and moved.max() > most:
            at = int(moved.argmax())
            lines.append(f"{n.op} '{n.name}': {n.expr} is steep at {reals[at]:.3g}, where the"
                         f" step {fmt.step:g} of what it reads moves it by {moved[at]:.2g}, of at "
                         f"most {max(-results.low, results.high):.3g}")
    return lines
