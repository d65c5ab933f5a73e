"""The recipe: how many bits go where, chosen how; and `quantize`, which follows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from dsplet.base.errors import UserError, door, near, shown
from dsplet.base.schema import fitted, parse_json, read_toml
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.proof import prove
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import Weighted
from dsplet.quantize.ptq import algorithms
from dsplet.quantize.ptq.calibrate import Histogram, histograms, said
from dsplet.quantize.ptq.convert import convert
from dsplet.quantize.ptq.formats import (
    choose_formats,
    drop_idle_clamps,
    measured,
    separate_inputs,
)
from dsplet.quantize.ptq.masks import without_masks
from dsplet.quantize.ptq.rescaling import Rescaling
from dsplet.quantize.ptq.samples import Passage, Samples
from dsplet.quantize.ptq.stated import random_inputs, stated
from dsplet.quantize.ptq.steep import steep

FOLDER = Path(__file__).with_name("recipes")
STEPS = {"weights": "range", "activations": "range", "trial": "trial", "rounding": "rounding",
         "bias": "bias"}
"""Fields of a recipe that name one algorithm, and its kind."""
OPTIONAL = {"trial", "bias"}
Bits = Annotated[int, Meta(ge=2, le=16)]
AccumulatorBits = Annotated[int, Meta(ge=8, le=32)]
BITS = {"weight_bits": Bits, "activation_bits": Bits, "input_bits": Bits,
        "preactivation_bits": Bits, "recurrent_bits": Bits, "output_bits": Bits,
        "accumulator_bits": AccumulatorBits}
LAYER_BITS = ("weight_bits", "activation_bits")


class RecipeError(UserError):
    """A recipe that asks for what cannot be had."""


@dataclass(frozen=True)
class Recipe:
    """The default recipe; recipes/default.toml says why it is.

    weight_bits, activation_bits: 2 to 16. input_bits: of the network's inputs. preactivation_bits:
    of what a function of one variable reads; up to 10 its table is exact; default: two more than
    the activations', at least 10. recurrent_bits: of what a loop over time computes with, but for
    what only products read. output_bits: of the network's outputs and of what a softmax
    reads. accumulator_bits: signed, 8 to 32, that every sum must fit; weights shrink where they
    must. Factors that many numbers share, and what they are computed from, have 16 bits whatever
    it says (`quantize.ptq.statistics`). per_channel: one weight step for each output channel. The
    others name algorithms
    (`quantize.ptq.algorithms.names(kind)`) or hold their configs: equalization any number of them,
    in order; weights, activations: how steps are chosen; trial, bias: None for none of it.
    layers: exceptions by a node's name ("first" and "last": of those with weights):
    {"weight_bits": 4} for its weights, {"activation_bits": 6} for what it gives.
    """

    weight_bits: Bits = 8
    activation_bits: Bits = 8
    input_bits: Bits = 8
    preactivation_bits: Bits | None = None
    recurrent_bits: Bits = 16
    output_bits: Bits = 16
    accumulator_bits: AccumulatorBits = 32
    per_channel: bool = True
    equalization: tuple[Any, ...] = ("balance", "align")
    activations: Any = "mse"
    weights: Any = "hessian"
    trial: Any = "trial"
    rounding: Any = "adaround"
    bias: Any = "clamped"
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.preactivation_bits is None:
            self._set("preactivation_bits", min(max(self.activation_bits + 2, 10), 16))
        for name, bits in BITS.items():
            fitted(getattr(self, name), bits, RecipeError, name)
        fitted(self.per_channel, bool, RecipeError, "per_channel")
        for layer, widths in self.layers.items():
            for name, width in widths.items():
                if name not in LAYER_BITS:
                    raise RecipeError(f"has no {shown(name)}", where=f"layer '{layer}'",
                                      expected=" or ".join(LAYER_BITS),
                                      remedy=near(name, LAYER_BITS))
                with door(f"layer '{layer}'"):
                    fitted(width, Bits, RecipeError, name)
        self._set("equalization", tuple(_config("equalization", e) for e in self.equalization))
        for name, kind in STEPS.items():
            value = getattr(self, name)
            if name not in OPTIONAL or value not in (None, "none"):
                self._set(name, _config(kind, value))
            else:
                self._set(name, None)
        if (name := algorithms.name_of(self.activations)) not in (others := activation_ranges()):
            raise RecipeError(f"{name} weighs the errors of weights, and is nothing for "
                              "activations", expected=", ".join(others))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def of(self, graph: FloatGraph) -> Recipe:
        """The recipe with its layers by their nodes' names. RecipeError for a layer that the graph
        does not have."""
        weighted = [n.name for n in graph.nodes if isinstance(n, Weighted)]
        known = {n.name: n.name for n in graph.nodes} | (
            {"first": weighted[0], "last": weighted[-1]} if weighted else {})
        layers: dict[str, dict[str, int]] = {}
        for name, widths in self.layers.items():
            if name not in known:
                raise RecipeError(f"the network has no layer '{name}'", remedy=near(name, known),
                                  expected=", ".join(weighted) or "none: nothing has weights")
            layers[known[name]] = layers.get(known[name], {}) | widths
        return replace(self, layers=layers)

    def at(self, node: str) -> Recipe:
        """The recipe of one node."""
        if node not in self.layers:
            return self
        changes: dict[str, Any] = {**self.layers[node], "layers": {}}
        return replace(self, **changes)

    def unfitted(self) -> Recipe:
        """The recipe without what is fitted to samples."""
        weights = self.weights if algorithms.name_of(self.weights) != "hessian" else "mse"
        return replace(self, equalization=(), weights=weights, trial=None, rounding="nearest",
                       bias=None)

    def activation_bits_of(self, nodes: Iterable[str], otherwise: int) -> int:
        """The widest exception among the nodes that give one value; `otherwise` without any."""
        own = [self.layers[n]["activation_bits"] for n in nodes
               if "activation_bits" in self.layers.get(n, {})]
        return max(own, default=otherwise)

    def to_json(self) -> str:
        facts = {f.name: getattr(self, f.name) for f in fields(self)}
        facts |= {name: _spelt(facts[name]) for name in STEPS}
        facts["equalization"] = [_spelt(e) for e in self.equalization]
        return json.dumps(facts, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The inverse of `to_json`. Raises RecipeError."""
        with door("the network's recipe"):
            return parse_json(text, cls, RecipeError)


