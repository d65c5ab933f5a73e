"""A float network as a program in float arithmetic: its fixed-point twin's kernels, over reals.

Each node lowers through the fixed-point op of the same name, with formats and weights that stand
for nothing; then the constants become real and each requantize what it stands for between reals:
a clamp, a scale, or a function of one variable by interpolation. All constants are float32.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from dsplet.quantize.fixed import ops  # noqa: F401  (registers the ops)
from dsplet.quantize.fixed.graph import Graph, Node, Value, Weight
from dsplet.quantize.fixed.kernel import Add, Buffer, Kernel, Loop, Max, Mul, Requantize, Set, Store
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.movement import Concat, Pad, Reshape, Slice, Transpose
from dsplet.quantize.fixed.ops.pool import AveragePool, MaxPool
from dsplet.quantize.fixed.ops.requantize import Requantize as Move
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.functions import Expr
from dsplet.quantize.float.graph import CHOOSING, NO_CLAMP, FloatGraph, FloatNode, ModelError
from dsplet.quantize.float.kernel import Clamp, InterpolateReal, Linear
from dsplet.quantize.ptq.convert import BINARY

ANY = QFormat(8, 0)
STEPS = 1024
FLAT = (-8.0, 8.0)
"""Where functions of one variable are tabulated: outside they must have come to rest."""
AT_REST = 1e-3
LOWEST = -(2.0**100)


def lower_real(graph: FloatGraph) -> Program:
    """The program; `reals` holds every constant. ModelError names all that has no such form."""
    if refused := [f"{n.op} '{n.name}': {why}" for n in graph.nodes if (why := _refusal(n))]:
        raise ModelError("no form in float arithmetic: " + "; ".join(refused))
    values = {v: Value(v, shape, ANY) for v, shape in graph.shapes.items()}
    twin = _Twin()
    nodes = tuple(twin.node(n, tuple(values[i] for i in n.inputs), values[n.output])
                  for n in graph.nodes)
    program = lower(Graph(graph.name, tuple(values[i] for i in graph.inputs), nodes,
                          tuple(values[o] for o in graph.outputs)))
    return _Reals(graph, program, twin).result()


def _refusal(n: FloatNode) -> str:
    """Why the node cannot be lowered; "" where it can."""
    if n.op == "Function" and not n["expr"].linear:
        f, ends = n["expr"], np.array(FLAT)
        with np.errstate(invalid="ignore"):
            rests = np.all(np.abs(f(4 * ends) - f(ends)) < AT_REST)
        if not rests:
            return f"{f} is not at rest outside {FLAT[0]:g}..{FLAT[1]:g}"
    return f"{n.op} is not supported" if n.op in {"LogSumExp", *CHOOSING} else ""


class _Twin:
    """The fixed-point nodes whose kernels are borrowed. fills: the reals that borders hold."""

    def __init__(self) -> None:
        self.fills, self.tables = [0.0], {}

    def node(self, n: FloatNode, x: tuple[Value, ...], y: Value) -> Node:
        head = (n.name, x, y)
        match n.op:
            case "Conv" | "Gemm":
                w = Weight(np.zeros(n["weight"].shape, np.int64), 8, np.zeros(1, np.int64))
                b = np.zeros(_bias(n, y.shape).shape, np.int64)
                more = (n["strides"], n["dilations"], n["groups"]) if n.op == "Conv" else ()
                return (Conv if n.op == "Conv" else Gemm)(*head, w, b, *more)
            case "Add" | "Sub" | "Max" | "Mul" | "MatMul":
                return BINARY[n.op](*head)
            case "Clamp" | "Function" | "Linear":
                return Move(*head)
            case "Softmax" | "LogSoftmax":
                return _Softmax(*head, n.op, self.tables)
            case "MaxPool" | "AveragePool":
                return (MaxPool if n.op == "MaxPool" else AveragePool)(
                    *head, n["window"], n["strides"])
            case "Reshape":
                return Reshape(*head)
            case "Transpose":
                return Transpose(*head, n["perm"])
            case "Slice":
                return Slice(*head, n["starts"], n["steps"])
            case "Concat":
                return Concat(*head, n["axis"])
            case "Constant":
                return Constant(*head, np.zeros(y.shape, np.int64))
            case "Pad":
                self.fills.append(max(float(n["value"]), LOWEST))
                return Pad(*head, n["before"], n["after"], len(self.fills) - 1)
        raise TypeError(n.op)


class _Softmax(Node):
    """x - max, exp, sum, and the logarithm or the reciprocal of the sum, by interpolation."""

    def __init__(self, name: str, x: tuple[Value, ...], y: Value, kind: str, tables: dict) -> None:
        super().__init__(name, x, y)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "tables", tables)

    @property
    def op(self) -> str:
        return self.kind

    def kernel(self, k) -> None:
        x, y, (*lead, n) = k[self.inputs[0]], k[self.output], self.output.shape

        def curve(d: str, role: str, f, low: float, high: float) -> InterpolateReal:
            table, made = tabulate(f, low, high)
            buffer = k.const(role, np.zeros(table.size, np.int64)).buffer
            self.tables[buffer] = table
            return replace(made, d=d, table=buffer)

        exp = curve("d", "exp", np.exp, -16.0, 0.0)
        end = (curve("s", "log", np.log, 1.0, float(n + 1)) if self.kind == "LogSoftmax" else
               curve("s", "inverse", np.reciprocal, 1.0, float(n + 1)))
        with k.loops(*lead) as at:
            k.emit(Set("m", x[(*at, 0)]))
            with k.loop(n) as j:
                k.emit(Max("m", x[(*at, j)]))
            k.emit(Set("s", 0))
            with k.loop(n) as j:
                k.emit(Set("d", x[(*at, j)]), Add("d", "m", negate=True), exp, Add("s", "d"))
            k.emit(end)
            if self.kind == "LogSoftmax":
                k.emit(Add("s", "m"))
                last = [Add("d", "s", negate=True)]
            else:
                last = [Add("d", "m", negate=True), exp, Mul("d", "s")]
            with k.loop(n) as j:
                k.emit(Set("d", x[(*at, j)]), *last, Store(y[(*at, j)], "d"))


class _Reals:
    """Gives the borrowed kernels their real meaning."""

    def __init__(self, graph: FloatGraph, program: Program, twin: _Twin) -> None:
        self.program, self.nodes = program, {n.name: n for n in graph.nodes}
        self.shapes = graph.shapes
        self.buffers, self.reals = dict(program.buffers), dict(twin.tables)
        fills = np.array(twin.fills)
        for b in program.buffers.values():
            if b.data is not None and b.role == "activation":
                self.reals[b.name] = fills[b.data]
        for n in graph.nodes:
            if n.op == "Constant":
                self.reals[program.storage[n.output].buffer] = n["value"].reshape(-1)

    def result(self) -> Program:
        kernels = tuple(self._kernel(k) for k in self.program.kernels)
        reals = {name: np.float64(np.float32(v)) for name, v in self.reals.items()}
        return replace(self.program, kernels=kernels, buffers=self.buffers, reals=reals)

    def _kernel(self, kernel: Kernel) -> Kernel:
        n = self.nodes.get(kernel.node)
        if n is None or n.op in ("Softmax", "LogSoftmax"):
            return kernel
        if n.op in ("Conv", "Gemm"):
            self.reals[f"{kernel.name}_weight"] = n["weight"].reshape(-1)
            self.reals[f"{kernel.name}_bias"] = _bias(n, self.shapes[n.output]).reshape(-1)
        return replace(kernel, op=n.op, body=self._body(kernel.body, kernel, n))

    def _body(self, body: tuple, kernel: Kernel, n: FloatNode) -> tuple:
        result: list = []
        for s in body:
            if isinstance(s, Loop):
                result.append(replace(s, body=self._body(s.body, kernel, n)))
            elif isinstance(s, Requantize):
                result += self._meaning(s.d, kernel, n)
            elif not (isinstance(s, Mul) and isinstance(s.source, int)):
                result.append(s)
        return tuple(result)

    def _meaning(self, d: str, kernel: Kernel, n: FloatNode) -> list:
        """What a requantize of the node stands for."""
        first: list = []
        match n.op:
            case "AveragePool":
                first = [Linear(d, _word(1 / math.prod(n["window"])))]
            case "Linear":
                first = [Linear(d, _word(n["scale"].item()), _word(n["offset"].item()))]
            case "Function" if n["expr"].linear:
                first = _linear(d, n["expr"])
            case "Function":
                first = [self._curve(d, kernel, n)]
        low, high = ((n["low"], n["high"]) if n.op == "Clamp" else n.attrs.get("clamp", NO_CLAMP))
        return [*first, *_clamp(d, low, high)]

    def _curve(self, d: str, kernel: Kernel, n: FloatNode) -> InterpolateReal:
        name = f"{kernel.name}_curve"
        self.reals[name], made = tabulate(n["expr"], *FLAT)
        self.buffers[name] = Buffer(name, len(self.reals[name]), 0, 0, "const",
                                    np.zeros(len(self.reals[name]), np.int64))
        return replace(made, d=d, table=name)


def _bias(n: FloatNode, shape: tuple[int, ...]) -> np.ndarray:
    """One for each channel, or for each output."""
    per_channel = n["bias"].size in (1, shape[0]) and n["bias"].shape[1:] == (1,) * (len(shape) - 1)
    if n.op == "Gemm":
        return np.broadcast_to(n["bias"], shape[-1:])
    return np.broadcast_to(n["bias"], (shape[0], *n["bias"].shape[1:]) if per_channel else shape)


def _linear(d: str, expr: Expr) -> list:
    """The statements of an expression that only scales, shifts and clamps."""
    before = [s for inner in expr.args for s in _linear(d, inner)]
    if expr.op == "Linear":
        return [*before, Linear(d, *map(_word, expr.params))]
    return [*before, *(_clamp(d, *expr.params) if expr.op == "Clamp" else [])]


def _clamp(d: str, low: float, high: float) -> list[Clamp]:
    bounds = [_word(b) if math.isfinite(b) else None for b in (low, high)]
    return [Clamp(d, *bounds)] if bounds != [None, None] else []


def tabulate(f, low: float, high: float) -> tuple[np.ndarray, InterpolateReal]:
    """(value, slope) pairs of f at STEPS + 1 places, and the statement that reads them."""
    y = np.asarray(f(np.linspace(low, high, STEPS + 1)), np.float64)
    scale = _word(STEPS / (high - low))
    return np.stack([y, np.diff(y, append=y[-1:])], 1).reshape(-1), InterpolateReal(
        "", "", scale, _word(-low * scale), STEPS)


def _word(value: float) -> float:
    return float(np.float32(value))
