"""Programs interpreted kernel by kernel, for tests that hold a pass against their meaning."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.program import Program


def memory(program: Program, x: np.ndarray) -> dict[str, np.ndarray]:
    """What every buffer holds before the first kernel."""
    start = {b.name: np.zeros(b.size, np.int64) if b.data is None else b.data.copy()
             for b in program.buffers.values()}
    start[program.inputs[0][1]][:] = x.reshape(-1)
    return start
