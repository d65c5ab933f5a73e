"""What the chip reads of an interpolated table: a line for each segment.

A segment's line is value + slope * (d - node), three numbers and three instructions. Where a float
word holds its value at 0 exactly, the line is that and the slope: two numbers, one instruction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsplet.quantize.fixed.arithmetic import RealArray
from dsplet.quantize.fixed.kernel import Buffer, Interpolate
from dsplet.quantize.fixed.statement import Changed, Statement, Table


@dataclass(frozen=True)
class Line(Statement):
    """d = value + slope * d, of the segment that d lies in, as in `Between`. table: `segments`
    slopes, then the values at 0 of the lines that the segments lie on."""

    d: Changed
    table: Table
    segments: int
    first: int
    step_log2: int


def segment_words(s: Interpolate, table: Buffer, slopes: Buffer, factor: float, half: float
                  ) -> RealArray:
    """The words of what is interpolated, times `factor` and `half` more: those of a `Line` if they
    are exact, or of a `Between`."""
    nodes = s.first + (np.arange(table.size) << s.step_log2).astype(np.float64)
    slope = slopes.integers * factor
    value = table.integers * 2.0**s.step_log2 * factor + half
    at_0 = value - slope * nodes
    exact = (at_0.astype(np.float32) == at_0).all()  # 24 bits, as the chip's words
    return np.concatenate([slope, at_0] if exact else [nodes, slope, value])
