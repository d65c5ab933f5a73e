"""Algorithms of post-training quantization, one file each: importing this registers them all."""

from dsplet.quantize.ptq.algorithms import (  # noqa: F401
    adaround,
    align,
    balance,
    bias,
    crosslayer,
    gptq,
    hessian,
    minmax,
    mse,
    nearest,
    percentile,
    trial,
)
from dsplet.quantize.ptq.algorithms.algorithm import (  # noqa: F401
    KINDS,
    Distribution,
    Layer,
    UnknownAlgorithm,
    choose_frac,
    is_a,
    name_of,
    named,
    names,
    run,
)
