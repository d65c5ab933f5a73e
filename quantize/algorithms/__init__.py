"""Algorithms that choose a step, one file each: importing this package registers them all."""

from quantize.algorithms import minmax, mse, percentile  # noqa: F401
from quantize.algorithms.algorithm import (  # noqa: F401
    Algorithm,
    Distribution,
    UnknownAlgorithm,
    choose_frac,
    named,
    names,
)
