"""Networks as objects: what `import dsplet` offers.

Arrays go in and out; samples are (N, *shape), by the inputs' names where there are several, see
`FloatNet`. Everything raises `UserError` of some kind for what a user can mend.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dsplet.base.display import table
from dsplet.base.errors import UserError
from dsplet.data.answers import are_numbers
from dsplet.data.feed import KEYS, Batch, feed
from dsplet.data.resample import Scaling
from dsplet.data.source import Arrays, Shape
from dsplet.data.splits import DataError
from dsplet.firmware_sim.backend import Steps
from dsplet.layers import NetRow, fixed_rows, float_rows, spelled
from dsplet.maps import Maps
from dsplet.quantize.analysis import report, units
from dsplet.quantize.analysis.report import Comparison
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import Network, quantized
from dsplet.quantize.ptq import recipe as recipes
from dsplet.quantize.ptq.recipe import Recipe
from dsplet.quantize.qdq import to_qdq
from dsplet.workflows import c_files, chip, held, ledger, simulate
from dsplet.workflows.quantize import Changes
from dsplet.workflows.request import OnTarget
from dsplet.workflows.simulation import Simulation, Streamed

Samples = np.ndarray | Mapping[str, np.ndarray]


class SamplesError(UserError):
    """Samples that the network cannot read, or labels that do not go with them."""


class _Net:
    """What float and fixed-point networks share."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def __repr__(self) -> str:
        shapes = self.input_shapes
        said = f"input_shape={self.input_shape}" if len(shapes) == 1 else f"input_shapes={shapes}"
        return f"{type(self).__name__}({self.network.path!r}, {said})"

    def _repr_html_(self) -> str:
        rows = self.layers
        about = (f"{self!r}: {', '.join(map(spelled, self.input_shapes.values()))} to "
                 f"{', '.join(map(spelled, self.output_shapes.values()))}, "
                 f"{sum(row.bytes for row in rows):,} bytes of constants")
        return table(rows, about)._repr_html_()

    @property
    def layers(self) -> list[NetRow]:
        """The shape of one sample that each layer gives, its formats and its bytes."""
        if self.network.float is not None:
            return float_rows(self.network.float)
        assert self.network.fixed is not None
        return fixed_rows(self.network.fixed)

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """Of one sample, by input, such as {"x": (1, 28, 28)}."""
        return dict(self.network.inputs)

    @property
    def output_shapes(self) -> dict[str, Shape]:
        """Of one sample, by output, such as {"y": (10,)}."""
        return dict(self.network.outputs)

    @property
    def input_shape(self) -> Shape:
        """Of one sample of the first input, such as (1, 28, 28)."""
        return next(iter(self.network.inputs.values()))

    @property
    def metadata(self) -> dict[str, str]:
        """What the network's file says of itself, such as how pixels become its input."""
        return dict(self.network.facts)

    def inputs(self, samples: Samples) -> dict[str, np.ndarray]:
        """Samples as the network reads them: float32 (N, *shape) by input.
        Raises SamplesError.
        """
        return _inputs(samples, self.network.inputs, self.network.facts)

    def outputs(self, samples: Samples) -> dict[str, np.ndarray]:
        """Every output of the samples, (N, *shape) by name, as reals.
        Raises SamplesError.
        """
        return self.network.run(self.inputs(samples))

    def __call__(self, samples: Samples) -> np.ndarray:
        """The first output of the samples, (N, *its shape): float32 of a float network by ONNX
        Runtime, float64 of a fixed-point one, the integers' real values.
        Raises SamplesError.
        """
        return next(iter(self.outputs(samples).values()))


