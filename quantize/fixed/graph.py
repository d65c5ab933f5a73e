"""The graph: values with formats, and nodes that compute them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import cache
from inspect import Parameter, signature
from math import prod
from typing import Any, ClassVar, TypeVar

import numpy as np

from dsplet.base.errors import shown
from dsplet.quantize.fixed.arithmetic import IntArray, RealArray, StoredArray, requantize
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.fields import check_fields
from dsplet.quantize.fixed.qformat import QFormat, RangeError

T = TypeVar("T")

RARE = {"text": "only where it differs from its default"}
"""Metadata of a field that says nothing in most networks: it is left out of their text."""
MOST_AXES = 12
MOST_NUMBERS = 1 << 28
"""Of a value, for one sample."""
FARTHEST_WEIGHT_FRAC = 80
"""Of weights: with an activation's 40 the step of their products is a normal float32."""
FARTHEST_SHIFT = 31
"""What an int32 can be shifted by."""
WIDEST_BITS = 62
"""Of a sum behind a shift to the left, without its sign."""


@dataclass(frozen=True)
class Value:
    """A tensor: its name, its shape for one sample (no batch axis) and its format.

    At most MOST_AXES axes, none of them empty, and MOST_NUMBERS numbers.
    """

    name: str
    shape: tuple[int, ...]
    format: QFormat

    def __post_init__(self) -> None:
        check_fields(self, ("name", "shape", "format"), f"the value {shown(self.name)}")
        if len(self.shape) > MOST_AXES or min(self.shape, default=1) < 1 or (
                prod(self.shape) > MOST_NUMBERS):
            raise ValueError(f"the value '{self.name}' has the shape {shown(self.shape)}")

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Weight:
    """Constant integers q with |q| <= 2**(bits-1) - 1; real value q * 2**-frac.

    bits: 2..16. frac: shape (1,) per tensor, or (C,) with one entry for each index of q's axis 0;
    within +-FARTHEST_WEIGHT_FRAC, or RangeError.
    """

    q: StoredArray
    bits: int
    frac: IntArray

    def __post_init__(self) -> None:
        check_fields(self, ("q", "bits", "frac"), "weights")
        if not 2 <= self.bits <= 16:
            raise ValueError(f"weights have 2 to 16 bits, not {self.bits}")
        limit = (1 << (self.bits - 1)) - 1
        if self.q.min() < -limit or self.q.max() > limit:
            raise ValueError(f"weights of {self.bits} bits must lie in [-{limit}, {limit}]")
        if self.frac.shape not in ((1,), self.q.shape[:1]):
            raise ValueError(f"frac has shape {self.frac.shape}; "
                             f"expected (1,) or {self.q.shape[:1]}")
        if self.frac.min() < -FARTHEST_WEIGHT_FRAC or self.frac.max() > FARTHEST_WEIGHT_FRAC:
            raise RangeError(f"weights have steps from 2**{-self.frac.max()} to "
                             f"2**{-self.frac.min()}", expected="steps from "
                             f"2**-{FARTHEST_WEIGHT_FRAC} to 2**{FARTHEST_WEIGHT_FRAC}",
                             remedy="scale what the network computes")

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int8 if self.bits <= 8 else np.int16)

    def real(self) -> RealArray:
        scale: RealArray = 2.0 ** -self.frac.reshape(-1, *(1,) * (self.q.ndim - 1))
        return self.q * scale


@dataclass(frozen=True)
class Interval:
    """What an accumulator can hold: every partial sum lies in [low, high]. Arrays: per channel; of
    Python's integers where 64 bits might not hold them."""

    low: Any
    high: Any

    @property
    def magnitude(self) -> int:
        return max(abs(int(f(end))) for end in (self.low, self.high) for f in (np.min, np.max))


def per_input(method: Callable[..., T]) -> Callable[..., T]:
    """Marks a method that takes an argument for each input: an op names those that it has."""
    return method


