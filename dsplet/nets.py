"""Networks as objects: what `import dsplet` offers.

Arrays go in and out; samples are (N, *shape), see `FloatNet`. Everything raises `UserError` of some
kind for what a user can mend.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dsplet.base.errors import UserError
from dsplet.data.feed import KEYS, feed
from dsplet.quantize.analysis import report
from dsplet.quantize.analysis.report import Comparison
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.network import Network
from dsplet.quantize.ptq import recipe as recipes
from dsplet.quantize.ptq.recipe import Recipe
from dsplet.quantize.qdq import to_qdq
from dsplet.workflows import c_files, chip, simulate
from dsplet.workflows.quantize import Changes
from dsplet.workflows.request import OnTarget
from dsplet.workflows.simulation import Simulation


class SamplesError(UserError):
    """Samples that the network cannot read, or labels that do not go with them."""


class _Net:
    """What float and fixed-point networks share."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.network.path!r}, input_shape={self.input_shape})"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return tuple(self.network.shape)

    @property
    def metadata(self) -> dict[str, str]:
        """What the network's file says of itself, such as how pixels become its input."""
        return dict(self.network.facts)

    def inputs(self, samples: np.ndarray) -> np.ndarray:
        """Samples as the network reads them: float32 (N, *input_shape). Raises SamplesError."""
        return _inputs(samples, self.input_shape, self.network.facts)


class FloatNet(_Net):
    """A float network.

    Samples, everywhere: (N, *input_shape), at least one; floats as the network reads them, or uint8
    images (N, H, W) of any size where its file knows how pixels become its input. Anything else is
    a SamplesError.
    """

    def __init__(self, network: Network, keep: object = None) -> None:
        """keep: what must live as long, the folder of a file that nobody asked for."""
        super().__init__(network)
        self._keep = keep

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """The first output, float32 (N, *its shape), by ONNX Runtime."""
        assert self.network.float
        run, x = FloatNetwork(self.network.path), self.inputs(samples)
        return run({self.network.input: x})[self.network.float.outputs[0]]

    def quantize(self, samples: np.ndarray, recipe: str | Recipe = "default", *,
                 weight_bits: int | None = None, activation_bits: int | None = None,
                 input_bits: int | None = None, output_bits: int | None = None,
                 accumulator_bits: int | None = None, per_channel: bool | None = None,
                 weights: str | None = None, activations: str | None = None) -> FixedNet:
        """The network in fixed point, proved free of overflow for every input.

        samples: what ranges are measured on; never those that the result is judged by.
        recipe: "default", "gptq", "nearest", the name of a .toml file, or a Recipe, which says
        everything; the other arguments say what is to be other than a named recipe has it: bits are
        2 to 16 (of accumulators 8 to 32), weights and activations name how steps are chosen.
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

    def simulate(self, samples: np.ndarray, target: str = "dsp32c-40", *, board: str | None = None,
                 labels: np.ndarray | None = None, goal: str = "time", budget: str | None = None
                 ) -> Simulation:
        """The network on the processor's own floating point; see `FixedNet.simulate`."""
        return _simulate(self, simulate.FloatingPoint(self.network), samples, labels,
                         OnTarget(target=target, board=board), goal, budget)


class FixedNet(_Net):
    """A fixed-point network; its samples are those of a `FloatNet`. graph: what it computes."""

    def __init__(self, graph: Graph, name: str) -> None:
        """name: what reports call it. Raises ModelError for a graph of several inputs."""
        super().__init__(Network(name, graph))
        self.graph = graph

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """The first output, float64 (N, *its shape): the integers' real values."""
        y = self.graph.outputs[0]
        return self.network.scores(self.inputs(samples)).reshape(-1, *y.shape)

    def compare(self, reference: FloatNet | FixedNet, samples: np.ndarray,
                labels: np.ndarray | None = None) -> Comparison:
        """This network beside another on the same samples.

        labels: classes, integers (N,), or (N, T) where a sample has one at each of T places; or
        float (N, outputs) for networks that answer in numbers; None where nobody knows them.
        Raises SamplesError, AnswerError.
        """
        x = self.inputs(samples)
        return report.comparison(reference.network, self.network, reference.inputs(samples), x,
                                 _labels(labels, len(x)), np.arange(len(x)),
                                 lambda done, total: None)

    def simulate(self, samples: np.ndarray, target: str = "dsp32c-40", *, board: str | None = None,
                 labels: np.ndarray | None = None, goal: str = "time", budget: str | None = None
                 ) -> Simulation:
        """Run the samples through the target's machine code: cycles, milliseconds, bytes, and
        whether every integer is the reference's.

        target, board: as `dsplet targets` lists them. labels: see `compare`. goal: "time", "memory"
        or "balanced". budget: what the goal has to keep, and the report says whether it does:
        "33.3ms", "333333cycles" or a name of `dsplet budgets`.
        Raises UnknownTarget, BudgetError, DoesNotFit, SamplesError, AnswerError.
        """
        return _simulate(self, simulate.FixedPoint(self.graph, self.network.path), samples, labels,
                         OnTarget(target=target, board=board), goal, budget)

    def emit_c(self, name: str | None = None, goal: str = "balanced") -> dict[str, str]:
        """C99 sources by file name, NAME.h and NAME.c. name: of the files and of the function;
        None: the network's. goal: "time", "memory" or "balanced".
        Raises Unprintable for what C cannot spell.
        """
        program = lower(self.graph)
        return c_files.c_files(c_files.CRequest(), self.graph, program,
                               name or c_files.name_of(self.graph, program), goal)

    def save(self, path: str | Path) -> None:
        """Write QDQ ONNX, which stock ONNX Runtime runs and `load` reads. Raises OSError."""
        to_qdq.save(self.graph, path)


