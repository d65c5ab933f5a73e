"""The cases of ONNX's own backend suite that are in the installed package, and what becomes of one.

A case is one of floats where some input is; most give floats, too. Cases fix the sizes that they
were written with, and feed weights as inputs; so a case may be read as it stands, with its first
axis free, or with inputs behind the first one known beforehand, whatever is read first.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, numpy_helper

from dsplet.base.errors import UserError
from dsplet.export.c import host
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.kernel import Loop
from dsplet.quantize.fixed.program import lower, run
from dsplet.quantize.fixed.proof import Overflow
from dsplet.quantize.fixed.statement import Statement
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.batch import Batch
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.model import to_model
from dsplet.quantize.float.passes import simplify
from dsplet.quantize.float.reading import op_of
from dsplet.quantize.ptq.recipe import Recipe, quantize
from tests.quantize.onnx_nets import run as onnx_runtime

FLOATS = {1: np.float32, 10: np.float16, 11: np.float64}
KINDS = ("simple", "pytorch-operator", "pytorch-converted")
"""What lies on disk; kind "node" is made, in seconds."""
WIDE = Recipe(weight_bits=16, activation_bits=16, input_bits=16, output_bits=16, equalization=(),
              activations="minmax", weights="minmax", trial=None, rounding="nearest", bias=None)
"""16 bits everywhere, the least that there is to choose."""
NARROWER = replace(WIDE, activation_bits=12, input_bits=12)
"""Where sums of products of two values of 16 bits have no room: steps are 16 times as large."""
FIXED_ERROR = 1 / 256
"""Of the largest expected number: what 16 bits may be off by, beyond what the rounding of the
inputs alone moves. An op that is read wrongly is off by about 1."""
LEAST_ATOL = 1e-5
"""Of float32 sums in another order."""
INTERPRETED = 20_000
"""Executions of statements up to which a kernel is interpreted; beyond, compiled as C."""


@dataclass(frozen=True)
class Case:
    """model, and what its inputs and outputs are, in their order; rtol, atol: of the outputs."""

    name: str
    model: ModelProto
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    rtol: float
    atol: float

    @property
    def ops(self) -> set[str]:
        return set(map(op_of, self.model.graph.node))

    @property
    def reads_floats(self) -> bool:
        known = {t.name for t in self.model.graph.initializer}
        return any(_is_float(v) for v in self.model.graph.input if v.name not in known)

    @property
    def gives_floats(self) -> bool:
        return any(map(_is_float, self.model.graph.output))


@dataclass(frozen=True)
class Verdict:
    """kind: "right", "refused", "said" where 16 bits are not enough and a note tells it, or what is
    wrong: "wrong float", "wrong fixed", "unequal", "traceback". why: of a refusal or a note,
    without what is the case's own; else what differs."""

    kind: str
    why: str = ""


def from_disk() -> Iterator[Case]:
    """The cases of networks and of layers that PyTorch exported."""
    folder = Path(onnx.__file__).parent / "backend/test/data"
    for path in sorted(p for kind in KINDS for p in (folder / kind).iterdir()
                       if (p / "model.onnx").exists()):
        model = onnx.load(path / "model.onnx")
        for data in sorted(path.glob("test_data_set_*"))[:1]:
            found = [[_tensor(f) for f in sorted(data.glob(f"{kind}_*.pb"), key=_number)]
                     for kind in ("input", "output")]
            if all(t is not None for part in found for t in part):
                yield Case(path.name, model, *found, 1e-3, LEAST_ATOL)


def made(*ops: str) -> Iterator[Case]:
    """The cases of one op each, of these ops or of all; to make those of all takes seconds."""
    from onnx.backend.test.case import node
    from onnx.backend.test.case.utils import import_recursive
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for op in ops:
            import_module(f"{node.__name__}.{op.lower()}")
        if not ops:
            import_recursive(node)
    for case in list(node._NodeTestCases):
        (inputs, outputs), *_ = case.data_sets
        if (not ops or case.model.graph.node[0].op_type in ops) and all(
                isinstance(t, np.ndarray | TensorProto) for t in (*inputs, *outputs)):
            arrays = [[numpy_helper.to_array(t) if isinstance(t, TensorProto) else t
                       for t in part] for part in (inputs, outputs)]
            yield Case(case.name, case.model, *arrays, case.rtol, max(case.atol, LEAST_ATOL))


