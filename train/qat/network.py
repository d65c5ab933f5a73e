"""A fixed-point graph as a PyTorch module: the same integers, and gradients."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from dsplet.quantize.fixed.emitter import FLOAT32_EXACT
from dsplet.quantize.fixed.graph import Graph, Node, Requantizing, Weight
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
from dsplet.train.qat.eager import Eager, UntrainableError, convolve
from dsplet.train.qat.straight_through import fake_quantize, floor

UNTRAINABLE = (Scan, GemmSum)
"""Loops over time, and the gates inside them."""
SCALABLE = (Conv, Gemm, MatMul, Binary, AveragePool, Requantize)
"""Ops that are the same at any step. A table is sampled for its steps, which therefore stay."""


class Layer(nn.Module):
    """The parameters of a Conv or Gemm: real weights and biases, and the frac of the weights.

    frac: a real number for each channel, or one, that is rounded half up wherever it is used.
    """

    def __init__(self, node: Conv | Gemm) -> None:
        super().__init__()
        lead = (-1, *(1,) * (node.bias.ndim - 1))
        bias = node.bias * 2.0 ** -node.acc_frac.reshape(lead).astype(np.float64)
        self.weight = nn.Parameter(_real(node.weight.real()))
        self.bias = nn.Parameter(_real(bias))
        self.frac = nn.Parameter(_real(node.weight.frac))
        self.bits = node.weight.bits
        self.limit = (1 << (self.bits - 1)) - 1

    def forward(self, x_frac: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Weights, biases and the accumulator's step 2**-n, on the contract's grids, as reals.

        The step has the bias's rank.
        """
        frac = self.frac.reshape(-1, *(1,) * (self.weight.dim() - 1))
        weight = fake_quantize(self.weight, frac, -self.limit, self.limit)
        whole = torch.floor(self.frac.detach() + 0.5).to(torch.float64) + x_frac
        step = (2.0**-whole).reshape(-1, *(1,) * (self.bias.dim() - 1))
        bias = floor(self.bias.double() / step + 0.5) * step
        return weight, bias, step

    def integers(self, x_frac: int) -> tuple[Weight, np.ndarray]:
        """What the graph holds: the weight, and the bias at the accumulator's step."""
        with torch.no_grad():
            weight, bias, step = self(x_frac)
            frac = torch.floor(self.frac + 0.5).long().numpy()
            scale = 2.0 ** frac.reshape(-1, *(1,) * (weight.dim() - 1)).astype(np.float64)
            q = (weight.double().numpy() * scale).astype(np.int64)
            return Weight(q, self.bits, frac), (bias / step).long().numpy()


class Network(nn.Module):
    """The graph with weights, biases, weight steps and activation steps that learn.

    It starts as the graph it is made from. Steps of inputs, outputs and of what a table reads or
    gives stay as they are.
    """

    def __init__(self, graph: Graph, functions: Mapping[str, Callable] | None = None) -> None:
        """functions: what the graph's Table nodes tabulate, by node name, double to double: the
        gradient is then that of the function, not of the table's stairs. Raises UntrainableError.
        """
        super().__init__()
        if there := [f"{n.op} '{n.name}'" for n in graph.nodes if isinstance(n, UNTRAINABLE)]:
            raise UntrainableError("there is no finetuning through " + ", ".join(there))
        self.start = graph
        self.layers = nn.ModuleList()
        self._layer: dict[str, Layer] = {}
        for node in graph.nodes:
            if isinstance(node, Conv | Gemm):
                self._layer[node.name] = Layer(node)
                self.layers.append(self._layer[node.name])
        groups = _free_groups(graph)
        self.fracs = nn.ParameterList(nn.Parameter(_real([float(g[0].format.frac)]))
                                      for g in groups)
        self._group = {v.name: i for i, g in enumerate(groups) for v in g}
        self._formats: tuple[int, ...] = ()
        self._nodes = graph.nodes
        self._eager = Eager(_slopes(graph, functions or {}), self._affine)

    def forward(self, *xs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Reals (N, *shape) on the inputs' grids in; every value, by name, as reals out.

        Each equals the integer of `graph().run` times its step, exactly.
        """
        env = dict(zip((v.name for v in self.start.inputs), xs, strict=True))
        self._eager.batch = len(xs[0])
        for node in self.nodes():
            env[node.output.name] = self._run(node, *(env[v.name] for v in node.inputs))
        return env

    def graph(self) -> Graph:
        """What has been learnt, as a fixed-point graph. Raises `fixed.proof.Overflow`."""
        nodes = []
        for node in self.nodes():
            if isinstance(node, Conv | Gemm):
                weight, bias = self._layer[node.name].integers(node.inputs[0].format.frac)
                learnt: dict[str, Any] = {"weight": weight, "bias": bias.reshape(node.bias.shape)}
                node = replace(node, **learnt)
            nodes.append(node)
        known = {v.name: v for n in nodes for v in (*n.inputs, n.output)}
        outputs = tuple(known.get(v.name, v) for v in self.start.outputs)
        graph = replace(self.start, nodes=tuple(nodes), outputs=outputs)
        prove(graph)
        return graph

    def nodes(self) -> tuple[Node, ...]:
        """The graph's nodes in the formats of this moment; weights and biases are the old ones."""
        now = tuple(int(torch.floor(f.detach() + 0.5)) for f in self.fracs)
        if now != self._formats:
            formats = {v.name: replace(v.format, frac=now[self._group[v.name]])
                       for v in self.start.values() if v.name in self._group}
            self._nodes = tuple(_reformatted(n, formats) for n in self.start.nodes)
            self._formats = now
        return self._nodes

    def _run(self, node: Node, *xs: Any) -> torch.Tensor:
        b, fmt = self._eager, node.output.format
        wide = node.name not in self._layer and b.wide(node)
        operands = [x.double() for x in xs] if wide else xs
        if isinstance(node, Constant):
            return b.repeat(_real(node.q[None] * fmt.step), node.q.ndim)
        real: Any = node.qdq(b, *operands)
        if real is None:
            ints = [x * 2.0**v.format.frac for x, v in zip(xs, node.inputs, strict=True)]
            whole: Any = b.single(node.integer_onnx(b, *ints))
            return whole * fmt.step
        if isinstance(node, Requantizing):
            group = self._group.get(node.output.name)
            frac = _real([float(fmt.frac)]) if group is None else self.fracs[group]
            real = fake_quantize(real, frac, *node.limits).to(torch.float32)
        return real

    def _affine(self, op: str, node: Conv | Gemm, x: torch.Tensor, **attributes) -> torch.Tensor:
        """The accumulator of a Conv or Gemm; in double precision where float32 might round."""
        fmt = node.inputs[0].format
        weight, bias, step = self._layer[node.name](fmt.frac)
        dtype = torch.float64 if _wide(weight, bias, step, fmt) else torch.float32
        x, weight, bias = x.to(dtype), weight.to(dtype), bias.to(dtype)
        if op == "Gemm":
            return nn.functional.linear(x, weight, bias)
        if bias.numel() == len(weight):
            return convolve(x, weight, bias.reshape(-1), **attributes)
        return convolve(x, weight, **attributes) + bias


def _real(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float32))


