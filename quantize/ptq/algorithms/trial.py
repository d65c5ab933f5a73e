"""Trial: the step that a range search found and its neighbours, tried by rounding with GPTQ.

A range search sees each weight by itself; weights that make up for each other's errors may be
better off with another step. At 2 bits that is worth 2 dB on LeNet-5
(recipes/default.toml).
"""

from dataclasses import dataclass

import numpy as np

from dsplet.quantize.ptq.algorithms.algorithm import Layer, Octaves, Share, algorithm
from dsplet.quantize.ptq.algorithms.bias import after_clamp
from dsplet.quantize.ptq.algorithms.gptq import Gptq, gptq


@dataclass(frozen=True)
class Trial:
    """around: how many doublings and halvings of the step are tried. damping: see `Gptq`."""

    around: Octaves = 1
    damping: Share = 0.01


@algorithm("trial", Trial)
def trial(config: Trial, layer: Layer, step: np.ndarray, limit: int) -> np.ndarray:
    sums = layer.sums(gptq(Gptq(config.damping), layer, step, limit) * step[:, None])
    error = layer.clamp(sums + after_clamp(layer, sums)) - layer.clamp(layer.wanted)
    return (error**2).mean(0)
