"""Writes a fixed-point graph as QDQ ONNX, which computes the same integers in any ONNX runtime.

Each node is DequantizeLinear -> the plain float op -> Add of half an accumulator step (ONNX rounds
half to even; this breaks every tie upwards and moves nothing else) -> Clip where the bounds are not
the storage type's -> QuantizeLinear. Steps are powers of two, zero points 0. The dequantized tensor
carries the value's name, the integers are `<name>/q`. What has no exact plain spelling (tables,
softmax, averages, sums beyond float32) is a function of the domain "dsplet" on the integers. A loop
over time is a Scan that carries integers.

Metadata: `dsplet.contract` names the arithmetic, `dsplet.graph` and `dsplet.arrays` hold the graph,
whose weights, biases and tables are the file's initializers; `dsplet.digest` is of all of that,
part by part (`quantize.qdq.digest`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dsplet.base.files import write_atomically
from dsplet.quantize.fixed.arithmetic import CONTRACT
from dsplet.quantize.fixed.emitter import FLOAT32_EXACT, Emitter
from dsplet.quantize.fixed.execute import IR_VERSION, OPSET
from dsplet.quantize.fixed.facts import Named
from dsplet.quantize.fixed.graph import Graph, Node, Requantizing, Value
from dsplet.quantize.fixed.graph_text import to_text
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum
from dsplet.quantize.fixed.ops.matmul import MatMul
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.qdq import digest
from dsplet.quantize.qdq.digest import DIGEST_KEY

DOMAIN = "dsplet"


def save(graph: Graph, path: str | Path) -> None:
    """Write the graph as a .q.onnx file, whole or not at all; equal graphs give equal bytes."""
    write_atomically(path, to_model(graph).SerializeToString(deterministic=True))


def to_model(graph: Graph):
    """The graph as an onnx.ModelProto: float tensors in and out, a free batch axis in front."""
    from onnx import TensorProto, helper, numpy_helper
    text, arrays = to_text(graph)
    if not graph.inputs or not graph.outputs:
        raise ModelError("the network has no input or no output")
    w = _Writer(graph, arrays)
    for v in graph.inputs:
        w.quantize_input(v)
    w.write_all(graph)

    def info(v: Value):
        return helper.make_tensor_value_info(v.name, TensorProto.FLOAT, ["N", *v.shape])

    g = helper.make_graph(w.nodes, graph.name or "net", [info(v) for v in graph.inputs],
                          [info(v) for v in graph.outputs],
                          [numpy_helper.from_array(a, k) for k, a in w.initializers.items()])
    imports = [helper.make_opsetid("", OPSET)]
    if w.functions:
        imports.append(helper.make_opsetid(DOMAIN, 1))
    model = helper.make_model(g, opset_imports=imports, ir_version=IR_VERSION,
                              functions=w.functions, producer_name="dsplet")
    beside = {k: {"shape": a.shape} if k in w.initializers else
              {"shape": a.shape, "data": a.reshape(-1).tolist()} for k, a in arrays.items()}
    facts = {"dsplet.contract": CONTRACT, "dsplet.graph": text,
             "dsplet.arrays": json.dumps(beside, separators=(",", ":")),
             DIGEST_KEY: digest.written(text, arrays)}
    for key, value in (facts | {k: v for k, v in graph.metadata if k not in facts}).items():
        model.metadata_props.add(key=key, value=value)
    return model


def exact_in_float32(node: Node) -> bool:
    """Whether float32 holds every sum of the node, and half a step more wherever it may round."""
    largest = max((a.magnitude for a in node.accumulators()), default=0)
    if largest < FLOAT32_EXACT // 2 or not isinstance(node, Requantizing):
        return True
    kept = max(abs(b) for b in node.limits) + 1 << max(int(node.shift.max()), 0)
    return largest < FLOAT32_EXACT and kept < FLOAT32_EXACT // 2


def keeps_its_clip(node: Node) -> bool:
    """Whether ONNX Runtime sees that the node's Clip does something: it drops one whose bounds are
    within float32's epsilon of the ends of the storage type, however small the steps are."""
    if not isinstance(node, Requantizing):
        return True
    fmt = node.output.format
    info = np.iinfo(fmt.dtype)
    off = [abs(a - b) for a, b in zip(node.limits, (info.min, info.max), strict=True) if a != b]
    return not off or min(off) * fmt.step > 2 * float(np.finfo(np.float32).eps)


