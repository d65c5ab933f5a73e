"""One float network quantized many times: calibrated once, every assignment of widths measured."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dsplet.data.answers import answers, percent_right, same
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.proof import Overflow, prove
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.model import to_model
from dsplet.quantize.float.node import ModelError, Reads, Weighted
from dsplet.quantize.ptq import algorithms
from dsplet.quantize.ptq.calibrate import histograms
from dsplet.quantize.ptq.classes import Class, classes
from dsplet.quantize.ptq.convert import convert
from dsplet.quantize.ptq.formats import (
    activation_bits,
    choices,
    choose_formats,
    measured,
    separate_inputs,
)
from dsplet.quantize.ptq.masks import without_masks
from dsplet.quantize.ptq.recipe import Recipe
from dsplet.quantize.ptq.rescaling import Rescaling
from dsplet.quantize.ptq.samples import Passage, Samples
from dsplet.quantize.search.alive import alive

WIDTHS = tuple(range(2, 17))
START_BITS = 12
"""The width of all that is not tried out: errors of other slots must not drown what is measured."""
FITTED = 64
"""Samples that rounding looks at, where the recipe's does."""

Progress = Callable[[int, int], None]


def packed_bytes(numbers: int, bits: int) -> int:
    """Packed bit by bit, in whole bytes."""
    return (numbers * bits + 7) // 8


@dataclass(frozen=True)
class Slot:
    """A width to choose. layer: a node's name. kind: "weight_bits" or "activation_bits".

    size: how many numbers have this width (of activations: in one sample).
    """

    layer: str
    kind: str
    size: int


Widths = dict[Slot, int]


@dataclass(frozen=True, eq=False)
class Point:
    """One assignment, measured. noise: power of the scores' error over the scores' own power.

    weight_bytes: of the weights, packed bit by bit. memory_bytes: with biases (4 bytes each) and
    the activations that are alive together at worst.
    """

    widths: Widths
    weight_bytes: int
    memory_bytes: int
    noise: float
    agree_percent: float
    accuracy_percent: float

    @property
    def sqnr_db(self) -> float:
        return -10 * float(np.log10(self.noise)) if self.noise else np.inf


class Trials:
    """Quantizes a float graph with any widths. Raises ModelError for samples that do not fit."""

    def __init__(self, graph: FloatGraph, samples: np.ndarray, labels: np.ndarray,
                 recipe: Recipe, progress: Progress | None = None) -> None:
        """samples: float inputs (N, *shape) to calibrate and measure with; never test samples.
        recipe: a quick one; channels are equalized once, for its own widths."""
        if len(graph.inputs) != 1:
            raise ModelError(f"has the inputs {', '.join(graph.inputs)}; expected one")
        self.recipe, self.labels = recipe, labels
        self.samples = np.asarray(samples, np.float32)
        every = Samples(graph, {graph.inputs[0]: self.samples})
        self._few = _Kept(graph, {graph.inputs[0]: self.samples[:FITTED]})
        graph = separate_inputs(without_masks(graph, every))
        rescaling = Rescaling(graph, every, recipe.of(graph))
        for config in recipe.equalization:
            algorithms.run(config, rescaling)
        self.graph = rescaling.graph
        self._seen = histograms(self.graph, measured(self.graph), every, progress)
        self._reference = _scores(self.graph, self.samples)
        self.slots = _slots(self.graph, recipe)
        formats = choose_formats(self.graph, self._seen, recipe.of(self.graph))
        self.alive = _alive(self.graph, self.slots, formats)
        self.products = _products(self.graph, self.slots, formats)
        self.bias_bytes = 4 * sum(n.bias.size for n in self.graph.nodes
                                  if isinstance(n, Weighted))

    def under(self, recipe: Recipe) -> Trials:
        """The same network and samples under another recipe."""
        other = copy(self)
        other.__dict__.pop("start_bits", None)
        other.recipe = recipe
        return other

    @cached_property
    def start_bits(self) -> int:
        """The widest uniform network, up to START_BITS, whose accumulators can be proved."""
        for bits in range(START_BITS, WIDTHS[0], -1):
            try:
                self.quantize(dict.fromkeys(self.slots, bits))
            except Overflow:
                continue
            return bits
        return WIDTHS[0]

    def uniform(self, bits: int) -> Widths:
        return dict.fromkeys(self.slots, bits)

    @property
    def own(self) -> Widths:
        """The widths that the recipe itself gives."""
        recipe = self.recipe.of(self.graph)
        bits = activation_bits(self.graph, recipe)
        outputs = {n.name: n.output for n in self.graph.nodes}
        return {s: recipe.at(s.layer).weight_bits if s.kind == "weight_bits" else
                bits[outputs[s.layer]] for s in self.slots}

    def recipe_of(self, widths: Widths) -> Recipe:
        """The trials' recipe with these widths, one for each slot."""
        layers: dict[str, dict[str, int]] = {}
        for slot in self.slots:
            layers.setdefault(slot.layer, {})[slot.kind] = widths[slot]
        return replace(self.recipe, layers=self.recipe.layers | layers).of(self.graph)

    def quantize(self, widths: Widths) -> Graph:
        """The fixed-point graph with these widths, channels as they are. Raises `Overflow`."""
        recipe = self.recipe_of(widths)
        fixed = convert(self.graph, choose_formats(self.graph, self._seen, recipe), recipe,
                        Passage(self.graph, self._few), {}, [], lambda done, total: None)
        prove(fixed, recipe.accumulator_bits)
        return fixed

    def measure(self, widths: Widths) -> Point | None:
        """The point of these widths on the samples; None where an accumulator cannot be proved."""
        try:
            return self.judge(self.quantize(widths), widths)
        except Overflow:
            return None

    def judge(self, fixed: Graph, widths: Widths) -> Point:
        """A fixed-point graph of these widths, however it came about, on the samples."""
        q, y = fixed.inputs[0].format.quantize(self.samples), fixed.outputs[0].format
        scores = y.dequantize(Executor(fixed, threads=1)(q)[0].reshape(len(q), -1))
        read, wanted = (answers(y, self.labels.shape[1:]) for y in (scores, self._reference))
        return Point(
            widths, self.weight_bytes(widths), self.memory_bytes(widths),
            float(((scores - self._reference) ** 2).sum() / (self._reference**2).sum()),
            100 * float(same(read, wanted).mean()), percent_right(scores, self.labels))

    def weight_bytes(self, widths: Widths) -> int:
        return sum(packed_bytes(s.size, widths[s]) for s in self.slots
                   if s.kind == "weight_bits")

    def memory_bytes(self, widths: Widths) -> int:
        """What a machine needs that packs numbers bit by bit."""
        alive = [settled + sum(packed_bytes(n, widths[s])
                               for s, n in numbers.items()) for settled, numbers in self.alive]
        return self.weight_bytes(widths) + self.bias_bytes + max(alive, default=0)


