"""Bias correction: takes the mean of the error that rounding has made out of each channel.

Nagel et al., arXiv 1906.04721, section 4.2, measured on the calibration samples.
"""

from dataclasses import dataclass

import numpy as np

from dsplet.quantize.ptq.algorithms.algorithm import Layer, algorithm

STEPS = 5
"""Newton's method: the clamp makes the mean a piecewise linear function of the bias."""


@dataclass(frozen=True)
class Mean:
    """The mean before the clamp, as published."""


@dataclass(frozen=True)
class Clamped:
    """The least squared error after the clamp."""


@algorithm("bias", Mean)
def mean(config: Mean, layer: Layer, weight: np.ndarray) -> np.ndarray:
    return (layer.wanted - layer.sums(weight)).mean(0)


@algorithm("bias", Clamped)
def clamped(config: Clamped, layer: Layer, weight: np.ndarray) -> np.ndarray:
    return after_clamp(layer, layer.sums(weight))


def after_clamp(layer: Layer, sums: np.ndarray) -> np.ndarray:
    """(C,): what to add to sums (N, C) for the least squared error after the clamp."""
    wanted, total = layer.clamp(layer.wanted), np.zeros(sums.shape[1])
    for _ in range(STEPS):
        moved = sums + total
        inside = (moved > layer.low) & (moved < layer.high)
        error = (layer.clamp(moved) - wanted) * inside
        total -= error.sum(0) / np.maximum(inside.sum(0), 1)
    return total