class FloatNet(_Net):
    """A float network.

    Samples, everywhere: (N, *input_shape), at least one, or a mapping of such arrays by input;
    floats as the network reads them, or whole numbers where its file knows how pixels become its
    input, uint8 images (N, H, W) of any size among them. Anything else is a SamplesError.
    """

    def __init__(self, network: Network, keep: object = None) -> None:
        """keep: what must live as long, the folder of a file that nobody asked for."""
        super().__init__(network)
        self._keep = keep

    def quantize(self, samples: Samples, recipe: str | Recipe = "default", *,
                 weight_bits: int | None = None, activation_bits: int | None = None,
                 input_bits: int | None = None, output_bits: int | None = None,
                 accumulator_bits: int | None = None, per_channel: bool | None = None,
                 weights: str | None = None, activations: str | None = None) -> FixedNet:
        """The network in fixed point, proved free of overflow for every input.

        samples: what ranges are measured on; never those that the result is judged by.
        recipe: "default", "gptq", "nearest", the name of a .toml file, or a Recipe, which says
        everything; the other arguments say what is to be other than a named recipe has it:
        weight_bits, activation_bits, input_bits and output_bits are 2 to 16, accumulator_bits 8 to
        32; per_channel: one step for each channel of the weights; weights and activations name how
        steps are chosen.
        Raises ModelError, RecipeError, Overflow, SamplesError.
        """
        assert self.network.float
        changes = Changes(
            weight_bits=weight_bits, activation_bits=activation_bits, input_bits=input_bits,
            output_bits=output_bits, accumulator_bits=accumulator_bits, per_channel=per_channel,
            weights=weights, activations=activations)
        if isinstance(recipe, Recipe) and changes != Changes():
            raise recipes.RecipeError("a Recipe says everything itself: change it, or name one")
        chosen = recipe if isinstance(recipe, Recipe) else changes.recipe(recipe)
        x = self.inputs(samples)
        return FixedNet(recipes.quantize(self.network.float, x, chosen, _scaling(self.metadata)),
                        Path(self.network.path).stem)

    def simulate(self, samples: Samples | None = None, target: str = "dsp32c-40", *,
                 board: str | None = None, clock: str | None = None,
                 labels: np.ndarray | None = None, goal: str | None = None,
                 budget: str | None = None, seed: int = 0) -> Simulation:
        """The network on the processor's own floating point; see `FixedNet.simulate`."""
        return _simulate(self, simulate.FloatingPoint(self.network), samples, labels,
                         OnTarget(target=target, board=board, clock=clock), goal, budget, seed)