def _config(kind: str, value: object) -> object:
    """The config that a name, a table {algorithm = NAME, option = ...} or a config means."""
    if isinstance(value, str):
        return algorithms.named(kind, value)
    if isinstance(value, dict) and isinstance(value.get("algorithm"), str):
        options = {k: v for k, v in value.items() if k != "algorithm"}
        return algorithms.named(kind, value["algorithm"], **options)
    if is_dataclass(value) and algorithms.is_a(kind, value):
        return value
    raise RecipeError(f"{shown(value)} is not an algorithm of the kind {kind}",
                      expected=", ".join(algorithms.names(kind)))


def _spelt(config: Any) -> object:
    return config and {"algorithm": algorithms.name_of(config)} | asdict(config)


def activation_ranges() -> list[str]:
    """How steps of activations are chosen: hessian weighs what weights are multiplied with."""
    return [name for name in algorithms.names("range") if name != "hessian"]


def names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(p.stem for p in FOLDER.glob("*.toml"))


def load(name: str | Path, **changes) -> Recipe:
    """The recipe of a name or of a .toml file, with some fields changed.

    Raises UserError naming the file, the key and what was expected.
    """
    path = Path(name) if str(name).endswith(".toml") else FOLDER / f"{name}.toml"
    if path != Path(name) and name not in names():
        raise RecipeError(f"no recipe is called '{name}'", remedy=near(str(name), names()),
                          expected=f"{', '.join(names())} or the name of a .toml file")
    return read_toml(path, Recipe, RecipeError, **changes)


def quantize(graph: FloatGraph, samples: np.ndarray | dict[str, np.ndarray] | None,
             recipe: Recipe | None = None, metadata: dict[str, str] | None = None,
             progress: Callable[[int, int], None] | None = None) -> Graph:
    """The fixed-point graph of a float graph, proved free of overflow.

    samples: calibration inputs (N, *shape), or a dict of them by input name, in any order. None:
    the graph states its own ranges, as one does that others have quantized; nothing is then fitted
    to samples, and every weight becomes the nearest integer.
    metadata: written beside that of the model, and heeded like it: `dsplet.input_scale` and
    `dsplet.input_offset` say what pixels can be. progress(done, total) counts nodes.
    Raises ModelError for samples or values that do not fit, `fixed.proof.Overflow` where an
    accumulator cannot be proved to hold.
    """
    recipe, tick = recipe or Recipe(), progress or (lambda done, total: None)
    graph, ranges = separate_inputs(graph.saying(metadata or {})), dict[str, Histogram]()
    if samples is None:
        recipe, ranges = recipe.unfitted(), stated(graph)
        samples = random_inputs(graph, 1)
    if not isinstance(samples, dict):
        samples = dict.fromkeys(graph.inputs[:1], np.asarray(samples))
    known = Samples(graph, samples)
    graph = separate_inputs(without_masks(graph, known))
    recipe = recipe.of(graph)
    rescaling = Rescaling(graph, known, recipe)
    for config in recipe.equalization:
        algorithms.run(config, rescaling)
        tick(0, len(graph.nodes))
    graph = rescaling.graph
    seen = ranges or histograms(graph, measured(graph), known)
    formats = choose_formats(graph, seen, recipe)
    graph = drop_idle_clamps(graph, formats)
    facts = dict(graph.metadata) | {"dsplet.float_sha256": graph.sha256,
                                    "dsplet.recipe": recipe.to_json()} | rescaling.facts()
    fixed = convert(graph, formats, recipe, Passage(graph, known),
                    facts, said(graph, seen) + steep(graph, seen, formats), tick)
    prove(fixed, recipe.accumulator_bits)
    return fixed
