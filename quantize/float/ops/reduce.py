"""Whole axes of a sample become one number: ONNX's reductions and global poolings, each out of
poolings and functions of one variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.node import FloatNode
from dsplet.quantize.float.ops.binary import Mul
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.linear import linear
from dsplet.quantize.float.ops.logsumexp import LogSumExp
from dsplet.quantize.float.ops.pool import AveragePool, MaxPool, Pool, geometry, spaced
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.ops.sum_pool import SumPool
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.ops.window import explicit_pads, padded
from dsplet.quantize.float.reading import Reading, reads

SQUARE = Expr("Mul", (X, X))
KINDS: dict[str, tuple[type[FloatNode], Expr, Expr]] = {
    "Mean": (AveragePool, X, X),
    "Sum": (SumPool, X, X),
    "L1": (SumPool, Expr("Abs", (X,)), X),
    "L2": (SumPool, SQUARE, Expr("Sqrt", (X,))),
    "SumSquare": (SumPool, SQUARE, X),
    "LogSum": (SumPool, X, Expr("Log", (X,))),
    "LogSumExp": (LogSumExp, X, X)}
"""What reduces, the function before it and the one behind it."""
FRACTIONS = ("ReduceMean", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp")
"""What gives fractions, also of integers."""
MOST_FACTORS = 16
"""Every product is rounded: of more numbers nothing is left."""


def power(p: float) -> Expr:
    """|x|^p, at p = 2 without the detour."""
    absolute = Expr("Abs", (X,))
    return SQUARE if p == 2 else absolute if p == 1 else Expr("Pow", (absolute,), (float(p),))


def root(p: float) -> Expr:
    """The inverse of `power`, of what is not negative."""
    return X if p == 1 else Expr("Sqrt", (X,)) if p == 2 else Expr("Pow", (X,), (1.0 / p,))


def apply(r: Reading, x: str, expr: Expr) -> str:
    """The function of a value; the value itself where it is the identity."""
    return x if expr == X else r.emit(Function, x, expr=expr)


def lasting(r: Reading, x: str, axes: Sequence[int]) -> str:
    """The value as (numbers kept, numbers that become one)."""
    shape = r.shape_of(x)
    kept = [a for a in range(len(shape)) if a not in axes]
    x = r.emit(Transpose, x, perm=(*kept, *axes))
    return r.emit(Reshape, x, shape=(prod(shape[a] for a in kept), prod(shape[a] for a in axes)))


def placed(r: Reading, y: str, like: str, axes: Sequence[int], keep: bool, to: str | None) -> str:
    """What became of the axes of `like`, in its shape. keep: they stay, with a size of 1. to:
    the output that it is."""
    shape, batch = r.shape_of(like), r.layout_of(like)
    target = tuple(1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes)
    if to and batch and not keep:
        r.put_batch(replace(batch, axis=batch.axis - sum(a < batch.axis for a in axes)), to)
    return r.emit(Reshape, y, to=to, shape=target)


def reduced(r: Reading, x: str, kind: type[FloatNode], axes: Sequence[int], keep: bool = True,
            to: str | None = None) -> str:
    """The value with whole axes of a sample made one number each, by a pooling, or by an op that
    takes the last axis away. See `placed`."""
    shape, pooling = r.shape_of(x), issubclass(kind, Pool)
    if pooling and len(shape) in (2, 3) and list(axes) == list(range(1, len(shape))):
        value, window = x, shape[1:]
    else:
        value = lasting(r, x, axes)
        window = r.shape_of(value)[1:]
    geometry: dict[str, Any] = {"window": window, "strides": (1,) * len(window)} if pooling else {}
    return placed(r, r.emit(kind, value, **geometry), x, axes, keep, to)


def multiplied(r: Reading, x: str, axes: Sequence[int], keep: bool) -> None:
    """The product over axes of a sample, half of the numbers times the other half at a time."""
    y = lasting(r, x, axes)
    lead, n = r.shape_of(y)
    if n > MOST_FACTORS:
        r.refuse(f"multiplies {n} numbers; at most {MOST_FACTORS} are supported")

    def part(start: int, size: int) -> str:
        return r.emit(Slice, y, starts=(0, start), sizes=(lead, size), steps=(1, 1))

    alone = []
    while n > 1:
        if n % 2:
            alone.append(part(n - 1, 1))
        y, n = r.emit(Mul, part(0, n // 2), part(n // 2, n // 2)), n // 2
    for factor in alone:
        y = r.emit(Mul, y, factor)
    placed(r, y, x, axes, keep, r.outputs[0])


def reduced_axes(r: Reading) -> tuple[list[int], bool]:
    """The axes that a reduction names, of one sample, and whether they stay with a size of 1."""
    axes = r.ints("axes", 1)
    if not axes:
        r.refuse("reduces over every axis, the batch too; name the axes")
    return sorted({r.axis(a) for a in axes}), bool(r.attr("keepdims", 1))


@reads(*(f"Reduce{kind}" for kind in KINDS), anywhere=True)
def reduce(r: Reading) -> None:
    kind, before, behind = KINDS[r.op.removeprefix("Reduce")]
    if idle(r, plain=before == behind == X):
        return
    if r.in_integers() and r.op in FRACTIONS:
        r.refuse("gives integers of fractions, of which runtimes keep the whole part alone; cast "
                 "them to float before")
    axes, keep = reduced_axes(r)
    x = apply(r, r.value(), before)
    if behind == X:
        reduced(r, x, kind, axes, keep, r.outputs[0])
    else:
        placed(r, apply(r, reduced(r, x, kind, axes), behind), r.inputs[0], axes, keep,
               r.outputs[0])


@reads("ReduceMax", "ReduceMin", anywhere=True)
def reduce_extreme(r: Reading) -> None:
    if not idle(r):
        extreme(r, r.op.removeprefix("Reduce"), *reduced_axes(r), r.outputs[0])


def extreme(r: Reading, kind: str, axes: Sequence[int], keep: bool, to: str) -> None:
    """The largest or (kind "Min") the smallest of the first input along axes. See `placed`."""
    if kind == "Max":
        reduced(r, r.value(), MaxPool, axes, keep, to)
        return
    largest = reduced(r, linear(r, r.value(), -1.0), MaxPool, axes)
    placed(r, linear(r, largest, -1.0), r.inputs[0], axes, keep, to)


@reads("ReduceProd", anywhere=True)
def reduce_prod(r: Reading) -> None:
    if not idle(r):
        multiplied(r, r.value(), *reduced_axes(r))


def idle(r: Reading, plain: bool = True) -> bool:
    """Whether the node reduces over no axis, which makes it, where it is `plain`, the identity."""
    if not r.attr("noop_with_empty_axes", 0) or r.ints("axes", 1):
        return False
    if not plain:
        r.refuse("reduces over no axis (noop_with_empty_axes=1), which runtimes read differently; "
                 "name the axes")
    r.give(Reshape, r.value(), shape=r.shape())
    return True


@reads("GlobalAveragePool", "GlobalMaxPool")
def global_pool(r: Reading) -> None:
    kind = AveragePool if r.op == "GlobalAveragePool" else MaxPool
    reduced(r, r.value(), kind, spatial(r), to=r.outputs[0])


@reads("GlobalLpPool")
def global_lp_pool(r: Reading) -> None:
    p = r.attr("p", 2)
    total = reduced(r, apply(r, r.value(), power(p)), SumPool, spatial(r))
    r.give(Reshape, apply(r, total, root(p)), shape=r.shape_of(total))


def spatial(r: Reading) -> list[int]:
    """The axes of one sample behind its channels."""
    if r.batch() or len(r.shape()) < 2:
        r.refuse(f"expected (batch, channels, at least one axis more), got {tuple(r.full())}, the "
                 f"batch being axis {r.batch()}")
    return list(range(1, len(r.shape())))


@reads("LpPool")
def lp_pool(r: Reading) -> None:
    (window, strides, dilations), p = geometry(r), r.attr("p", 2)
    pads = explicit_pads(r, window, strides, dilations, bool(r.attr("ceil_mode", 0)))
    x = apply(r, padded(r, *pads, 0.0), power(p))
    total = r.emit(SumPool, x, window=tuple(window), strides=tuple(strides),
                   dilations=spaced(dilations))
    r.give(Reshape, apply(r, total, root(p)), shape=r.shape_of(total))
