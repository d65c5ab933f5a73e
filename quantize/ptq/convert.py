"""Turns a float graph with chosen formats into a fixed-point graph, node by node."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dsplet.quantize.fixed import ops  # noqa: F401  (registers the ops)
from dsplet.quantize.fixed.arithmetic import round_half_up
from dsplet.quantize.fixed.graph import Graph, Node, Value, Weight
from dsplet.quantize.fixed.ops.argmax import ArgMax
from dsplet.quantize.fixed.ops.binary import Add, Max, Mul, Sub
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gather import Gather
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum
from dsplet.quantize.fixed.ops.logsumexp import LogSumExp
from dsplet.quantize.fixed.ops.matmul import MatMul
from dsplet.quantize.fixed.ops.movement import Concat, Pad, Reshape, Slice, Transpose
from dsplet.quantize.fixed.ops.pool import AveragePool, MaxPool
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.ops.softmax import LogSoftmax, Softmax
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.graph import NO_CLAMP, FloatGraph, FloatNode, ModelError
from dsplet.quantize.float.loops import Region, arrange
from dsplet.quantize.ptq.samples import Passage, Progress
from dsplet.quantize.ptq.shrink import Budget
from dsplet.quantize.ptq.weights import Quantizer


def convert(graph: FloatGraph, formats: dict[str, QFormat], recipe, passage: Passage,
            metadata: dict[str, str], progress: Progress) -> Graph:
    """The fixed-point graph. formats: one for each value. recipe: `quantize.ptq.recipe.Recipe`.

    passage: of the calibration samples, which layers of weights are fitted to. Clamp bounds that
    lie between two steps are rounded to one, weights shrink where a sum must fit its accumulator;
    metadata `dsplet.notes` says so. progress(done, total) counts nodes.
    """
    values = {v: Value(v, graph.shapes[v], formats[v]) for v in graph.shapes}
    maker, done = _Maker(recipe, passage), 0

    def node(item: FloatNode | Region) -> Node:
        nonlocal done
        if isinstance(item, Region):
            return _scan(item, values, tuple(node(i) for i in item.body))
        try:
            made = maker.node(item, tuple(values[i] for i in item.inputs), values[item.output])
        except ModelError:
            raise
        except ValueError as e:
            raise ModelError(f"{item.op} '{item.name}' has no fixed-point form: {e}") from None
        done += 1
        progress(done, len(graph.nodes))
        return made

    nodes = [passage.add(node(item)) for item in arrange(graph)]
    if notes := [*maker.notes, *maker.budget.notes]:
        metadata = metadata | {"dsplet.notes": "\n".join(notes)}
    return Graph(graph.name, tuple(values[i] for i in graph.inputs), tuple(nodes),
                 tuple(values[o] for o in graph.outputs), tuple(sorted(metadata.items())))


def _scan(region: Region, values: dict[str, Value], body: tuple[Node, ...]) -> Scan:
    """The loop. Its body reads what is outside it under names of its own."""
    whole = {v: replace(values[v], name=f"{region.name}/{v}") for v in region.outside}
    entries = [values[n.output] for n in (*(s for s, _ in region.states), *region.sequences)]
    ends = [n.inputs[0] for n in (*(c for _, c in region.states), *region.stacks)]
    step = Graph(region.name, (*entries, *whole.values()), tuple(
        replace(n, inputs=tuple(whole.get(v.name, v) for v in n.inputs)) for n in body),
        tuple(whole.get(v, values[v]) for v in ends))
    first, *others = (values[v] for v in region.outputs)
    return Scan(region.name, tuple(values[v] for v in region.inputs), first, len(region.states),
                len(region.sequences), region.steps, step, tuple(others))


ROOM_BITS = 8
"""GemmSum: products of several steps are aligned by at most so many bits."""
BINARY = {"Add": Add, "Sub": Sub, "Max": Max, "Mul": Mul, "MatMul": MatMul}
SOFTMAX = {"Softmax": Softmax, "LogSoftmax": LogSoftmax, "LogSumExp": LogSumExp}


class _Maker:
    def __init__(self, recipe, passage: Passage) -> None:
        self.recipe, self.passage = recipe, passage
        self.budget, self.notes = Budget(recipe.accumulator_bits), []

    def node(self, n: FloatNode, x: tuple[Value, ...], y: Value) -> Node:
        head, clamp = (n.name, x, y), _clamp(n, y, self.notes)
        match n.op:
            case "Conv":
                w, b = self._weights(n, x[0], y, clamp)
                return Conv(*head, w, b, n["strides"], n["dilations"], n["groups"], clamp=clamp)
            case "Gemm":
                return Gemm(*head, *self._weights(n, x[0], y, clamp), clamp=clamp)
            case "GemmSum":
                return GemmSum(*head, *self._gate_weights(n, x, y), clamp=clamp)
        return _plain(n, head, clamp)

    def _gate_weights(self, n: FloatNode, xs: tuple[Value, ...], y: Value
                      ) -> tuple[tuple[Weight, ...], np.ndarray]:
        """Weights of each input, fitted alone, and the bias at the finest step of the products."""
        recipe, units = self.recipe.at(n.name), len(n["weight"])
        limit = (1 << (recipe.weight_bits - 1)) - 1
        parts = np.split(n["weight"], np.cumsum([x.shape[-1] for x in xs])[:-1], 1)
        bias, found = n["bias"], []
        for x, w in zip(xs, parts, strict=True):
            make = Quantizer(recipe, [self.passage.part(w, bias, x)], x.format, y.format,
                             self.budget)
            q, frac, integers = make(n.name, bias[:, None])
            bias = integers[:, 0] * 2.0 ** -(x.format.frac + frac) - bias  # its correction
            found.append((q, frac, bias))
            bias = np.zeros(units)
        total = n["bias"] + sum(correction for _, _, correction in found)
        fracs = np.stack([np.broadcast_to(x.format.frac + f, units)
                          for x, (_, f, _) in zip(xs, found, strict=True)])
        finest = np.minimum(fracs.max(0), fracs.min(0) + ROOM_BITS)
        weights = []
        for x, w, (q, frac, _) in zip(xs, parts, found, strict=True):
            if (x.format.frac + frac > finest).any():
                frac = np.minimum(frac, finest - x.format.frac)
                q = np.clip(round_half_up(w * 2.0 ** frac[:, None]), -limit, limit)
            weights.append(Weight(q, recipe.weight_bits, frac))
        return tuple(weights), round_half_up(total * 2.0**finest)

    def _weights(self, n: FloatNode, x: Value, y: Value, clamp) -> tuple[Weight, np.ndarray]:
        low, high = clamp or (y.format.min, y.format.max)
        layers = self.passage.layers(n, x, low * y.format.step, high * y.format.step)
        bias = np.broadcast_to(n["bias"], (len(n["weight"]), *n["bias"].shape[1:]))
        recipe = self.recipe.at(n.name)
        make = Quantizer(recipe, layers, x.format, y.format, self.budget)
        q, frac, integers = make(n.name, bias.reshape(len(bias), -1))
        return (Weight(q.reshape(n["weight"].shape), recipe.weight_bits, frac),
                integers.reshape(bias.shape))


def _plain(n: FloatNode, head: tuple, clamp: tuple[int, int] | None) -> Node:
    """A node without weights."""
    _, x, y = head
    match n.op:
        case "Add" | "Sub" | "Max" | "Mul" | "MatMul":
            return BINARY[n.op](*head, clamp=clamp)
        case "Clamp":
            return Requantize(*head, clamp=clamp)
        case "Function":
            return Table.of(_finite(n["expr"]), n.name, x[0], y, str(n["expr"]))
        case "Softmax" | "LogSoftmax" | "LogSumExp":
            return SOFTMAX[n.op].of(n.name, x[0], y)
        case "MaxPool":
            return MaxPool(*head, n["window"], n["strides"])
        case "AveragePool":
            return AveragePool(*head, n["window"], n["strides"], clamp=clamp)
        case "Reshape":
            return Reshape(*head)
        case "Transpose":
            return Transpose(*head, n["perm"])
        case "Slice":
            return Slice(*head, n["starts"], n["steps"])
        case "Pad":
            return Pad(*head, n["before"], n["after"], _fill(n["value"], y.format))
        case "Concat":
            return Concat(*head, n["axis"])
        case "ArgMax":
            return ArgMax(*head)
        case "Gather":
            return Gather(*head)
        case "Constant":
            return Constant(*head, np.asarray(y.format.quantize(n["value"])))
    raise ModelError(f"{n.op} '{n.name}' has no fixed-point form")


def _finite(f: Callable) -> Callable:
    """f with its poles at the ends of every format, and 0 where it is not defined at all."""
    return lambda x: np.nan_to_num(f(x), nan=0.0, posinf=2.0**40, neginf=-(2.0**40))


def _fill(value: float, fmt: QFormat) -> int:
    return fmt.min if value == -math.inf else int(fmt.quantize(value))


def _clamp(n: FloatNode, y: Value, notes: list[str]) -> tuple[int, int] | None:
    """Clamp bounds in integers of y's format; None where they are the format's own."""
    fmt = y.format
    bounds = (n["low"], n["high"]) if n.op == "Clamp" else n.attrs.get("clamp", NO_CLAMP)
    limits = []
    for bound, end in zip(bounds, (fmt.min, fmt.max), strict=True):
        if not math.isfinite(bound):
            limits.append(end)
            continue
        exact = bound * 2.0**fmt.frac
        q = int(round_half_up(np.array(exact)))
        if q != exact and fmt.min < q < fmt.max:
            notes.append(f"{n.op} '{n.name}': the bound {bound:g} became {q * fmt.step:g}, "
                         f"a multiple of the step {fmt.step:g}")
        limits.append(min(max(q, fmt.min), fmt.max))
    return None if tuple(limits) == (fmt.min, fmt.max) else tuple(limits)