def load(path: str | Path) -> FloatNet | FixedNet:
    """The network in an .onnx file: fixed point where dsplet wrote it, float otherwise.

    Raises ModelError for what is no such file, and for ops that are not supported, all at once.
    """
    network = Network(path)
    return FloatNet(network) if network.fixed is None else FixedNet(network.fixed, str(path))


def export_module(module: Any, path: str | Path | None, input_shape: Sequence[int], *,
                  samples: np.ndarray | None = None, input_scale: float | None = None,
                  input_offset: float = 0.0, classes: Sequence[str] = ()) -> FloatNet:
    """A PyTorch module (torch.nn.Module) as ONNX, checked against it through ONNX Runtime.

    path: the file; None: none is kept. input_shape: of one sample, such as (1, 28, 28). samples:
    to check with; None: random ones. input_scale, input_offset: where the network reads
    pixel * scale + offset of uint8 images. classes: their names. Needs PyTorch.
    Raises ExportError, SamplesError.
    """
    from dsplet.export import to_onnx
    facts = {"dsplet.model": type(module).__name__}
    if input_scale is not None:
        facts |= dict(zip(KEYS[1:], (repr(float(input_scale)), repr(float(input_offset))),
                          strict=True))
    if classes:
        facts["dsplet.classes"] = json.dumps(list(classes))
    shape = tuple(input_shape)
    x = None if samples is None else _inputs(samples, shape, facts)
    folder = tempfile.TemporaryDirectory() if path is None else None
    file = Path(folder.name) / "net.onnx" if folder else Path(str(path))
    to_onnx.export(module, shape, file, facts, samples=x)
    return FloatNet(Network(file), keep=folder)


def _scaling(facts: Mapping[str, str]) -> dict[str, str]:
    return {key: facts[key] for key in KEYS if key in facts}


def _inputs(samples: np.ndarray, shape: tuple[int, ...], facts: Mapping[str, str]) -> np.ndarray:
    samples = np.asarray(samples)
    if not samples.size:
        raise SamplesError(f"there is no sample: the array's shape is {samples.shape}")
    if samples.dtype == np.uint8:
        if KEYS[1] not in facts:
            raise SamplesError("samples are uint8, and the network's file does not say how pixels "
                               "become its input", remedy="give floats, as the network reads them")
        images = samples[:, 0] if samples.ndim == 4 and samples.shape[1] == 1 else samples
        if images.ndim != 3:
            raise SamplesError(f"samples are uint8 {samples.shape}", expected="images (N, H, W)")
        return feed(facts, shape)(images)
    if samples.dtype.kind not in "fiu":
        raise SamplesError(f"samples are {samples.dtype}", expected="floats, or uint8 images")
    if samples.shape[1:] != shape:
        raise SamplesError(f"samples are {samples.shape}",
                           expected=f"(N, {', '.join(map(str, shape))})")
    if not np.isfinite(samples).all():
        raise SamplesError("some sample holds NaN or infinity")
    return np.ascontiguousarray(samples, np.float32)


def _labels(labels: np.ndarray | None, samples: int) -> np.ndarray | None:
    if labels is None:
        return None
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iuf" or labels.shape[:1] != (samples,):
        raise SamplesError(f"labels are {labels.dtype} {labels.shape}",
                           expected=f"{samples} of them, integers or numbers")
    return labels


def _simulate(net: _Net, subject: simulate.FixedPoint | simulate.FloatingPoint,
              samples: np.ndarray, labels: np.ndarray | None, on: OnTarget, goal: str,
              budget: str | None) -> Simulation:
    x = net.inputs(samples)
    given = simulate.Samples(x=x, labels=_labels(labels, len(x)), index=np.arange(len(x)))
    target = chip.target_of(on)
    limit = chip.budget_of(budget, target)
    compiled = chip.compiled(subject.program, target, goal, limit)
    return simulate.execute(subject, given, compiled, limit).report