def judge(case: Case) -> Verdict:
    """What becomes of a case; of the ways to spell it the first that is right, or is wrong."""
    refused = None
    for model, feeds, outputs in spellings(case):
        try:
            return _judge(case, model, feeds, outputs)
        except UserError as error:
            refused = refused or Verdict("refused", reason(str(error)))
        except Exception as error:
            return Verdict("traceback", f"{type(error).__name__}: {error}")
    return refused or Verdict("refused", "has no float input that is not empty")


def _judge(case: Case, model: ModelProto, feeds: dict[str, np.ndarray], expected: list[np.ndarray]
           ) -> Verdict:
    if not all(np.isfinite(a).all() for a in (*feeds.values(), *expected)):
        raise UserError("is not finite")
    graph = _read(model)
    feeds = {k: _samples(graph, k, a) for k, a in feeds.items()}
    expected = [_samples(graph, o, a) for o, a in zip(graph.outputs, expected, strict=True)]
    for g in (graph, simplify(graph)):
        for y, wanted in zip(onnx_runtime(to_model(g), feeds), expected, strict=True):
            if not _close(y, wanted, case.rtol * np.abs(wanted) + case.atol):
                return Verdict("wrong float", _difference(y, wanted))
    fixed, error = _fixed(graph, feeds)
    qs = [v.format.quantize(feeds[v.name]) for v in fixed.inputs]
    ys = Executor(fixed, threads=1)(*qs)
    rounded = {v.name: v.format.dequantize(q).astype(np.float32)
               for v, q in zip(fixed.inputs, qs, strict=True)}
    moved, notes = onnx_runtime(to_model(graph), rounded), _notes(fixed)
    for v, y, of_rounded, wanted in zip(fixed.outputs, ys, moved, expected, strict=True):
        real = v.format.dequantize(y)
        reach = max(np.abs(wanted).max(), v.format.step)
        if not _close(real, wanted, np.abs(of_rounded - wanted) + reach * error):
            return Verdict("said", reason(notes[0])) if notes else Verdict(
                "wrong fixed", _difference(real, wanted))
    kernels = _by_kernels(fixed, [q[:1] for q in qs])
    values = fixed.run(*(q[:1] for q in qs))
    if not all(np.array_equal(a, y[:1]) and np.array_equal(a, values[v.name]) for v, a, y in
               zip(fixed.outputs, kernels, ys, strict=True)):
        return Verdict("unequal", "kernels, NumPy and ONNX differ")
    return Verdict("right")


def _samples(graph: FloatGraph, value: str, x: np.ndarray) -> np.ndarray:
    """A tensor of the case as (N, *sample), wherever it has its batch."""
    batch = graph.batches.get(value, Batch())
    return batch.samples(x) if batch else x[None]


def _fixed(graph: FloatGraph, feeds: dict[str, np.ndarray]) -> tuple[Graph, float]:
    """Fixed point, and how far it may be off."""
    try:
        return quantize(simplify(graph), feeds, WIDE), FIXED_ERROR
    except Overflow:
        return quantize(simplify(graph), feeds, NARROWER), 16 * FIXED_ERROR


def _notes(fixed: Graph) -> list[str]:
    """What is said of numbers that are far off."""
    said = dict(fixed.metadata).get("dsplet.notes", "").splitlines()
    return [s for s in said if "is steep at" in s or "bends too much" in s]


def _by_kernels(fixed: Graph, qs: list[np.ndarray]) -> list[np.ndarray]:
    """Every output for one sample, by the interpreter where that takes no time, else as C."""
    program = lower(fixed)
    if sum(_executions(k.body) * program.turns(i) for i, k in enumerate(program.kernels)
           ) <= INTERPRETED:
        return [y[None] for y in run(program, *(q[0] for q in qs))]
    ys = host.compile(program)(*qs)
    return ys if isinstance(ys, list) else [ys]