def _wide(weight: torch.Tensor, bias: torch.Tensor, step: torch.Tensor, fmt: QFormat) -> bool:
    """Whether sum(|weight|) * max|x| + |bias| and the half step may leave float32's integers."""
    with torch.no_grad():
        largest = weight.abs().flatten(1).sum(1).double() * max(-fmt.min, fmt.max) * fmt.step
        largest = largest + bias.abs().reshape(len(bias), -1).amax(1)
        return bool((largest / step.reshape(-1)).max() >= FLOAT32_EXACT // 4)


def _free_groups(graph: Graph) -> list[list]:
    """Values joined by ops that cannot change a format, where all around them is SCALABLE."""
    parent = {v.name: v.name for v in graph.values()}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    bound = {v.name for v in (*graph.inputs, *graph.outputs)}
    for n in graph.nodes:
        if isinstance(n, Moving):
            for v in n.inputs:
                parent[root(n.output.name)] = root(v.name)
        elif not isinstance(n, SCALABLE):
            bound |= {v.name for v in (*n.inputs, n.output)}
    bound = {root(name) for name in bound}
    groups: dict[str, list] = {}
    for v in graph.values():
        if root(v.name) not in bound:
            groups.setdefault(root(v.name), []).append(v)
    return list(groups.values())


def _reformatted(node: Node, formats: Mapping[str, QFormat]) -> Node:
    """The node between values of other formats; clamp bounds and fills keep their real values."""
    before, after = node.output.format, formats.get(node.output.name, node.output.format)
    changes: dict[str, Any] = {"inputs": tuple(replace(v, format=formats.get(v.name, v.format))
                               for v in node.inputs),
        "output": replace(node.output, format=after)}
    if isinstance(node, Pad):
        changes["value"] = _moved(node.value, before, after)
    elif isinstance(node, Requantizing) and node.clamp:
        changes["clamp"] = tuple(_moved(bound, before, after) for bound in node.clamp)
    return replace(node, **changes)


def _moved(q: int, before: QFormat, after: QFormat) -> int:
    """The integer nearest to q's real value; an end of the format stays an end."""
    if q in (before.min, before.max):
        return after.min if q == before.min else after.max
    return int(after.quantize(before.dequantize(np.array(q))))


def _slopes(graph: Graph, functions: Mapping[str, Callable]) -> dict[int, np.ndarray]:
    """By table: the functions' slopes in output steps per entry."""
    slopes = {}
    for n in graph.nodes:
        if isinstance(n, Table) and n.name in functions and len(n.table) > 1:
            x, y = n.inputs[0].format, n.output.format
            at = (x.min + (np.arange(len(n.table)) << n.step_log2)) * x.step
            slopes[id(n.table)] = np.gradient(np.nan_to_num(functions[n.name](at))) / y.step
    return slopes