class FixedNet(_Net):
    """A fixed-point network; its samples are those of a `FloatNet`. graph: what it computes."""

    def __init__(self, graph: Graph, name: str) -> None:
        """name: what reports call it."""
        super().__init__(Network(name, graph))
        self.graph = graph

    def compare(self, reference: FloatNet | FixedNet, samples: Samples,
                labels: np.ndarray | None = None) -> Comparison:
        """This network beside another, the reference, on the same samples; see `FloatNet`.

        labels: of the first output: classes, integers (N,), or (N, T) where a sample has one at
        each of T places; or float (N, outputs) for networks that answer in numbers; None where
        nobody knows them. Raises SamplesError, AnswerError.
        """
        x = _batch(self.inputs(samples), labels)
        return report.comparison(reference.network, self.network, reference.inputs(samples), x.x,
                                 x.labels, x.index, lambda done, total: None)

    def simulate(self, samples: Samples | None = None, target: str = "dsp32c-40", *,
                 board: str | None = None, clock: str | None = None,
                 rounding: str | None = None, labels: np.ndarray | None = None,
                 goal: str | None = None, budget: str | None = None, seed: int = 0) -> Simulation:
        """Run the samples through the target's machine code: cycles, milliseconds, bytes, and
        whether every integer is the reference's.

        samples: None: one, random over the inputs' formats, drawn by `seed`.
        target, board: as `dsplet targets` lists them. clock: such as "168MHz"; None: the target's
        own. rounding: of its code, as `dsplet targets` lists them; None: the usual one. labels:
        see `compare`. goal: "time", "memory" or "balanced"; None: the target's usual
        one. budget: what the goal has to keep, and the report says whether it does: "33.3ms",
        "333333cycles" or a name of `dsplet budgets`.
        Raises UnknownTarget, NotOffered, BudgetError, SizeError, RequestError, NoTool, DoesNotFit,
        SamplesError, AnswerError.
        """
        on = OnTarget(target=target, board=board, clock=clock, rounding=rounding)
        return _simulate(self, simulate.FixedPoint(self.network), samples, labels, on, goal,
                         budget, seed)

    def stream(self, samples: Samples, target: str = "dsp32c-40", *, board: str | None = None,
               clock: str | None = None, labels: np.ndarray | None = None) -> Streamed:
        """Run a recurrent network one step a call, as its input comes: cycles and milliseconds of
        the slowest step, bytes, and whether every integer is the reference's after the last one.

        target, board, clock, labels: see `simulate`. Raises CannotStream, NotOffered,
        UnknownTarget, SizeError, DoesNotFit, SamplesError, AnswerError.
        """
        return self._stepwise(samples, labels, target, board, clock)[0]

    def outputs_by_step(self, samples: Samples, target: str = "dsp32c-40", *,
                        board: str | None = None, clock: str | None = None) -> Maps:
        """What the first output of a recurrent network is after each step on the target, one step
        a call: reals (N, steps, *its shape).

        target, board, clock: see `simulate`. Raises CannotStream, NotOffered, UnknownTarget,
        SizeError, DoesNotFit, SamplesError.
        """
        _, steps = self._stepwise(samples, None, target, board, clock)
        value = self.graph.outputs[0]
        return Maps(f"{value.name} after each step", value.format.dequantize(steps.outputs[0]), 1)

    def _stepwise(self, samples: Samples, labels: np.ndarray | None, target: str,
                  board: str | None, clock: str | None) -> tuple[Streamed, Steps]:
        on = chip.target_of(OnTarget(target=target, board=board, clock=clock))
        subject = simulate.FixedPoint(self.network)
        return simulate.stepwise(subject, _batch(self.inputs(samples), labels), on)

    def maps(self, layer: str, samples: Samples, target: str = "dsp32c-40", *,
             board: str | None = None, clock: str | None = None) -> Maps:
        """What the target's memory held of a layer as samples ran: reals (N, *shape of the layer),
        in loops over time (N, steps, *shape). A notebook shows them as pictures.

        layer: of that name, or a value's, as `layers` and the graph have them. target, board,
        clock: see `simulate`. Raises RequestError, NotOffered, UnknownTarget, SizeError,
        DoesNotFit, SamplesError.
        """
        value = held.shown(self.graph, layer)
        compiled = chip.compiled(lower(self.graph), chip.target_of(
            OnTarget(target=target, board=board, clock=clock)), None, None)
        compiled.need("values")
        found = compiled.values(quantized(self.graph, self.inputs(samples)))
        reals = held.reals_of(value, found, layer)
        return Maps(layer, reals, reals.ndim - 1 - len(value.shape))

    def filters(self, layer: str) -> Maps:
        """The weights of a layer as they are in fixed point: reals (units, inputs, H, W), 1 x 1 of
        a full one; in the picture a unit is a column. Raises RequestError for no layer, ModelError
        for one that has no filters."""
        reals = units.filters(self.graph, held.shown(self.graph, layer))
        return Maps(f"filters of {layer}", reals, columns=True)

    def ledger(self, samples: Samples, accumulator_bits: int = 32) -> ledger.Report:
        """What every value and sum can hold, proved for every input, and what it was seen to hold.
        samples: (N, *shape). accumulator_bits: signed, 8 to 32, that every sum is to fit.
        Raises SamplesError."""
        return ledger.kept(self.graph, self.network.path, self.inputs(samples), accumulator_bits)

    def emit_c(self, name: str | None = None, goal: str = "balanced") -> dict[str, str]:
        """C99 sources by file name, NAME.h and NAME.c. name: of the files and of the function;
        None: the network's. goal: "time", "memory" or "balanced".
        Raises Unprintable for what C cannot spell, and for a name that is none, RequestError.
        """
        chip.check_goal(goal)
        program = lower(self.graph)
        if name is None:
            name = c_files.name_of(self.graph, program, self.network.path)
        return c_files.c_files(c_files.CRequest(), self.graph, program, name, goal)

    def save(self, path: str | Path) -> None:
        """Write QDQ ONNX to the file path, which stock ONNX Runtime runs and `load` reads.
        Raises FileError.
        """
        to_qdq.save(self.graph, path)


