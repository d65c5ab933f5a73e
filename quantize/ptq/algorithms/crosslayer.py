"""Cross-layer equalization: where a channel joins two layers, both get weights of one range.

Nagel et al., arXiv 1906.04721, section 4.1: s = sqrt(r_second / r_first), swept over all pairs
until it settles. It takes a ReLU, or nothing, between the layers.
"""

from dataclasses import dataclass

import numpy as np

from dsplet.quantize.ptq.algorithms.algorithm import Count, algorithm
from dsplet.quantize.ptq.links import ranges


@dataclass(frozen=True)
class CrossLayer:
    """sweeps: over all pairs."""

    sweeps: Count = 5


@algorithm("equalization", CrossLayer)
def crosslayer(config: CrossLayer, now) -> None:
    for _ in range(config.sweeps):
        for link in now.links:
            first, second = ranges(now.graph, link)
            factor = np.ones(len(first))
            used = (first > 0) & (second > 0)
            factor[used] = np.sqrt(second[used] / first[used])
            factor[used] /= np.exp(np.log(factor[used]).mean())
            now.scale(link, factor)
