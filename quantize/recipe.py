"""The recipe: how many bits go where, chosen how; and `quantize`, which follows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, is_dataclass

import numpy as np

from quantize import algorithms
from quantize.calibrate import histograms
from quantize.convert import convert
from quantize.fixed.graph import Graph
from quantize.fixed.proof import prove
from quantize.float_graph import FloatGraph
from quantize.formats import choose_formats, measured, separate_inputs


class RecipeError(ValueError):
    """A recipe that asks for what cannot be had."""


@dataclass(frozen=True)
class Recipe:
    """Widths in bits, 2 to 16.

    input_bits: of the network's inputs. preactivation_bits: of what a function of one variable
    reads; up to 10 its table is exact. output_bits: of the network's outputs and of what a softmax
    reads. per_channel: one weight step for each output channel. weights, activations: how steps are
    chosen, a name (`quantize.algorithms.names()`) or the algorithm's config.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    input_bits: int = 8
    preactivation_bits: int = 10
    output_bits: int = 16
    per_channel: bool = True
    weights: object = "mse"
    activations: object = "mse"

    def __post_init__(self) -> None:
        for name in ("weight_bits", "activation_bits", "input_bits", "preactivation_bits",
                     "output_bits"):
            bits = getattr(self, name)
            if not 2 <= bits <= 16:
                raise RecipeError(f"{name} must be 2 to 16, not {bits}")
        for config in (self.weight_algorithm, self.activation_algorithm):
            if not is_dataclass(config) or type(config).__name__.lower() not in algorithms.names():
                raise RecipeError(f"{config!r} is not an algorithm (there are "
                                  f"{', '.join(algorithms.names())})")

    @property
    def weight_algorithm(self) -> object:
        return algorithms.named(self.weights) if isinstance(self.weights, str) else self.weights

    @property
    def activation_algorithm(self) -> object:
        return (algorithms.named(self.activations) if isinstance(self.activations, str)
                else self.activations)

    def to_json(self) -> str:
        facts = asdict(self)
        for name, config in (("weights", self.weight_algorithm),
                             ("activations", self.activation_algorithm)):
            facts[name] = {"algorithm": type(config).__name__.lower()} | asdict(config)
        return json.dumps(facts, sort_keys=True)


def quantize(graph: FloatGraph, samples: np.ndarray | dict[str, np.ndarray],
             recipe: Recipe | None = None, metadata: dict[str, str] | None = None,
             progress: Callable[[int, int], None] | None = None) -> Graph:
    """The fixed-point graph of a float graph, proved free of overflow.

    samples: calibration inputs (N, *shape), or a dict of them by input name. metadata: written
    beside that of the model. progress(done, total) counts calibration samples.
    Raises ModelError for samples or values that do not fit, `fixed.proof.Overflow` where an
    accumulator cannot be proved to hold.
    """
    recipe = recipe or Recipe()
    if not isinstance(samples, dict):
        samples = dict.fromkeys(graph.inputs[:1], np.asarray(samples))
    graph = separate_inputs(graph)
    seen = histograms(graph, measured(graph), samples, progress)
    formats = choose_formats(graph, seen, recipe)
    facts = dict(graph.metadata) | {"dsplet.float_sha256": graph.sha256,
                                    "dsplet.recipe": recipe.to_json()} | (metadata or {})
    fixed = convert(graph, formats, recipe, tuple(facts.items()))
    prove(fixed)
    return fixed