def load(path: str | Path) -> FloatNet | FixedNet:
    """The network in the .onnx file path: fixed point where dsplet wrote it, float otherwise.

    Raises ModelError for what is no such file, and for ops that are not supported, all at once;
    FileError for what cannot be read.
    """
    network = Network(path)
    return FloatNet(network) if network.fixed is None else FixedNet(network.fixed, str(path))


def export_module(module: Any, path: str | Path | None, input_shape: Sequence[int], *,
                  samples: np.ndarray | None = None, input_scale: float | None = None,
                  input_offset: float = 0.0, classes: Sequence[str] = ()) -> FloatNet:
    """A PyTorch module (torch.nn.Module) as ONNX, checked against it through ONNX Runtime.

    path: the file; None: none is kept. input_shape: of one sample, such as (1, 28, 28). samples:
    (N, *input_shape), to check with; None: random ones. input_scale, input_offset: where the
    network reads pixel * scale + offset of uint8 images. classes: their names. Needs PyTorch.
    Raises ExportError, SamplesError.
    """
    from dsplet.export import to_onnx
    facts = {"dsplet.model": type(module).__name__}
    if input_scale is not None:
        facts |= Scaling((float(input_scale),), (float(input_offset),)).facts
    if classes:
        facts["dsplet.classes"] = json.dumps(list(classes))
    shape = tuple(input_shape)
    x = None if samples is None else _inputs(samples, {"x": shape}, facts)["x"]
    folder = tempfile.TemporaryDirectory() if path is None else None
    file = Path(folder.name) / "net.onnx" if folder else Path(str(path))
    to_onnx.export(module, shape, file, facts, samples=x)
    return FloatNet(Network(file), keep=folder)


def _scaling(facts: Mapping[str, str]) -> dict[str, str]:
    return {key: facts[key] for key in KEYS if key in facts}


def _inputs(samples: Samples, inputs: Mapping[str, Shape], facts: Mapping[str, str]
            ) -> dict[str, np.ndarray]:
    given = samples if isinstance(samples, Mapping) else {"samples": samples}
    feeding = replace(feed(facts, inputs), resize=True)
    try:
        return feeding.batch(Arrays({name: np.asarray(a) for name, a in given.items()})).x
    except DataError as error:
        raise SamplesError(error.what, where=error.where, expected=error.expected,
                           remedy=error.remedy) from error


def _batch(x: dict[str, np.ndarray], labels: np.ndarray | None) -> Batch:
    """Inputs with what is known of them. Raises SamplesError."""
    many = len(next(iter(x.values())))
    if labels is not None:
        labels = np.asarray(labels)
        if labels.dtype.kind not in "iuf" or labels.shape[:1] != (many,):
            raise SamplesError(f"labels are {labels.dtype} {labels.shape}",
                               expected=f"{many} of them, integers or numbers")
        labels = labels.reshape(many, -1) if are_numbers(labels) else labels
    return Batch(x, labels, np.arange(many))


def _simulate(net: _Net, subject: simulate.FixedPoint | simulate.FloatingPoint,
              samples: Samples | None, labels: np.ndarray | None, on: OnTarget,
              goal: str | None, budget: str | None, seed: int) -> Simulation:
    if samples is None and labels is not None:
        raise SamplesError("labels of random inputs: nobody knows what is right of them")
    chip.check_goal(goal)
    given = subject.random(1, seed) if samples is None else _batch(net.inputs(samples), labels)
    target = chip.target_of(on)
    limit = chip.budget_of(budget, target)
    compiled = chip.compiled(subject.program, target, goal, limit)
    found = simulate.execute(subject, given, compiled, limit).report
    return found if samples is not None else replace(found, inputs=subject.told(seed))
