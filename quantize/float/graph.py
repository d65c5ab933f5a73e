"""The float graph: a trained network in the few ops that have a fixed-point form.

Readers (`quantize.float.readers`) bring ONNX into it, passes (`quantize.float.passes`) simplify
it, `quantize.ptq.convert` turns it into a fixed-point graph. Shapes are those of one sample: the
batch axis is implied. Constants and weights are float64.

    Conv         weight (C_out, C_in/groups, *kernel), bias (C_out, 1.. | *spatial), strides,
                 dilations, groups; no padding (that is Pad's), clamp
    Gemm         weight (M, K), bias (M,), clamp; acts on the last axis
    GemmSum      weight (M, sum of K), bias (M,), clamp: Gemm of several inputs side by side
    MatMul       two values, clamp
    Add Sub Max Mul              two values of equal rank, or one of them from a Constant, clamp
    Linear       scale, offset: y = x * scale + offset, arrays that broadcast to x's shape
    Function     expr (`quantize.float.functions.Expr`): a function of one variable, elementwise
    Clamp        low, high: ReLU and Clip; infinite bounds make it a mere change of format
    MaxPool AveragePool          window, strides, clamp (AveragePool)
    Softmax LogSoftmax           over the last axis
    LogSumExp    over the last axis, which goes
    ArgMax       over the last axis, which goes: an integer
    Gather       data, index: data[index] along data's first axis; index: integers, clipped to it
    Reshape, Transpose (perm), Slice (starts, sizes, steps), Pad (before, after, value),
    Concat (axis), Constant (value)

A loop over time is not a node: its nodes stand among the others, and four ops mark its border. Each
names its `loop`; what depends on a Step or a State and is not yet behind a Carry or a Stack is
computed once a step (`quantize.float.loops`).

    Step         y: the element of this step of a sequence, whose first axis is time
    State        y: the state before this step; the input is its initial value; carry: name of a
                 Carry's output
    Carry        the input is the state after this step; y: the state after the last step
    Stack        y: the sequence of all the steps' values; steps: how many
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from dsplet.base.errors import UserError
from dsplet.quantize.float.functions import Expr, X

MOVING = {"Reshape", "Transpose", "Slice", "Pad", "Concat", "MaxPool", "Step", "State", "Carry",
          "Stack"}
"""Ops that cannot change a format."""
CHOOSING = {"ArgMax", "Gather"}
"""Ops that make, or pick by, integers that are not on any scale."""
CLAMPABLE = {"Conv", "Gemm", "GemmSum", "MatMul", "Add", "Sub", "Max", "Mul", "AveragePool"}
"""Ops whose requantize takes clamp bounds."""
NO_CLAMP = (-np.inf, np.inf)


class ModelError(UserError):
    """A model that cannot be read or quantized: what is wrong, where, and what would mend it."""


@dataclass(frozen=True, eq=False)
class FloatNode:
    """op: see the module. name: unique. inputs, output: value names. attrs: see the module."""

    op: str
    name: str
    inputs: tuple[str, ...]
    output: str
    attrs: dict = field(default_factory=dict)

    def __getitem__(self, attribute: str):
        return self.attrs[attribute]

    def but(self, **changes) -> FloatNode:
        """A copy with other attributes, or another `inputs` or `output`."""
        own = {k: changes.pop(k) for k in ("op", "name", "inputs", "output") if k in changes}
        return replace(self, attrs=self.attrs | changes, **own)


@dataclass(frozen=True, eq=False)
class FloatGraph:
    """Nodes in execution order. shapes: of one sample, by value name. sha256: of the file."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[FloatNode, ...]
    shapes: dict[str, tuple[int, ...]]
    metadata: tuple[tuple[str, str], ...] = ()
    sha256: str = ""

    @cached_property
    def makers(self) -> dict[str, FloatNode]:
        return {n.output: n for n in self.nodes}

    @cached_property
    def uses(self) -> Counter:
        """How often each value is read, counting the graph's outputs."""
        return Counter([i for n in self.nodes for i in n.inputs] + list(self.outputs))

    def consumers(self, value: str) -> list[FloatNode]:
        return [n for n in self.nodes if value in n.inputs]

    def rebuilt(self, nodes: Iterable[FloatNode]) -> FloatGraph:
        """The graph with other nodes: sorted, without what no output needs; shapes anew."""
        makers = {n.output: n for n in nodes}
        order: dict[str, FloatNode] = {}
        stack = list(reversed(self.outputs))
        while stack:
            value = stack[-1]
            missing = [] if value not in makers or value in order else [
                i for i in makers[value].inputs if i in makers and i not in order]
            if missing:
                stack.extend(reversed(missing))
            else:
                stack.pop()
                if value in makers and value not in order:
                    order[value] = makers[value]
                    if makers[value].op == "State":
                        stack.insert(0, makers[value]["carry"])
        shapes = {v: self.shapes[v] for v in self.inputs}
        for n in order.values():
            shapes[n.output] = shape(n, [shapes[i] for i in n.inputs])
        return replace(self, nodes=tuple(order.values()), shapes=shapes)


def shape(node: FloatNode, xs: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of the node's output for input shapes xs."""
    match node.op:
        case "Conv":
            w = node["weight"].shape
            return (w[0], *window_shape(xs[0][1:], w[2:], node["strides"], node["dilations"]))
        case "MaxPool" | "AveragePool":
            ones = (1,) * len(node["window"])
            return (xs[0][0], *window_shape(xs[0][1:], node["window"], node["strides"], ones))
        case "Gemm" | "GemmSum":
            return (*xs[0][:-1], node["weight"].shape[0])
        case "Step":
            return xs[0][1:]
        case "Stack":
            return (node["steps"], *xs[0])
        case "MatMul":
            return (*xs[0][:-1], xs[1][-1])
        case "Add" | "Sub" | "Max" | "Mul":
            return np.broadcast_shapes(*xs)
        case "LogSumExp" | "ArgMax":
            return xs[0][:-1]
        case "Gather":
            return (*xs[1], *xs[0][1:])
        case "Reshape":
            return tuple(node["shape"])
        case "Transpose":
            return tuple(xs[0][p] for p in node["perm"])
        case "Slice":
            return tuple(node["sizes"])
        case "Pad":
            return tuple(n + a + b for n, a, b in
                         zip(xs[0], node["before"], node["after"], strict=True))
        case "Concat":
            total = list(xs[0])
            total[node["axis"]] = sum(x[node["axis"]] for x in xs)
            return tuple(total)
        case "Constant":
            return node["value"].shape
    return xs[0]


def passed_on(node: FloatNode) -> tuple[str, ...]:
    """The inputs whose numbers the output consists of, unchanged."""
    if node.op == "Gather":
        return node.inputs[:1]
    return node.inputs if node.op in MOVING else ()


def window_shape(spatial, window, strides, dilations) -> tuple[int, ...]:
    """How many places a window finds along each spatial axis, without padding."""
    return tuple((n - (k - 1) * d - 1) // s + 1 for n, k, s, d in
                 zip(spatial, window, strides, dilations, strict=True))


def expression(node: FloatNode) -> Expr | None:
    """The node as a function of one variable; None where it is not one."""
    if node.op == "Function":
        return node["expr"]
    if node.op == "Clamp":
        return Expr("Clamp", (X,), (node["low"], node["high"]))
    if node.op == "Linear" and node["scale"].size == 1 and node["offset"].size == 1:
        return Expr("Linear", (X,), (node["scale"].item(), node["offset"].item()))
    return None
