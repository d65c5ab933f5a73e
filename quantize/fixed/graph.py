"""The graph: values with formats, nodes that compute them, and the text form that reads back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, RealArray, StoredArray, requantize
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter, RealWords
from dsplet.quantize.fixed.qformat import QFormat

T = TypeVar("T")

LATER = {"text": "only where it differs from its default"}
"""Metadata of a field that an op got when files had been written without it: their text stays what
it was."""


@dataclass(frozen=True)
class Value:
    """A tensor: its name, its shape for one sample (no batch axis) and its format."""

    name: str
    shape: tuple[int, ...]
    format: QFormat

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Weight:
    """Constant integers q with |q| <= 2**(bits-1) - 1; real value q * 2**-frac.

    frac: shape (1,) per tensor, or (C,) with one entry for each index of q's axis 0.
    """

    q: StoredArray
    bits: int
    frac: IntArray

    def __post_init__(self) -> None:
        limit = (1 << (self.bits - 1)) - 1
        if np.abs(self.q).max(initial=0) > limit:
            raise ValueError(f"weights of {self.bits} bits must lie in [-{limit}, {limit}]")
        if self.frac.shape not in ((1,), self.q.shape[:1]):
            raise ValueError(f"frac has shape {self.frac.shape}; "
                             f"expected (1,) or {self.q.shape[:1]}")

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int8 if self.bits <= 8 else np.int16)

    def real(self) -> RealArray:
        scale: RealArray = 2.0 ** -self.frac.reshape(-1, *(1,) * (self.q.ndim - 1))
        return self.q * scale


@dataclass(frozen=True)
class Interval:
    """What an accumulator can hold: every partial sum lies in [low, high]. Arrays: per channel."""

    low: Any
    high: Any

    @property
    def magnitude(self) -> int:
        return int(max(np.abs(self.low).max(), np.abs(self.high).max()))


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
    def inner(self) -> tuple[Node, ...]:
        """The nodes of the body, where the op has one."""
        return ()

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


@dataclass(frozen=True, eq=False)
class Requantizing(Node):
    """An op that ends in one requantize, from a step of 2**-acc_frac to its output's format.

    clamp: integers (low, high) that the output is limited to; None is the format's whole range.
    """

    clamp: tuple[int, int] | None = field(default=None, kw_only=True)

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
        fmt = self.output.format
        low, high = self.clamp or (fmt.min, fmt.max)
        return max(low, fmt.min), min(high, fmt.max)


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order; `inputs` and `outputs` are values. One batch axis is implied."""

    name: str
    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    metadata: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
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

    def values(self) -> Iterator[Value]:
        yield from self.inputs
        yield from (v for n in self.nodes for v in n.outputs)

    def every_node(self) -> Iterator[Node]:
        """The nodes, and after each those of its body."""
        for node in self.nodes:
            yield node
            yield from node.inner

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


# --- text form -------------------------------------------------------------------------------

def to_text(graph: Graph) -> tuple[str, dict[str, StoredArray]]:
    """JSON text and the arrays it names (weights, biases, tables), which travel beside it."""
    arrays: dict[str, StoredArray] = {}
    return json.dumps(_encode_graph(graph, arrays), separators=(",", ":")), arrays


def _encode_graph(graph: Graph, arrays: dict[str, StoredArray]) -> dict[str, Any]:
    def encode(owner: str, x: Any) -> Any:
        if isinstance(x, np.ndarray):
            if owner in arrays:
                raise ValueError(f"two nodes are called '{owner.rpartition('.')[0]}'")
            arrays[owner] = x
            return {"array": owner}
        if isinstance(x, Value):
            return x.name
        if isinstance(x, Weight):
            return {"weight": {f.name: encode(f"{owner}.{f.name}", getattr(x, f.name))
                               for f in fields(x)}}
        if isinstance(x, Graph):
            return {"graph": _encode_graph(x, arrays)}
        if isinstance(x, tuple):
            return [encode(f"{owner}.{i}", e) for i, e in enumerate(x)]
        return x

    def node(n: Node) -> dict[str, Any]:
        said = [f for f in fields(n) if f.metadata != LATER or getattr(n, f.name) is not f.default]
        return {"op": n.op} | {f.name: encode(f"{n.name}.{f.name}", getattr(n, f.name))
                               for f in said}

    return {
        "name": graph.name,
        "values": {v.name: [list(v.shape), v.format.bits, v.format.frac, v.format.signed]
                   for v in graph.values()},
        "inputs": [v.name for v in graph.inputs],
        "nodes": [node(n) for n in graph.nodes],
        "outputs": [v.name for v in graph.outputs],
        "metadata": [list(kv) for kv in graph.metadata],
    }


def from_text(text: str, arrays: dict[str, StoredArray]) -> Graph:
    """The graph that `to_text` wrote. ValueError or KeyError where text and arrays do not agree."""
    return _decode_graph(json.loads(text), arrays)


def _decode_graph(data: dict[str, Any], arrays: dict[str, StoredArray]) -> Graph:
    values = {name: Value(name, tuple(shape), QFormat(bits, frac, signed))
              for name, (shape, bits, frac, signed) in data["values"].items()}

    def decode(x: Any) -> Any:
        if isinstance(x, dict) and "array" in x:
            return arrays[x["array"]]
        if isinstance(x, dict) and "weight" in x:
            return Weight(**{k: decode(e) for k, e in x["weight"].items()})
        if isinstance(x, dict) and "graph" in x:
            return _decode_graph(x["graph"], arrays)
        return tuple(decode(e) for e in x) if isinstance(x, list) else x

    def node(d: dict[str, Any]) -> Node:
        cls = Node.registry[d["op"]]
        named = {k: d[k] for k in cls.value_fields}
        d = {k: decode(v) for k, v in d.items() if k != "op"}
        return cls(**d | {k: values[v] if isinstance(v, str) else pick(v)
                          for k, v in named.items()})

    def pick(names: Iterable[str]) -> tuple[Value, ...]:
        return tuple(values[n] for n in names)

    return Graph(data["name"], pick(data["inputs"]), tuple(node(d) for d in data["nodes"]),
                 pick(data["outputs"]), tuple((k, v) for k, v in data["metadata"]))
