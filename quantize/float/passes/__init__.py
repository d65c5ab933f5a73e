"""Passes over float graphs: each takes a graph and gives an equal one that is simpler.

What survives keeps its ONNX tensor name and its value; where nodes merge, the last name stays.
"""

from __future__ import annotations

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.passes.clamps import drop_clamps, fuse_clamps, raise_clamps
from dsplet.quantize.float.passes.functions import fuse_functions
from dsplet.quantize.float.passes.linear import (
    fold_biases,
    fold_linear,
    lower_linear,
    merge_linear,
    raise_linear,
    sink_linear,
    sum_products,
)
from dsplet.quantize.float.passes.lookups import fold_lookups
from dsplet.quantize.float.passes.loops import last_steps
from dsplet.quantize.float.passes.means import sum_means
from dsplet.quantize.float.passes.moves import drop_idle, drop_whole
from dsplet.quantize.float.passes.phases import spread_phases

PASSES = (
    drop_whole,       # fractions that are cut off an index
    drop_idle,        # Identity, Dropout, reshapes to the same shape, empty padding
    last_steps,       # the last element of a sequence of states is the last state
    fold_biases,      # constants added after Conv and Gemm, also behind a Concat
    fold_lookups,     # products with rows of a table, into another table
    sum_products,     # gates: several Gemms and their Add, into one accumulator
    fold_biases,
    fuse_functions,   # chains and trees of one variable, into one function
    raise_linear,     # Linear above ReLU
    merge_linear,     # Linear of Linear
    fold_linear,      # BatchNormalization and constant factors, into weights
    sink_linear,      # factors into the weights after them
    lower_linear,     # what is left of them: a function, a depthwise Conv, or Mul and Add
    fuse_functions,
    sum_means,        # a function of a mean of very many numbers, of their sum
    raise_clamps,     # ReLU above MaxPool and Reshape
    fuse_clamps,      # ReLU and Clip into the op before
    spread_phases,    # ConvTranspose, into convolutions
    drop_clamps,      # clamps of what cannot leave their bounds
    drop_idle,
)


def simplify(graph: FloatGraph) -> FloatGraph:
    """The graph after all passes."""
    for p in PASSES:
        graph = p(graph)
    return graph
