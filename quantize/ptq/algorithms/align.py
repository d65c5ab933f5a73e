"""Align: scales whole activations so that their best step is a power of two.

A step that must be a power of two is up to 1.4 times too coarse or too fine. A factor between two
layers, up in the one and down in the other, costs nothing and makes the best step fit.
"""

from dataclasses import dataclass

import numpy as np

from dsplet.base.errors import door
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.ptq.algorithms.algorithm import Count, Octaves, algorithm, finest


@dataclass(frozen=True)
class Align:
    """per_octave: steps tried between a power of two and the next; octaves: how many of them."""

    per_octave: Count = 8
    octaves: Octaves = 3


@algorithm("equalization", Align)
def align(config: Align, now) -> None:
    for link, histogram in zip(now.links, now.histograms(), strict=True):
        if histogram.low == histogram.high == 0:
            continue
        limits = QFormat(now.recipe.at(link.first).activation_bits, 0, bool(histogram.low < 0))
        reals = histogram.distribution()
        with door(f"'{link.value}'"):
            start = finest(reals.low, reals.high, limits.min, limits.max)
        tried = start + np.arange(-config.per_octave, config.octaves * config.per_octave + 1) \
            / config.per_octave
        best = min(tried, key=lambda f: reals.squared_error(f, limits.min, limits.max))
        now.scale(link, np.full(now.channels(link), 2.0 ** (best - round(best))))