def _executions(body: tuple[Statement, ...]) -> int:
    """How many statements are executed."""
    return sum(s.extent * _executions(s.body) if isinstance(s, Loop) else 1 for s in body)


def spellings(case: Case) -> Iterator[tuple[ModelProto, dict[str, np.ndarray], list[np.ndarray]]]:
    """(model, feeds, expected outputs): with all float inputs, or the first alone, unknown before;
    as it stands, or with a free first axis."""
    known = {t.name for t in case.model.graph.initializer}
    given = dict(zip((v.name for v in case.model.graph.input if v.name not in known), case.inputs,
                     strict=False))
    floats = [v.name for v in case.model.graph.input
              if v.name in given and _is_float(v) and given[v.name].size]
    for kept in dict.fromkeys([tuple(floats), tuple(floats[:1])] if floats else []):
        model = _with_constants(case.model, {k: a for k, a in given.items() if k not in kept})
        with np.errstate(over="ignore"):
            feeds = {k: given[k].astype(np.float32) for k in kept}
        yield model, feeds, case.outputs
        sizes = {x.shape[0] if x.ndim else 0 for x in feeds.values()}
        if sizes != {1} and len(sizes) == 1 and 0 not in sizes:
            yield _free(model), feeds, case.outputs


def _with_constants(model: ModelProto, constants: dict[str, np.ndarray]) -> ModelProto:
    """Inputs that are known beforehand."""
    found = ModelProto()
    found.CopyFrom(model)
    rest = [v for v in found.graph.input if v.name not in constants]
    del found.graph.input[:]
    found.graph.input.extend(rest)
    found.graph.initializer.extend(numpy_helper.from_array(np.asarray(a), k)
                                   for k, a in constants.items())
    return found


def _free(model: ModelProto) -> ModelProto:
    """With a free first axis of every input; what else fixed it is left to be inferred."""
    found = ModelProto()
    found.CopyFrom(model)
    known = {t.name for t in found.graph.initializer}
    for v in found.graph.input:
        if v.name not in known:
            v.type.tensor_type.shape.dim[0].dim_param = "N"
    return found


def _read(model: ModelProto) -> FloatGraph:
    """The graph; a mistake of a reader that passes for a refusal elsewhere is none here."""
    graph, findings = from_onnx.examine(model, "", "case")
    if any("cannot be read:" in r.why for r in findings.refusals):
        raise TypeError("; ".join(map(str, findings.refusals)))
    if graph is None:
        raise findings.error()
    return graph


def reason(text: str) -> str:
    """A refusal without names, numbers and shapes, so that those of a kind count as one."""
    text = re.sub(r"^case: (\d+ node\(s\) are not supported:)?", "", text).split(": `dsplet")[0]
    text = re.sub(r"'[^']*'", "'...'", text.strip().splitlines()[0])
    text = re.sub(r"\([-\d, ]*\)|\[[-\d, ]*\]", "(...)", text)
    return re.sub(r"-?\d+(\.\d+)?(e[-+]\d+)?", "#", text)


def _close(y: np.ndarray, wanted: np.ndarray, most: np.ndarray) -> bool:
    return y.shape == wanted.shape and bool((np.abs(y - wanted) <= most).all())


def _difference(y: np.ndarray, wanted: np.ndarray) -> str:
    if y.shape != wanted.shape:
        return f"is of shape {y.shape}, not {wanted.shape}"
    return f"is off by {np.abs(y - wanted).max():g}, of {np.abs(wanted).max():g}"


def _is_float(v: onnx.ValueInfoProto) -> bool:
    return v.type.WhichOneof("value") == "tensor_type" and v.type.tensor_type.elem_type in FLOATS


def _tensor(path: Path) -> np.ndarray | None:
    try:
        return numpy_helper.to_array(onnx.load_tensor(str(path)))
    except Exception:  # a sequence, or nothing at all
        return None


def _number(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])
