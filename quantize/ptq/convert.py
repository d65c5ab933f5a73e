"""Turns a float graph with chosen formats into a fixed-point graph, node by node."""

from __future__ import annotations

import math

import numpy as np

from dsplet.quantize.fixed.arithmetic import round_half_up
from dsplet.quantize.fixed.graph import Graph, Node, Value, Weight
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.loops import Region, arrange
from dsplet.quantize.float.node import FloatNode, Layer, ModelError, Weighted
from dsplet.quantize.ptq.samples import Passage, Progress
from dsplet.quantize.ptq.shrink import Budget
from dsplet.quantize.ptq.weights import Quantizer

ROOM_BITS = 8
"""GemmSum: products of several steps are aligned by at most so many bits."""


def convert(graph: FloatGraph, formats: dict[str, QFormat], recipe, passage: Passage,
            metadata: dict[str, str], notes: list[str], progress: Progress) -> Graph:
    """The fixed-point graph. formats: one for each value. recipe: `quantize.ptq.recipe.Recipe`.

    passage: of the calibration samples, which layers of weights are fitted to. Clamp bounds that
    lie between two steps are rounded to one, weights shrink where a sum must fit its accumulator;
    metadata `dsplet.notes` says so, behind the `notes` that there are. progress(done, total) counts
    nodes.
    """
    values = {v: Value(v, graph.shapes[v], formats[v]) for v in graph.shapes}
    maker, done = _Maker(recipe, passage), 0

    def node(item: FloatNode | Region) -> Node:
        nonlocal done
        if isinstance(item, Region):
            return item.fixed(values, tuple(node(i) for i in item.body))
        try:
            made = item.fixed(maker, tuple(values[i] for i in item.inputs), values[item.output])
        except ModelError:
            raise
        except ValueError as e:
            raise ModelError(f"{item.op} '{item.name}' has no fixed-point form: {e}") from None
        done += 1
        progress(done, len(graph.nodes))
        return made

    nodes = [passage.add(node(item)) for item in arrange(graph)]
    if notes := [*graph.notes, *notes, *maker.notes, *maker.budget.notes]:
        metadata = metadata | {"dsplet.notes": "\n".join(notes)}
    return Graph(graph.name, tuple(values[i] for i in graph.inputs), tuple(nodes),
                 tuple(values[o] for o in graph.outputs), tuple(sorted(metadata.items())))


class _Maker:
    """A `Maker` of integers, of the weights as the recipe says. notes: on what was rounded."""

    def __init__(self, recipe, passage: Passage) -> None:
        self.recipe, self.passage = recipe, passage
        self.budget, self.notes = Budget(recipe.accumulator_bits), list[str]()

    def weights(self, n: Layer, x: Value, y: Value, clamp: tuple[int, int] | None
                ) -> tuple[Weight, np.ndarray]:
        low, high = clamp or (y.format.min, y.format.max)
        layers = self.passage.layers(n, x, low * y.format.step, high * y.format.step)
        bias = n.spread_bias(y.shape)
        recipe = self.recipe.at(n.name)
        make = Quantizer(recipe, layers, x.format, y.format, self.budget)
        q, frac, integers = make(n.name, bias.reshape(len(bias), -1))
        return (Weight(q.reshape(n.weight.shape), recipe.weight_bits, frac),
                integers.reshape(bias.shape))

    def sums(self, n: Weighted, x: tuple[Value, ...], y: Value
             ) -> tuple[tuple[Weight, ...], np.ndarray]:
        """Weights of each input, fitted alone, and the bias at the finest step of the products."""
        recipe, units = self.recipe.at(n.name), len(n.weight)
        limit = (1 << (recipe.weight_bits - 1)) - 1
        parts = np.split(n.weight, np.cumsum([v.shape[-1] for v in x])[:-1], 1)
        bias, found = n.bias, []
        for v, w in zip(x, parts, strict=True):
            make = Quantizer(recipe, [self.passage.part(w, bias, v)], v.format, y.format,
                             self.budget)
            q, frac, integers = make(n.name, bias[:, None])
            bias = integers[:, 0] * 2.0 ** -(v.format.frac + frac) - bias  # its correction
            found.append((q, frac, bias))
            bias = np.zeros(units)
        total = n.bias + sum(correction for _, _, correction in found)
        fracs = np.stack([np.broadcast_to(v.format.frac + f, units)
                          for v, (_, f, _) in zip(x, found, strict=True)])
        finest = np.minimum(fracs.max(0), fracs.min(0) + ROOM_BITS)
        weights = []
        for v, w, (q, frac, _) in zip(x, parts, found, strict=True):
            if (v.format.frac + frac > finest).any():
                frac = np.minimum(frac, finest - v.format.frac)
                q = np.clip(round_half_up(w * 2.0 ** frac[:, None]), -limit, limit)
            weights.append(Weight(q, recipe.weight_bits, frac))
        return tuple(weights), round_half_up(total * 2.0**finest)

    def clamp(self, n: FloatNode, y: Value) -> tuple[int, int] | None:
        fmt, limits = y.format, []
        for bound, end in zip(n.bounds, (fmt.min, fmt.max), strict=True):
            if not math.isfinite(bound):
                limits.append(end)
                continue
            exact = bound * 2.0**fmt.frac
            q = int(round_half_up(np.array(exact)))
            if q != exact and fmt.min < q < fmt.max:
                self.note(n, f"the bound {bound:g} became {q * fmt.step:g}, a multiple of the step "
                             f"{fmt.step:g}")
            limits.append(min(max(q, fmt.min), fmt.max))
        low, high = limits
        return None if (low, high) == (fmt.min, fmt.max) else (low, high)

    def note(self, n: FloatNode, words: str) -> None:
        self.notes.append(f"{n.op} '{n.name}': {words}")

    def fill(self, value: float, y: Value) -> int:
        return y.format.min if value == -math.inf else int(y.format.quantize(value))

    def integers(self, value: np.ndarray, y: Value) -> np.ndarray:
        return np.asarray(y.format.quantize(value))