class _Kept(Samples):
    """Samples that run through the float network once."""

    def __init__(self, graph: FloatGraph, inputs: dict[str, np.ndarray]) -> None:
        super().__init__(graph, inputs)
        self._known: dict[str, np.ndarray] = {}

    def all(self, graph: FloatGraph, values: list[str]) -> dict[str, np.ndarray]:
        if missing := [v for v in values if v not in self._known]:
            self._known |= super().all(graph, missing)
        return {v: self._known[v] for v in values}


def _scores(graph: FloatGraph, x: np.ndarray) -> np.ndarray:
    """The float network's first output, (N, anything)."""
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(to_model(graph).SerializeToString(), options,
                                   providers=["CPUExecutionProvider"])
    chunks = [session.run(None, {graph.inputs[0]: x[i:i + 256]})[0] for i in range(0, len(x), 256)]
    return np.concatenate(chunks).reshape(len(x), -1).astype(np.float64)


def _slots(graph: FloatGraph, recipe: Recipe) -> tuple[Slot, ...]:
    """Weights by layer, then activations by a node that gives them. Widths of inputs,
    outputs and of what a table or a softmax reads are the recipe's; places have their own."""
    slots = [Slot(n.name, "weight_bits", int(n.weight.size)) for n in graph.nodes
             if isinstance(n, Weighted)]
    for c in classes(graph):
        free = c.makers and not c.reads <= {Reads.CURVE, Reads.SCORES, Reads.DIVISOR} and not any(
            m in graph.inputs for m in c.members) and not choices(graph, c)
        if free:
            size = max(int(np.prod(graph.shapes[m])) for m in c.members)
            slots.append(Slot(_giver(c), "activation_bits", size))
    return tuple(slots)


def _slot_of(graph: FloatGraph, slots: tuple[Slot, ...]) -> dict[str, Slot]:
    """The activation slot of each value that has one."""
    by_layer = {s.layer: s for s in slots if s.kind == "activation_bits"}
    return {m: by_layer[_giver(c)] for c in classes(graph) if c.makers
            and _giver(c) in by_layer for m in c.members}


def _giver(c: Class) -> str:
    """The node that a class is called by: the first that computes it; a state is not called by the
    constant that it begins as."""
    return next((n for n in c.makers if n.inputs), c.makers[0]).name


def _products(graph: FloatGraph, slots: tuple[Slot, ...], formats: dict[str, QFormat]
              ) -> list[tuple[Slot, Slot | None, int]]:
    """Each layer's weights, the slot that they meet, and the settled bits they meet where there is
    none: their sum decides how wide the layer's accumulator must be. Gates meet several."""
    slot_of = _slot_of(graph, slots)
    reads = {n.name: n.inputs for n in graph.nodes if isinstance(n, Weighted)}
    return [(s, slot_of.get(x), formats[x].bits) for s in slots if s.kind == "weight_bits"
            for x in reads[s.layer]]


def _alive(graph: FloatGraph, slots: tuple[Slot, ...], formats: dict[str, QFormat]
           ) -> list[tuple[int, dict[Slot, int]]]:
    """For each node what is alive while it runs: bytes of settled widths, and numbers by slot."""
    slot_of = _slot_of(graph, slots)
    found = []
    for values in alive(graph):
        settled, numbers = 0, dict[Slot, int]()
        for v in values:
            size = int(np.prod(graph.shapes[v]))
            if v in slot_of:
                numbers[slot_of[v]] = numbers.get(slot_of[v], 0) + size
            else:
                settled += packed_bytes(size, formats[v].bits)
        found.append((settled, numbers))
    return found
