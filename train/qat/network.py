"""A fixed-point graph as a PyTorch module: the same integers, and gradients."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from dsplet.quantize.fixed.emitter import FLOAT32_EXACT
from dsplet.quantize.fixed.graph import Graph, Node, Requantizing, Value, Weight
from dsplet.quantize.fixed.ops.binary import Binary
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum
from dsplet.quantize.fixed.ops.matmul import MatMul
from dsplet.quantize.fixed.ops.movement import Pad
from dsplet.quantize.fixed.ops.op import Moving
from dsplet.quantize.fixed.ops.pool import AveragePool
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.proof import prove
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.train.qat.eager import Eager, convolve
from dsplet.train.qat.straight_through import fake_quantize, floor

Weighted = Conv | Gemm | GemmSum
SCALABLE = (Conv, Gemm, GemmSum, MatMul, Binary, AveragePool, Requantize)
"""Ops that are the same at any step. A table is sampled for its steps, which therefore stay."""


class Layer(nn.Module):
    """The parameters of a Conv, Gemm or GemmSum: real weights and their fracs, a pair for each
    input, and real biases.

    fracs: real numbers for each channel, or one, that are rounded half up wherever they are used.
    """

    def __init__(self, node: Weighted) -> None:
        super().__init__()
        given = _weights_of(node)
        lead = (-1, *(1,) * (node.bias.ndim - 1))
        bias = node.bias * 2.0 ** -node.acc_frac.reshape(lead).astype(np.float64)
        self.weights = nn.ParameterList(nn.Parameter(_real(w.real())) for w in given)
        self.fracs = nn.ParameterList(nn.Parameter(_real(w.frac)) for w in given)
        self.bias = nn.Parameter(_real(bias))
        self.bits = [w.bits for w in given]

    def forward(self, x_fracs: Sequence[int]
                ) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
        """Weights, biases and the accumulator's step 2**-n, on the contract's grids, as reals.

        The step has the bias's rank.
        """
        weights, finest = [], torch.full((1,), -torch.inf, dtype=torch.float64)
        for w, frac, bits, x_frac in zip(self.weights, self.fracs, self.bits, x_fracs, strict=True):
            limit = (1 << (bits - 1)) - 1
            weights.append(fake_quantize(w, frac.reshape(-1, *(1,) * (w.dim() - 1)), -limit, limit))
            finest = torch.maximum(finest, torch.floor(frac.detach().double() + 0.5) + x_frac)
        step = (2.0**-finest).reshape(-1, *(1,) * (self.bias.dim() - 1))
        bias = floor(self.bias.double() / step + 0.5) * step
        return weights, bias, step

    def integers(self, x_fracs: Sequence[int]) -> tuple[tuple[Weight, ...], np.ndarray]:
        """What the graph holds: the weights, and the bias at the accumulator's step."""
        with torch.no_grad():
            reals, bias, step = self(x_fracs)
            weights = []
            for w, frac, bits in zip(reals, self.fracs, self.bits, strict=True):
                whole = torch.floor(frac + 0.5).long().numpy()
                scale = 2.0 ** whole.reshape(-1, *(1,) * (w.dim() - 1)).astype(np.float64)
                weights.append(Weight((w.double().numpy() * scale).astype(np.int64), bits, whole))
            return tuple(weights), (bias / step).long().numpy()


