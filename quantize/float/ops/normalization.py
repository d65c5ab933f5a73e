"""What is centred and scaled by its own statistics: layer, instance, group and RMS normalisation
and their kin, out of means, sums of squares, a table of the inverse root, and products."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.ops.binary import Add, Mul, Sub
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.linear import linear
from dsplet.quantize.float.ops.pad import Pad
from dsplet.quantize.float.ops.pool import AveragePool
from dsplet.quantize.float.ops.reduce import SQUARE, apply, power, reduced
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.sum_pool import SumPool
from dsplet.quantize.float.reading import Reading, reads

MICROSOFT = "com.microsoft::"
MOST_TERMS = 1 << 14
"""Of 16 bits each, that 31 bits hold with one to spare."""


def inverse(scale: float, offset: float, exponent: float) -> Expr:
    """(x * scale + offset) to the power of -exponent."""
    return Expr("Pow", (Expr("Linear", (X,), (float(scale), float(offset))),), (-float(exponent),))


def centred(r: Reading, x: str, axes: Sequence[int]) -> tuple[str, str]:
    """x less its mean over the axes, and the mean."""
    n = prod(r.shape_of(x)[a] for a in axes)
    if n & n - 1 == 0:
        mean = reduced(r, x, AveragePool, axes)
    else:  # the share of 1 / n that a pooling of wide numbers has room for is a rough one
        share = r.emit(Constant, value=np.full((1,) * len(r.shape_of(x)), 1 / n))
        mean = r.emit(Mul, summed(r, x, axes), share)
    return r.emit(Sub, x, mean), mean


def scaled(r: Reading, x: str, axes: Sequence[int], epsilon: float, to: str | None = None
           ) -> tuple[str, str]:
    """x with a mean square of 1 over the axes, and the factor that makes it so. to: the output that
    the first is."""
    n = prod(r.shape_of(x)[a] for a in axes)
    total = summed(r, apply(r, x, SQUARE), axes)
    factor = r.emit(Function, total, expr=inverse(1 / n, epsilon, 0.5))
    return r.emit(Mul, x, factor, to=to), factor


def give_scaled(r: Reading, x: str, axes: Sequence[int], epsilon: float, gain: np.ndarray,
                offset: np.ndarray) -> str:
    """What `scaled` gives, times the gain plus the offset, as the node's output; the factor."""
    if (gain == 1).all() and (offset == 0).all():
        return scaled(r, x, axes, epsilon, r.outputs[0])[1]
    y, factor = scaled(r, x, axes, epsilon)
    linear(r, y, gain, offset, r.outputs[0])
    return factor


def summed(r: Reading, x: str, axes: Sequence[int]) -> str:
    """The sum over the axes; of very many numbers, which no accumulator holds, of sums."""
    if len(axes) > 1 and prod(r.shape_of(x)[a] for a in axes) > MOST_TERMS:
        x, axes = summed(r, x, axes[1:]), axes[:1]
    return reduced(r, x, SumPool, axes)


def last_axes(r: Reading, first: int) -> list[int]:
    """The axes of one sample from ONNX's axis `first` on."""
    return [r.axis(a) for a in range(first % r.rank, r.rank)]


def per_channel(r: Reading, i: int, what: str, rank: int) -> np.ndarray:
    """Constant input i, one number for each channel of a sample of so many axes."""
    if r.batch():
        r.refuse(f"the batch is axis {r.batch()}; expected it first, the channels next")
    return r.real(i, what).reshape(-1, *(1,) * (rank - 1))


@reads("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", anywhere=True)
def layer_normalization(r: Reading) -> None:
    axes = last_axes(r, r.attr("axis", -1))
    give_normalized(r, r.value(), axes, 1, 2 if r.op == "LayerNormalization" else None)


@reads(f"{MICROSOFT}SkipLayerNormalization", f"{MICROSOFT}SkipSimplifiedLayerNormalization")
def skip_layer_normalization(r: Reading) -> None:
    """The same of the sum of two values and a bias, which may be an output, too."""
    rank, plain = len(r.shape()), r.op.endswith("SkipLayerNormalization")
    total = r.emit(Add, r.value(0, rank), r.value(1, rank))
    bias = 4 if plain else 3
    if r.has(bias):
        total = linear(r, total, offset=r.real(bias, "the bias"))
    if any(r.outputs[3:]):
        r.emit(Reshape, total, to=r.outputs[3], shape=r.shape_of(total))
    give_normalized(r, total, [rank - 1], 2, 3 if plain else None)


