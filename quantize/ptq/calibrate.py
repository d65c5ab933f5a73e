"""Calibration: runs the float network over samples and keeps a histogram of each value.

The result depends on the set of samples alone, not on their order or on batches: samples run one at
a time (`quantize.ptq.samples`), and every count is an exact integer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.ptq.algorithms import Distribution
from dsplet.quantize.ptq.algorithms.algorithm import FRACS
from dsplet.quantize.ptq.samples import Samples

BINS_LOG2 = 13
"""Bins on either side of zero: 2**13."""
FINEST_LOG2 = -60
"""The bins of a value that is zero throughout are 2**-60 wide."""


class Histogram:
    """Counts of reals in bins of width 2**width_log2, [i, i + 1) * width for -2**13 <= i < 2**13.

    A value outside doubles the width until it fits. Doubling merges two bins exactly, so the counts
    are those of one pass with the final width. Zeros are counted apart.
    """

    def __init__(self) -> None:
        self.width_log2 = FINEST_LOG2
        self.counts = np.zeros(2 << BINS_LOG2, np.int64)
        self.zeros = 0
        self.low, self.high = np.inf, -np.inf

    def add(self, reals: np.ndarray) -> None:
        """Count finite reals of any shape."""
        reals = np.asarray(reals, np.float64).reshape(-1)
        if not reals.size:
            return
        self.low, self.high = min(self.low, reals.min()), max(self.high, reals.max())
        _, exponent = np.frexp(max(-self.low, self.high, 0.0))
        self._widen(int(exponent) - BINS_LOG2)
        nonzero = reals[reals != 0]
        self.zeros += reals.size - nonzero.size
        bins = np.floor(nonzero * 2.0**-self.width_log2).astype(np.int64) + (1 << BINS_LOG2)
        self.counts += np.bincount(bins, minlength=len(self.counts))

    def merge(self, other: Histogram) -> None:
        """Count what `other` has counted too. `other` may become coarser."""
        width = max(self.width_log2, other.width_log2)
        self._widen(width)
        other._widen(width)
        self.counts += other.counts
        self.zeros += other.zeros
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    def _widen(self, width_log2: int) -> None:
        half = 1 << BINS_LOG2
        while self.width_log2 < width_log2:
            if not self.counts.any():
                self.width_log2 = width_log2
                return
            merged = np.zeros_like(self.counts)
            merged[half // 2: half + half // 2] = self.counts.reshape(-1, 2).sum(1)
            self.counts = merged
            self.width_log2 += 1

    def distribution(self, function: Callable | None = None) -> Distribution:
        """The bins that are not empty by their centres, and the zeros."""
        width = 2.0**self.width_log2
        used = np.flatnonzero(self.counts)
        values = (used - (1 << BINS_LOG2) + 0.5) * width
        at = int(np.searchsorted(values, 0))
        zeros = [self.zeros] if self.zeros else []
        return Distribution(np.insert(values, at, [0.0] * len(zeros)),
                            np.insert(self.counts[used].astype(np.float64), at, zeros),
                            float(self.low), float(self.high), width, function)


def said(graph: FloatGraph, seen: dict[str, Histogram]) -> list[str]:
    """A line for each value of which the samples say too little to choose a format by."""
    lines = []
    for v, h in seen.items():
        n = graph.makers.get(v)
        if n and n.choices(v, graph.shapes):
            continue
        what = f"{n.op} '{n.name}' gives" if n else f"the input '{v}' is"
        if h.low == h.high == 0:
            lines.append(f"{what} 0 for every calibration sample: its format is that of -1 to 1")
        elif h.low == h.high:
            lines.append(f"{what} {h.low:g} throughout, for every calibration sample")
        elif max(-h.low, h.high) < 2.0 ** -FRACS[-1]:
            lines.append(f"{what} at most {max(-h.low, h.high):.2g}, which no step down to "
                         f"2**-{FRACS[-1]} resolves: scale it")
    return lines


def histograms(graph: FloatGraph, values: Iterable[str], samples: Samples,
               progress: Callable[[int, int], None] | None = None) -> dict[str, Histogram]:
    """A histogram of each of the graph's `values` over all samples.

    progress(done, total) is called as it runs. Raises ModelError where a value is not finite.
    """
    result = {v: Histogram() for v in sorted(values)}
    for found in samples.floats(graph, list(result), progress):
        for v, h in result.items():
            h.add(found[v])
    return result