class Network(nn.Module):
    """The graph with weights, biases, weight steps and activation steps that learn, those in loops
    over time included: what a step of a loop computes is computed anew at every step.

    It starts as the graph it is made from. Steps of inputs, outputs and of what a table reads or
    gives stay as they are.
    """

    def __init__(self, graph: Graph, functions: Mapping[str, Callable] | None = None) -> None:
        """functions: what the graph's Table nodes tabulate, by node name, double to double: the
        gradient is then that of the function, not of the table's stairs.
        """
        super().__init__()
        self.start = graph
        self.layers = nn.ModuleList()
        self._layer: dict[str, Layer] = {}
        for node in graph.every_node():
            if isinstance(node, Weighted):
                self._layer[node.name] = Layer(node)
                self.layers.append(self._layer[node.name])
        groups = _free_groups(graph)
        self.fracs = nn.ParameterList(nn.Parameter(_real([float(g[0].format.frac)]))
                                      for g in groups)
        self._group = {v.name: i for i, g in enumerate(groups) for v in g}
        self._formats: tuple[int, ...] | None = None
        self._now = graph
        self._wide: set[str] = set()
        self._on_grid: dict[str, tuple[list[torch.Tensor], torch.Tensor]] = {}
        self._eager = Eager(_slopes(graph, functions or {}), self._affine)

    def forward(self, *xs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Reals (N, *shape) on the inputs' grids in; every value, by name, as reals out, but for
        those inside loops.

        Each equals the integer of `graph().run` times its step, exactly. Raises UntrainableError.
        """
        self._eager.batch = len(xs[0])
        self._on_grid.clear()
        return self._walk(self.reformatted(), xs)

    def graph(self) -> Graph:
        """What has been learnt, as a fixed-point graph. Raises `fixed.proof.Overflow`."""
        graph = self._learnt(self.reformatted())
        prove(graph)
        return graph

    def reformatted(self) -> Graph:
        """The graph in the formats of this moment; weights and biases are the old ones."""
        now = tuple(int(torch.floor(f.detach() + 0.5)) for f in self.fracs)
        if now != self._formats:
            self._now = _reformatted(self.start, {
                v.name: replace(v.format, frac=now[self._group[v.name]])
                for v in self.start.every_value() if v.name in self._group})
            self._wide = {n.name for n in self._now.every_node()
                          if not isinstance(n, Weighted) and self._eager.wide(n)}
            self._formats = now
        return self._now

    def _learnt(self, graph: Graph) -> Graph:
        """A graph of this moment, or a body, with the weights and biases of this moment."""
        nodes = []
        for node in graph.nodes:
            if isinstance(node, Weighted):
                weights, bias = self._layer[node.name].integers([fmt.frac for fmt in _read(node)])
                learnt: dict[str, Any] = {"bias": bias.reshape(node.bias.shape)} | (
                    {"weights": weights} if isinstance(node, GemmSum) else {"weight": weights[0]})
                node = replace(node, **learnt)
            elif isinstance(node, Scan):
                node = replace(node, body=self._learnt(node.body))
            nodes.append(node)
        return replace(graph, nodes=tuple(nodes))

    def _walk(self, graph: Graph, xs: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Every value of a graph or a body whose inputs are xs, by name."""
        env = dict(zip((v.name for v in graph.inputs), xs, strict=True))
        for node in graph.nodes:
            given = [env[v.name] for v in node.inputs]
            ys = self._loop(node, given) if isinstance(node, Scan) else [self._run(node, *given)]
            env.update(zip((v.name for v in node.outputs), ys, strict=True))
        return env

    def _loop(self, scan: Scan, xs: list[torch.Tensor]) -> list[torch.Tensor]:
        """What the loop gives; see `Scan.reference`."""
        n, m = scan.states, scan.states + scan.sequences
        states, steps = xs[:n], []
        for t in range(scan.steps):
            env = self._walk(scan.body, [*states, *(x[:, t] for x in xs[n:m]), *xs[m:]])
            found = [env[v.name] for v in scan.body.outputs]
            states = found[:n]
            steps.append(found[n:])
        return [*states, *(torch.stack(each, 1) for each in zip(*steps, strict=True))]

    def _run(self, node: Node, *xs: Any) -> torch.Tensor:
        b, fmt = self._eager, node.output.format
        operands = [x.double() for x in xs] if node.name in self._wide else xs
        if isinstance(node, Constant):
            return b.repeat(_real(node.q[None] * fmt.step), node.q.ndim)
        real: Any = (self._affine("Gemm", node, *xs) if isinstance(node, GemmSum) else
                     node.qdq(b, *operands))
        if real is None:
            ints = [x * 2.0**v.format.frac for x, v in zip(xs, node.inputs, strict=True)]
            whole: Any = b.single(node.integer_onnx(b, *ints))
            return whole * fmt.step
        if isinstance(node, Requantizing):
            group = self._group.get(node.output.name)
            frac = _real([float(fmt.frac)]) if group is None else self.fracs[group]
            real = fake_quantize(real, frac, *node.limits).to(torch.float32)
        return real

    def _affine(self, op: str, node: Weighted, *xs: torch.Tensor, **attributes) -> torch.Tensor:
        """The accumulator of a Conv, Gemm or GemmSum; in double precision where float32 might
        round."""
        if node.name not in self._on_grid:
            weights, bias, step = self._layer[node.name]([fmt.frac for fmt in _read(node)])
            dtype = torch.float64 if _wide(weights, bias, step, node) else torch.float32
            self._on_grid[node.name] = [w.to(dtype) for w in weights], bias.to(dtype)
        weights, bias = self._on_grid[node.name]
        xs = tuple(x.to(bias.dtype) for x in xs)
        if op == "Gemm":
            products = (nn.functional.linear(x, w) for x, w in zip(xs, weights, strict=True))
            return sum(products, bias)
        (x,), (weight,) = xs, weights
        if bias.numel() == len(weight):
            return convolve(x, weight, bias.reshape(-1), **attributes)
        return convolve(x, weight, **attributes) + bias


def _real(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float32))


