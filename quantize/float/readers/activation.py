"""Relu, Clip, Min, Max, Softmax, LogSoftmax and every function of one variable."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.functions import FUNCTIONS, Expr, X
from dsplet.quantize.float.readers.elementwise import between_values
from dsplet.quantize.float.readers.reading import Reading, reads


@reads("Relu")
def relu(r: Reading) -> None:
    r.give("Clamp", r.value(), low=0.0, high=np.inf)


@reads("Clip")
def clip(r: Reading) -> None:
    low = r.scalar(1, r.attr("min", -np.inf), "the lower bound")
    high = r.scalar(2, r.attr("max", np.inf), "the upper bound")
    if low > high:
        r.refuse(f"its bounds [{low:g}, {high:g}] are empty")
    r.give("Clamp", r.value(), low=low, high=high)


@reads("Min", "Max")
def bound(r: Reading) -> None:
    constants = [i for i in range(len(r.inputs)) if r.is_const(i)]
    if r.op == "Max" and len(r.inputs) == 2 and not constants:
        return between_values(r)
    if len(r.inputs) != 2 or len(constants) != 1:
        r.refuse("expected one value and one constant" + (", or two values" if r.op == "Max"
                                                          else ""))
    limit = r.scalar(constants[0], what="the bound")
    low, high = (-np.inf, limit) if r.op == "Min" else (limit, np.inf)
    r.give("Clamp", r.value(1 - constants[0]), low=low, high=high)


@reads("PRelu")
def prelu(r: Reading) -> None:
    r.give("Function", r.value(),
           expr=Expr("LeakyRelu", (X,), (r.scalar(1, what="the slope"),)))


@reads(*FUNCTIONS)
def function(r: Reading) -> None:
    params = tuple(r.attr(name, default) for name, default in FUNCTIONS[r.op].attributes)
    r.give("Function", r.value(), expr=Expr(r.op, (X,), params))


@reads("Softmax", "LogSoftmax")
def softmax(r: Reading) -> None:
    x, n = r.shape(), len(r.shape())
    axis = r.axis(r.attr("axis", -1 if r.opset >= 13 else 1))
    if axis == n - 1:
        r.give(r.op, r.value())
    elif r.opset < 13:  # over all axes from `axis` on
        flat = r.emit("Reshape", r.value(), shape=(*x[:axis], int(np.prod(x[axis:]))))
        r.give("Reshape", r.emit(r.op, flat), shape=x)
    else:
        swap = list(range(n))
        swap[axis], swap[-1] = swap[-1], swap[axis]
        last = r.emit("Transpose", r.value(), perm=tuple(swap))
        r.give("Transpose", r.emit(r.op, last), perm=tuple(swap))