@dataclass(frozen=True, eq=False)
class Node:
    """One application of an op. Subclasses are the ops: see `quantize.fixed.ops.op`.

    Most ops give one value, `output`; `outputs` are all of them.

    A subclass states its rules in `check`, its meaning in `reference` and its machine form in
    `kernel`; everything else (C, machine code, reports, tests) follows from these.
    """

    name: str
    inputs: tuple[Value, ...]
    output: Value

    registry: ClassVar[dict[str, type[Node]]] = {}
    value_fields: ClassVar[tuple[str, ...]] = ("inputs", "output")
    """The fields that hold values, one or several."""

    def __post_init__(self) -> None:
        check_fields(self, tuple(f.name for f in fields(self)), f"{self.op} {shown(self.name)}")
        kind: Any = type(self)
        least, most = _arity(kind)
        if not least <= len(self.inputs) <= most:
            raise ValueError(f"{self.op} '{self.name}' has {len(self.inputs)} inputs")
        self.check()

    @property
    def op(self) -> str:
        return type(self).__name__

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one sample."""
        return 0

    @property
    def outputs(self) -> tuple[Value, ...]:
        return (self.output,)

    @property
    def bodies(self) -> tuple[Graph, ...]:
        """The graph that it runs, where the op has one."""
        return ()

    @property
    def inner(self) -> tuple[Node, ...]:
        """The nodes of the body, where the op has one."""
        return tuple(n for body in self.bodies for n in body.every_node())

    def check(self) -> None:
        """Raise ValueError where shapes, formats or attributes do not fit together."""

    def expect_shape(self, shape: tuple[int, ...]) -> None:
        if self.output.shape != tuple(shape):
            raise ValueError(f"{self.op} '{self.name}' gives shape {tuple(shape)}, "
                             f"its output '{self.output.name}' has {self.output.shape}")

    @per_input
    def reference(self, *xs: IntArray) -> Any:
        """Whole-array definition. xs: int64, (batch, *shape) each; result the same (a tuple of
        them where there are several outputs)."""
        raise TypeError(f"{self.op} has no reference")

    def kernel(self, k: Builder) -> None:
        """Write the op as a loop nest with the builder k (`quantize.fixed.builder.Builder`)."""
        raise TypeError(f"{self.op} has no kernel")

    @per_input
    def integer_onnx(self, b: Emitter, *xs: str) -> Any:
        """Print the op as ONNX nodes on float tensors that carry the integers
        (`quantize.fixed.emitter.Emitter`)."""
        raise TypeError(f"{self.op} has no form as integer-in-float ONNX")

    @per_input
    def qdq(self, b: RealWords, *xs: str) -> str | None:
        """Print the op as ONNX nodes on dequantized reals, up to its exact accumulator.

        None where no plain ONNX spelling gives our integers; the integer form then becomes a
        function.
        """
        return None

    def accumulators(self) -> list[Interval]:
        """The proved range of every accumulator the op uses (empty: it only moves numbers)."""
        return []


@cache
def _arity(cls: type[Node]) -> tuple[float, float]:
    """The least and the largest number of inputs: as many as its methods name."""
    asked = list(signature(cls.integer_onnx).parameters.values())[2:]
    several = any(p.kind is Parameter.VAR_POSITIONAL for p in asked)
    return (1, float("inf")) if several else (len(asked), len(asked))


@dataclass(frozen=True, eq=False)
class Requantizing(Node):
    """An op that ends in one requantize, from a step of 2**-acc_frac to its output's format.

    clamp: integers (low, high) of the format that the output is limited to; None is the format's
    whole range. Shifts are at most FARTHEST_SHIFT either way (to the left more, where the sums
    leave room for it in WIDEST_BITS), or RangeError.
    """

    clamp: tuple[int, int] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clamp is not None:
            fmt, (low, high) = self.output.format, self.clamp
            if not self.clamps:
                raise ValueError(f"{self.op} '{self.name}' takes no clamp, and has "
                                 f"[{low}, {high}]")
            if not fmt.min <= low <= high <= fmt.max:
                raise ValueError(f"{self.op} '{self.name}': the clamp [{low}, {high}] is no range "
                                 f"of {fmt}, [{fmt.min}, {fmt.max}]")
        right, left = int(self.shift.max()), -int(self.shift.min())
        if right > FARTHEST_SHIFT or left > FARTHEST_SHIFT and (
                left + max(a.magnitude for a in self.accumulators()).bit_length() > WIDEST_BITS):
            raise RangeError(f"{self.op} '{self.name}': its sums and its output '"
                             f"{self.output.name}' have steps 2**{max(right, left)} apart",
                             expected=f"at most 2**{FARTHEST_SHIFT}",
                             remedy="scale what the network computes")

    @property
    def clamps(self) -> bool:
        """Whether every execution of it heeds a clamp."""
        return True

    @property
    def acc_frac(self) -> IntArray:
        """frac of the accumulator: shape (1,) or one entry per channel (axis 0 of the output)."""
        raise TypeError(f"{self.op} has no acc_frac")

    @property
    def shift(self) -> IntArray:
        return self.acc_frac - self.output.format.frac

    @per_input
    def accumulate(self, *xs: IntArray) -> IntArray:
        """The exact accumulator, int64, before the requantize. xs: as for `reference`.

        TypeError for an op that has more than one.
        """
        raise TypeError(f"{self.op} has no single accumulator")

    @per_input
    def reference(self, *xs: IntArray) -> IntArray:
        return requantize(self.accumulate(*xs), self.aligned_shift, *self.limits)

    @property
    def aligned_shift(self) -> IntArray:
        """`shift`, shaped to broadcast against the accumulator."""
        return self.shift

    @property
    def limits(self) -> tuple[int, int]:
        return self.clamp or (self.output.format.min, self.output.format.max)


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order; `inputs` and `outputs` are values. One batch axis is implied."""

    name: str
    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    metadata: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_fields(self, ("name", "inputs", "nodes", "outputs", "metadata"), "the graph")
        known = {v.name: v for v in self.inputs}
        for node in self.nodes:
            for v in node.inputs:
                if known.get(v.name) != v:
                    raise ValueError(f"{node.op} '{node.name}' reads '{v.name}' {v.shape} "
                                     f"{v.format}, which nothing before it provides")
            for v in node.outputs:
                if v.name in known:
                    raise ValueError(f"two nodes give '{v.name}'")
                known[v.name] = v
        for v in self.outputs:
            if known.get(v.name) != v:
                raise ValueError(f"the output '{v.name}' is given by no node")
        for what, names in (("nodes", [n.name for n in self.every_node()]),
                            ("values", [v.name for v in self.every_value()])):
            name, count = Counter(names).most_common(1)[0] if names else ("", 1)
            if count > 1:
                raise ValueError(f"{count} {what} are called '{name}'")

    def values(self) -> Iterator[Value]:
        yield from self.inputs
        yield from (v for n in self.nodes for v in n.outputs)

    def every_node(self) -> Iterator[Node]:
        """The nodes, and after each those of its body."""
        for node in self.nodes:
            yield node
            yield from node.inner

    def every_value(self) -> Iterator[Value]:
        """The values, those of bodies included."""
        yield from self.inputs
        for node in self.nodes:
            yield from node.outputs
            for body in node.bodies:
                yield from body.every_value()

    def consumers(self, value: Value) -> list[Node]:
        return [n for n in self.nodes if value in n.inputs]

    def run(self, *xs: IntArray) -> dict[str, IntArray]:
        """The NumPy reference: integers (batch, *shape) in, every value by name out (int64)."""
        env = {v.name: np.asarray(x, np.int64) for v, x in zip(self.inputs, xs, strict=True)}
        for v in self.inputs:
            if env[v.name].shape[1:] != v.shape:
                raise ValueError(f"input '{v.name}' has shape {v.shape}, "
                                 f"got {env[v.name].shape[1:]}")
        for node in self.nodes:
            ys = node.reference(*(env[v.name] for v in node.inputs))
            ys = ys if isinstance(ys, tuple) else (ys,)
            env.update(zip((v.name for v in node.outputs), ys, strict=True))
        return env

    @property
    def macs(self) -> int:
        return sum(n.macs for n in self.nodes)