def _weights_of(node: Weighted) -> tuple[Weight, ...]:
    """One for each input."""
    return node.weights if isinstance(node, GemmSum) else (node.weight,)


def _read(node: Weighted) -> list[QFormat]:
    """The format of what meets each of the weights; a Conv's inputs share one."""
    inputs = node.inputs if isinstance(node, GemmSum) else node.inputs[:1]
    return [v.format for v in inputs]


def _wide(weights: list[torch.Tensor], bias: torch.Tensor, step: torch.Tensor,
          node: Weighted) -> bool:
    """Whether sum(|weight|) * max|x| + |bias| and the half step may leave float32's integers."""
    with torch.no_grad():
        largest = bias.abs().reshape(len(bias), -1).amax(1)
        for w, fmt in zip(weights, _read(node), strict=True):
            largest = largest + w.abs().flatten(1).sum(1).double() * (
                max(-fmt.min, fmt.max) * fmt.step)
        return bool((largest / step.reshape(-1)).max() >= FLOAT32_EXACT // 4)


def _free_groups(graph: Graph) -> list[list]:
    """Values joined by ops that cannot change a format, where all around them is SCALABLE."""
    parent = {v.name: v.name for v in graph.every_value()}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    bound = {v.name for v in (*graph.inputs, *graph.outputs)}
    for n in graph.every_node():
        for a, b in _joined(n):
            parent[root(a.name)] = root(b.name)
        if not isinstance(n, (Moving, Scan, *SCALABLE)):
            bound |= {v.name for v in (*n.inputs, n.output)}
    bound = {root(name) for name in bound}
    groups: dict[str, list] = {}
    for v in graph.every_value():
        if root(v.name) not in bound:
            groups.setdefault(root(v.name), []).append(v)
    return list(groups.values())


def _joined(node: Node) -> list[tuple[Value, Value]]:
    """Pairs of values that a node which moves numbers, or a loop, holds to one format."""
    if isinstance(node, Scan):
        body, n = node.body, node.states
        return [*zip(node.inputs, body.inputs, strict=True),
                *zip(node.outputs, body.outputs, strict=True),
                *zip(body.inputs[:n], body.outputs[:n], strict=True)]
    return [(v, node.output) for v in node.inputs] if isinstance(node, Moving) else []


def _reformatted(graph: Graph, formats: Mapping[str, QFormat]) -> Graph:
    """The graph, or a body, with values of other formats; clamp bounds and fills keep their real
    values."""
    def of(values: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(replace(v, format=formats.get(v.name, v.format)) for v in values)

    def node(n: Node) -> Node:
        before, after = n.output.format, formats.get(n.output.name, n.output.format)
        changes: dict[str, Any] = {"inputs": of(n.inputs), "output": of((n.output,))[0]}
        if isinstance(n, Scan):
            changes |= {"others": of(n.others), "body": _reformatted(n.body, formats)}
        elif isinstance(n, Pad):
            changes["value"] = _moved(n.value, before, after)
        elif isinstance(n, Requantizing) and n.clamp:
            changes["clamp"] = tuple(_moved(bound, before, after) for bound in n.clamp)
        return replace(n, **changes)

    return replace(graph, inputs=of(graph.inputs), nodes=tuple(map(node, graph.nodes)),
                   outputs=of(graph.outputs))


def _moved(q: int, before: QFormat, after: QFormat) -> int:
    """The integer nearest to q's real value; an end of the format stays an end."""
    if q in (before.min, before.max):
        return after.min if q == before.min else after.max
    return int(after.quantize(before.dequantize(np.array(q))))


def _slopes(graph: Graph, functions: Mapping[str, Callable]) -> dict[int, np.ndarray]:
    """By table: the functions' slopes in output steps per entry."""
    slopes = {}
    for n in graph.every_node():
        if isinstance(n, Table) and n.name in functions and len(n.table) > 1:
            x, y = n.inputs[0].format, n.output.format
            at = (x.min + (np.arange(len(n.table)) << n.step_log2)) * x.step
            slopes[id(n.table)] = np.gradient(np.nan_to_num(functions[n.name](at))) / y.step
    return slopes
