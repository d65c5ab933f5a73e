"""ONNX nodes on float tensors that carry integers: the words in which ops print their exact form.

Sums of integers are exact in float32 while every partial sum stays below 2**24, in any order, with
or without fused multiply-add; the overflow proof gives the bound. Where it is larger the node works
in float64 (2**53), or in pieces of its operands that fit float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dsplet.quantize.fixed.facts import Accumulating, Named, Rounded

FLOAT32_EXACT = 1 << 24


class Words(Protocol):
    """What every emitter can do."""

    def node(self, op: str, *inputs: str, **attributes: Any) -> str: ...

    def const(self, array: npt.ArrayLike) -> str: ...


class RealWords(Words, Protocol):
    """The words of `Node.qdq`; see `quantize.qdq.to_qdq`."""

    def align(self, x: str, value: Named, output: Named) -> str: ...

    def affine(self, op: str, node: Any, x: str, **attributes: Any) -> str: ...

    def term(self, node: Any, j: int, x: str) -> str: ...

    def add_bias(self, node: Any, total: str) -> str: ...


class Emitter:
    """Collects ONNX nodes. Tensor names in, tensor name out; element types are tracked."""

    def __init__(self, prefix: str = "t") -> None:
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.types: dict[str, type] = {}
        self._prefix = prefix
        self._names = 0

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper
        name = self.fresh()
        attributes = {k: list(v) if isinstance(v, tuple) else v for k, v in attributes.items()}
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        self.types[name] = next((self.types[i] for i in inputs if i), np.float32)
        return name

    def fresh(self) -> str:
        """A name that no tensor has."""
        self._names += 1
        return f"{self._prefix}{self._names - 1}"

    def const(self, array: npt.ArrayLike) -> str:
        array = np.asarray(array)
        name = f"{self._prefix}c{len(self.initializers)}"
        self.initializers[name] = array
        self.types[name] = array.dtype.type
        return name

    # --- the words that ops use ---------------------------------------------------------------
    def wide(self, node: Accumulating) -> bool:
        """Whether the node's accumulators can leave float32's exact integers."""
        return any(a.magnitude >= FLOAT32_EXACT for a in node.accumulators())

    def double(self, x: str) -> str:
        return self._cast(x, np.float64, 11)

    def single(self, x: str) -> str:
        return self._cast(x, np.float32, 1)

    def _cast(self, x: str, dtype: type, code: int) -> str:
        if self.types[x] is dtype:
            return x
        y = self.node("Cast", x, to=code)
        self.types[y] = dtype
        return y

    def scale(self, x: str, factor: float) -> str:
        return x if factor == 1 else self.node("Mul", x, self.const(self.types[x](factor)))

    def clip(self, x: str, low: int, high: int) -> str:
        t = self.types[x]
        return self.node("Clip", x, self.const(t(low)), self.const(t(high)))

    def shift_round(self, acc: str, shift: int, low: int, high: int) -> str:
        """The contract's requantize by one shift; the result is float32."""
        y = self.scale(acc, 2.0**-shift)
        if shift > 0:
            y = self.node("Floor", self.node("Add", y, self.const(self.types[y](0.5))))
        return self.single(self.clip(y, low, high))

    def requantize(self, acc: str, node: Rounded) -> str:
        return self.shift_round(acc, int(node.shift[0]), *node.limits)

    def gather(self, table: np.ndarray, index: str) -> str:
        y = self.node("Gather", self.const(table.astype(np.float32)),
                      self.node("Cast", index, to=7), axis=0)
        self.types[y] = np.float32
        return y

    def repeat(self, x: str, rank: int) -> str:
        """x of shape (1, *shape) for every sample of the batch, which input x0 tells."""
        shape = self.node("Concat", self.node("Shape", "x0", end=1),
                          self.const(np.ones(rank, np.int64)), axis=0)
        return self.node("Expand", x, shape)

    def align(self, x: str, value: Named, output: Named) -> str:
        """x with axes of size 1 after the batch axis, up to the output's rank."""
        missing = len(output.shape) - len(value.shape)
        if not missing:
            return x
        return self.node("Reshape", x, self.const(
            np.array([0, *(1,) * missing, *value.shape], np.int64)))

    def scan(self, states: Sequence[str], sequences: Sequence[str], steps: int,
             body: Callable[[list[str]], list[str]], types: list[type]) -> list[str]:
        """An ONNX Scan along axis 1. body(states and elements) emits one step and gives its new
        states and elements, of these types; what it reads from outside it may name as it is."""
        from onnx import TensorProto, helper
        outside, self.nodes = self.nodes, []
        inputs = [*states, *sequences]
        carried = [self.fresh() for _ in inputs]
        self.types.update(zip(carried, (self.types[i] for i in inputs), strict=True))
        given = [self.node("Identity", y) for y in body(carried)]
        inside, self.nodes = self.nodes, outside

        def info(name: str, t: type) -> Any:
            code = helper.np_dtype_to_tensor_dtype(np.dtype(t))
            return helper.make_tensor_value_info(name, code, None)

        clock = [] if sequences else [(self.const(np.zeros(steps, np.float32)), self.fresh())]
        graph = helper.make_graph(
            inside, "step", [*(info(c, self.types[c]) for c in carried),
                             *(helper.make_tensor_value_info(c, TensorProto.FLOAT, ())
                               for _, c in clock)],
            [info(g, t) for g, t in zip(given, types, strict=True)])
        names = [self.fresh() for _ in given]
        stacked = [1] * (len(given) - len(states))
        axes: dict[str, Any] = {"scan_output_axes": stacked} if stacked else {}
        self.nodes.append(helper.make_node(
            "Scan", [*inputs, *(c for c, _ in clock)], names, name=names[0], body=graph,
            num_scan_inputs=len(sequences) + len(clock),
            scan_input_axes=[1] * len(sequences) or [0],
            **axes))
        self.types.update(zip(names, types, strict=True))
        return names

    def weighted(self, op: str, node: Rounded, x: str, w: np.ndarray, bias: np.ndarray,
                 **attributes: Any) -> str:
        """Conv or Gemm with its requantize: 2**-shift and the half step ride on the constants."""
        scale = 2.0 ** -np.broadcast_to(node.shift, w.shape[:1]).astype(np.float64)
        half = np.where(np.broadcast_to(node.shift, w.shape[:1]) > 0, 0.5, 0.0)
        lead = bias.ndim - 1
        b = bias * scale.reshape(-1, *(1,) * lead) + half.reshape(-1, *(1,) * lead)
        q, w = w, w * scale.reshape(-1, *(1,) * (w.ndim - 1))
        if not self.wide(node):
            y = self._linear(op, x, w, b, np.float32, attributes)
        elif op == "Gemm":
            y = self._linear(op, self.double(x), w, b, np.float64, attributes)
        else:
            y = self._conv_in_pieces(x, q, w, b, attributes)
        return self.single(self.clip(self.node("Floor", y), *node.limits))

    def _linear(self, op: str, x: str, w: np.ndarray, b: np.ndarray | None, t: type,
                attributes: dict[str, Any]) -> str:
        if op == "Gemm":
            y = self.node("MatMul", x, self.const(w.T.astype(t)))
        elif b is not None and b.size == len(w):
            operands = x, self.const(w.astype(t)), self.const(b.reshape(-1).astype(t))
            return self.node("Conv", *operands, **attributes)
        else:
            y = self.node("Conv", x, self.const(w.astype(t)), **attributes)
        return y if b is None else self.node("Add", y, self.const(b.astype(t)))

    def _conv_in_pieces(self, x: str, q: np.ndarray, w: np.ndarray, b: np.ndarray,
                        attributes: dict[str, Any]) -> str:
        """ONNX Runtime has no float64 Conv: split x and w into bytes and add four products.

        q: w before it was scaled.
        """
        high = self.node("Floor", self.scale(x, 2.0**-8))
        pieces_x = [(high, 256.0), (self.node("Sub", x, self.scale(high, 256.0)), 1.0)]
        scale = w / np.where(q == 0, 1, q)
        w_high = np.floor(q / 256.0)
        pieces_w = [(w_high, 256.0), (q - 256.0 * w_high, 1.0)]
        pieces_w = [p for p in pieces_w if p[0].any()] or pieces_w[:1]
        total = ""
        for part, fx in pieces_x:
            for piece, fw in pieces_w:
                y = self._linear("Conv", part, piece, None, np.float32, attributes)
                y = self.scale(self.double(y), fx * fw)
                total = self.node("Add", total, y) if total else y
        per_channel = scale.reshape(len(w), -1).max(1).reshape(-1, *(1,) * (b.ndim - 1))
        total = self.node("Mul", total, self.const(per_channel))
        return self.node("Add", total, self.const(b.astype(np.float64)))