def give_normalized(r: Reading, x: str, axes: list[int], gain: int, offset: int | None) -> None:
    """The node's outputs: x normalised over its last axes, times the constant input `gain`, plus
    the input `offset`; the mean; the factor. offset: None: there is no mean to be taken away."""
    epsilon = r.attr("epsilon", 1e-12 if "Skip" in r.op else 1e-5)
    bias, statistics = np.zeros(1), [""] * ("Skip" in r.op)
    if offset is not None:
        x, mean = centred(r, x, axes)
        statistics = [mean]
        bias = r.real(offset, "the offset") if r.has(offset) else bias
    factor = give_scaled(r, x, axes, epsilon, r.real(gain, "the scale"), bias)
    for statistic, output in zip([*statistics, factor], r.outputs[1:], strict=False):
        if statistic and output:
            r.emit(Reshape, statistic, to=output, shape=r.shape_of(statistic))


@reads("InstanceNormalization")
def instance_normalization(r: Reading) -> None:
    rank = len(r.shape())
    gain, offset = per_channel(r, 1, "the scale", rank), per_channel(r, 2, "the offset", rank)
    axes = list(range(1, rank))
    give_scaled(r, centred(r, r.value(), axes)[0], axes, r.attr("epsilon", 1e-5), gain, offset)


@reads("GroupNormalization")
def group_normalization(r: Reading) -> None:
    """Until opset 21 the scale is one of each group."""
    shape, groups = r.shape(), r.attr("num_groups")
    rank = len(shape)
    gain, offset = per_channel(r, 1, "the scale", rank), per_channel(r, 2, "the offset", rank)
    if r.opset < 21:
        gain, offset = (a.repeat(shape[0] // groups, 0) for a in (gain, offset))
    if shape[0] % groups or len(gain) != shape[0]:
        r.refuse(f"{shape[0]} channels, {groups} groups and {r.real(1).size} scales do not fit "
                 "together")
    x = r.emit(Reshape, r.value(), shape=(groups, prod(shape) // groups))
    y, _ = scaled(r, centred(r, x, [1])[0], [1], r.attr("epsilon", 1e-5))
    linear(r, r.emit(Reshape, y, shape=shape), gain, offset, r.outputs[0])


@reads("MeanVarianceNormalization")
def mean_variance_normalization(r: Reading) -> None:
    axes = [r.axis(a) for a in r.attr("axes", [0, 2, 3])]
    scaled(r, centred(r, r.value(), axes)[0], axes, 1e-9, r.outputs[0])


@reads("LpNormalization")
def lp_normalization(r: Reading) -> None:
    p, axis = r.attr("p", 2), r.axis(r.attr("axis", -1))
    total = reduced(r, apply(r, r.value(), power(p)), SumPool, [axis])
    r.give(Mul, r.value(), r.emit(Function, total, expr=inverse(1.0, 0.0, 1 / p)))


@reads("LRN")
def local_response_normalization(r: Reading) -> None:
    """x / (bias + alpha / size * sum of squares of `size` neighbouring channels) ** beta."""
    shape, size = r.shape(), r.attr("size")
    if r.batch():
        r.refuse(f"the batch is axis {r.batch()}; expected it first, the channels next")
    channels, rest = shape[0], prod(shape[1:])
    x = r.emit(Reshape, apply(r, r.value(), SQUARE), shape=(1, channels, rest))
    x = r.emit(Pad, x, before=(0, (size - 1) // 2, 0), after=(0, size // 2, 0), value=0.0)
    total = r.emit(SumPool, x, window=(size, 1), strides=(1, 1))
    factor = r.emit(Function, r.emit(Reshape, total, shape=shape), expr=inverse(
        r.attr("alpha", 1e-4) / size, r.attr("bias", 1.0), r.attr("beta", 0.75)))
    r.give(Mul, r.value(), factor)
