"""Nearest: each weight to the nearest integer, by itself."""

from dataclasses import dataclass

import numpy as np

from dsplet.quantize.ptq.algorithms.algorithm import Layer, algorithm
from dsplet.quantize.ptq.algorithms.algorithm import nearest as round_nearest


@dataclass(frozen=True)
class Nearest:
    """No options."""


@algorithm("rounding", Nearest)
def nearest(config: Nearest, layer: Layer, step: np.ndarray, limit: int) -> np.ndarray:
    return round_nearest(layer.weight, step, limit)