class _Writer(Emitter):
    """Emits the graph; also the builder that `Node.qdq` prints with.

    real, q: the tensors that hold each value dequantized and as integers.
    """

    def __init__(self, graph: Graph, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.real: dict[str, str] = {}
        self.q: dict[str, str] = {}
        self.functions: list = []
        self._arrays = arrays
        self._first = graph.inputs[0].name
        bodies = [n.body for n in graph.every_node() if isinstance(n, Scan)]
        self._taken = {v.name for g in (graph, *bodies) for v in g.values()} | set(arrays)
        self._scope = ""
        if both := {v.name for v in graph.every_value()} & {*arrays, ""}:
            raise ModelError(f"a value is called '{min(both)}', which is nothing's name in ONNX or "
                             "that of a node's array", remedy="rename it in the float model")

    # --- names ----------------------------------------------------------------------------------
    def unique(self, name: str) -> str:
        stem, n = name, 1
        while name in self._taken:
            n += 1
            name = f"{stem}_{n}"
        self._taken.add(name)
        return name

    def fresh(self) -> str:
        return self.unique(f"{self._scope}/step")

    def node(self, op: str, *inputs: str, to: str | None = None, domain: str = "",
             **attributes) -> str:
        from onnx import helper
        to = to or self.unique(f"{self._scope}/{op}")
        attributes = {k: list(v) if isinstance(v, tuple) else v for k, v in attributes.items()}
        self.nodes.append(helper.make_node(op, inputs, [to], name=to, domain=domain, **attributes))
        self.types[to] = np.float32
        return to

    def const(self, array: npt.ArrayLike, name: str | None = None) -> str:
        name = name or self.unique(f"{self._scope}/constant")
        self.initializers[name] = np.asarray(array)
        return name

    # --- the vocabulary of QDQ ------------------------------------------------------------------
    def dequantize(self, q: str, frac: np.ndarray | int, dtype: type, to: str | None = None) -> str:
        """Reals of integers q; frac: one number, or one for each index of axis 0."""
        scale, per_axis = self._scale(frac)
        zero = () if dtype is np.int32 else (self.const(np.zeros(scale.shape, dtype)),)
        axis: dict[str, Any] = {"axis": 0} if per_axis else {}
        return self.node("DequantizeLinear", q, self.const(scale), *zero, to=to, **axis)

    def _scale(self, frac: np.ndarray | int) -> tuple[np.ndarray, bool]:
        scale = (2.0 ** -np.asarray(frac, np.float64)).astype(np.float32)
        return (scale.reshape(()), False) if scale.size == 1 else (scale, True)

    def affine(self, op: str, node: Conv | Gemm, x: str, **attributes: Any) -> str:
        """Conv or Gemm with dequantized weights and bias, before its requantize."""
        weight, channels = node.weight, len(node.weight.q)
        w = self.dequantize(self.array(f"{node.name}.weight.q", weight.dtype),
                            weight.frac, weight.dtype.type)
        frac = node.acc_frac if node.bias.shape[0] > 1 else node.acc_frac.max(keepdims=True)
        per_unit = node.bias.size != channels
        q = self.array(f"{node.name}.bias", np.int32, None if per_unit else (channels,))
        bias = self.dequantize(q, frac, np.int32)
        lead = op == "Gemm" and len(node.inputs[0].shape) > 1  # ONNX's Gemm has no leading axes
        if lead:
            x = self._reshape(node.inputs[0], (-1, weight.q.shape[1]))
        if op == "Gemm" or (node.shift <= 0).all():
            x = self.unfused(x, node.inputs[0], int(np.abs(weight.q).max()))
        if op == "Gemm":
            attributes["transB"] = 1
        y = self.node(op, x, w, *(() if per_unit else (bias,)), **attributes)
        if lead:
            shape = np.array([-1, *node.output.shape], np.int64)
            return self.node("Reshape", y, self.const(shape))
        return self.node("Add", y, bias) if per_unit else y

    def unfused(self, x: str, value: Value, largest_weight: int) -> str:
        """x, with a Clip that does nothing where an integer kernel would go wrong.

        ONNX Runtime fuses a product between DequantizeLinears into one of uint8 and int8 (int8
        activations become uint8 by adding 128). On x86 without VNNI its kernels saturate the sum of
        two such products at 16 bits, silently.
        """
        fmt = value.format
        largest = fmt.max + 128 * fmt.signed
        if fmt.bits > 8 or 2 * largest * largest_weight < 1 << 15:
            return x
        return self.node("Clip", x, *(self.const(np.float32(b * fmt.step)) for b in
                                      (fmt.min, fmt.max)))

    def align(self, x: str, value: Named, output: Named) -> str:
        """x with axes of size 1 after the batch axis, up to the output's rank."""
        assert isinstance(value, Value)  # of the graph: its integers are reshaped
        missing = len(output.shape) - len(value.shape)
        return self._reshape(value, (-1, *(1,) * missing, *value.shape)) if missing else x

    def _reshape(self, value: Value, shape: tuple[int, ...]) -> str:
        """The value's reals under another shape. The integers are reshaped: ONNX Runtime gives a
        wrong type to what it adds behind a Reshape of reals."""
        q = self.node("Reshape", self.q[value.name], self.const(np.array(shape, np.int64)))
        return self.dequantize(q, value.format.frac, value.format.dtype.type)

    def for_batch(self, x: str, shape: tuple[int, ...]) -> str:
        """The constant x for every sample of the batch, whose size the first input tells."""
        batch = self.node("Shape", self._first, end=1)
        target = self.node("Concat", batch, self.const(np.array(shape, np.int64)), axis=0)
        return self.node("Expand", x, target)

    def array(self, name: str, dtype, shape: tuple[int, ...] | None = None) -> str:
        """An array of the graph as an initializer of its own name."""
        array = self._arrays[name].astype(dtype)
        return self.const(array if shape is None else array.reshape(shape), name)

    def term(self, node: GemmSum, j: int, x: str) -> str:
        """The product with weights[j]; no bias, which ONNX Runtime would take at the step of this
        product alone."""
        weight = node.weights[j]
        w = self.dequantize(self.array(f"{node.name}.weights.{j}.q", weight.dtype), weight.frac,
                            weight.dtype.type)
        x = self.unfused(x, node.inputs[j], int(np.abs(weight.q).max()))
        return self.node("Gemm", x, w, transB=1)

    def add_bias(self, node: GemmSum, total: str) -> str:
        q = self.array(f"{node.name}.bias", np.int32)
        return self.node("Add", total, self.dequantize(q, node.acc_frac, np.int32))

    # --- whole nodes ------------------------------------------------------------------------------
    def quantize_input(self, v: Value) -> None:
        """floor(x * 2**frac + 1/2), saturated: in double precision, exact for every float32."""
        self._scope = v.name
        b = _Body({})
        x = b.scale(b.double(b.input("x", np.float32)), 2.0**v.format.frac)
        x = b.node("Floor", b.node("Add", x, b.const(np.float64(0.5))))
        b.give(b.clip(x, v.format.min, v.format.max), v.format)
        self.function("Quantize", v, [v.name], b, self.unique(f"{v.name}/real"))

    def write_all(self, graph: Graph) -> None:
        for node in graph.nodes:
            if isinstance(node, Scan):
                self.write_scan(node)
            else:
                self.write(node)

    def write_scan(self, scan: Scan) -> None:
        """A Scan whose body is written like any graph; integers are handed on."""
        body, n, m = scan.body, scan.states, scan.states + scan.sequences
        for inside, outside in zip(body.inputs[m:], scan.inputs[m:], strict=True):
            self.q[inside.name], self.real[inside.name] = (self.q[outside.name],
                                                           self.real[outside.name])

        def step(carried: list[str]) -> list[str]:
            for v, q in zip(body.inputs[:m], carried, strict=True):
                self._scope = v.name
                self._finish(v, q, v.name)
            self.write_all(body)
            self._scope = scan.name
            return [self.q[v.name] for v in body.outputs]

        self._scope = scan.name
        qs = [self.q[v.name] for v in scan.inputs[:m]]
        self.types.update(zip(qs, (v.format.dtype.type for v in scan.inputs), strict=False))
        found = self.scan(qs[:n], qs[n:], scan.steps, step,
                          [v.format.dtype.type for v in scan.outputs])
        for v, q in zip(scan.outputs, found, strict=True):
            self._scope = v.name
            self._finish(v, q, v.name)

    def write(self, node: Node) -> None:
        self._scope, y = node.name, node.output
        plain = exact_in_float32(node) and keeps_its_clip(node)
        xs = [self.real[v.name] for v in node.inputs]
        if isinstance(node, MatMul):
            largest = max(max(-v.format.min, v.format.max) for v in node.inputs)
            xs = [self.unfused(x, v, largest) for x, v in zip(xs, node.inputs, strict=True)]
        if isinstance(node, Constant):
            self._finish(y, self.for_batch(self.array(f"{node.name}.q", y.format.dtype), y.shape),
                         y.name)
        elif plain and (real := node.qdq(self, *xs)) is not None:
            self.quantize(node, real)
        else:
            own = {id(a): k for k, a in self._arrays.items() if k.startswith(f"{node.name}.")}
            b = _Body(own)
            ints = [b.single(b.input(f"x{i}", v.format.dtype.type))
                    for i, v in enumerate(node.inputs)]
            b.give(b.single(node.integer_onnx(b, *ints)), y.format)
            tables = [self.const(_smallest(self._arrays[k]), k) for k in b.used]
            self.function(f"{node.op}", y, [*(self.q[v.name] for v in node.inputs), *tables], b,
                          y.name)

    def quantize(self, node: Node, real: str) -> None:
        """The requantize that ends a node; of an op that only moves numbers, an exact one."""
        y, fmt = node.output, node.output.format
        if isinstance(node, Requantizing):
            half = np.where(node.shift > 0, 2.0 ** -(node.acc_frac + 1.0), 0.0)
            if half.any():
                last = isinstance(node, Gemm) or half.size == 1
                half = half.reshape(-1 if last else (-1, *(1,) * (len(y.shape) - 1)))
                half = half.reshape(()) if half.size == 1 else half
                real = self.node("Add", real, self.const(half.astype(np.float32)))
            info = np.iinfo(fmt.dtype)
            if node.limits != (info.min, info.max):
                low, high = (self.const(np.float32(b * fmt.step)) for b in node.limits)
                real = self.node("Clip", real, low, high)
        q = self.node("QuantizeLinear", real, self.const(np.float32(fmt.step)),
                      self.const(fmt.dtype.type(0)), to=self.unique(f"{y.name}/q"))
        self._finish(y, q, y.name)

    def _finish(self, y: Value, q: str, real: str) -> None:
        self.q[y.name] = q
        self.real[y.name] = self.dequantize(q, y.format.frac, y.format.dtype.type, real)

    def function(self, op: str, y: Value, inputs: list[str], body: _Body, real: str) -> None:
        """Call the body as a function of the domain "dsplet" and dequantize what it gives."""
        from onnx import helper
        name = self.unique(f"{op}_{re.sub(r'[^0-9A-Za-z_]+', '_', self._scope).strip('_')}")
        self.functions.append(helper.make_function(
            DOMAIN, name, body.inputs, ["y"], body.whole(), [helper.make_opsetid("", OPSET)]))
        q = self.node(name, *inputs, domain=DOMAIN, to=self.unique(f"{y.name}/q"))
        self._finish(y, q, real)


class _Body(Emitter):
    """The inside of a function: `Node.integer_onnx` prints with it.

    own: id of an array of the node -> its name; those that are used become inputs of the function.
    """

    def __init__(self, own: dict[int, str]) -> None:
        super().__init__()
        self.inputs: list[str] = []
        self.used: list[str] = []
        self._own = own

    def input(self, name: str, dtype: type) -> str:
        self.inputs.append(name)
        self.types[name] = dtype
        return name

    def gather(self, table: np.ndarray, index: str) -> str:
        name = self._own.get(id(table))
        if name is None:
            return super().gather(table, index)
        if name not in self.used:
            self.used.append(name)
            self.input(name.rpartition(".")[2], np.int64)
        y = self.node("Gather", name.rpartition(".")[2], self.node("Cast", index, to=7), axis=0)
        self.types[y] = np.int64
        return self.single(y)

    def give(self, x: str, fmt: QFormat) -> None:
        """End the function with x as integers of the format's storage type."""
        from onnx import helper
        self.nodes.append(helper.make_node("Cast", [x], ["y"], name="y",
                                           to=helper.np_dtype_to_tensor_dtype(fmt.dtype)))

    def whole(self) -> list:
        """The nodes, constants first."""
        from onnx import helper, numpy_helper
        constants = [helper.make_node("Constant", [], [k], name=k,
                                      value=numpy_helper.from_array(a, k))
                     for k, a in self.initializers.items()]
        return [*constants, *self.nodes]


def _smallest(a: np.ndarray) -> np.ndarray:
    """a in the smallest signed integer type that holds it."""
    return a.astype(next(t for t in (np.int8, np.int16, np.int32)
                         if np.iinfo(t).min <= a.min() and a.max() <= np.iinfo(t).max))
