"""Reads a float .onnx file into a float graph, or says in one message why it cannot be."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dsplet.base.errors import door, said
from dsplet.base.files import read_bytes
from dsplet.quantize.float import ops  # noqa: F401  (registers the ops and their readers)
from dsplet.quantize.float.foreign import dequantized, is_foreign
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.names import unique, value_names
from dsplet.quantize.float.node import FloatNode, ModelError, Shape
from dsplet.quantize.float.passes import simplify
from dsplet.quantize.float.reading import READERS, STANDARD, Reading, op_of
from dsplet.quantize.float.refusals import UNKNOWN, Findings, Inferred, name_of
from dsplet.quantize.float.signature import array_of, check_names, misfit

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

CONTRACT_KEY = "dsplet.contract"
"""The metadata key that marks a quantized model."""
OPSETS = range(8, 27)
FLOAT_TYPES = (1, 10, 11)
RANDOM = ("Random", "Multinomial", "Bernoulli")


def load(path: str | Path) -> FloatGraph:
    """The simplified float graph of an ONNX file. ModelError, FileError say what is wrong."""
    return simplified(*parse(path), path)


def read(path: str | Path) -> FloatGraph:
    """The float graph of an ONNX file, node by node, before any pass."""
    return _read(*parse(path), path)


def simplified(model: ModelProto, digest: str, path: str | Path) -> FloatGraph:
    """The simplified float graph of the parsed file at `path`. Raises ModelError."""
    # The last net of this door: what a file that lies makes of the reader may be anything.
    with door(path, Exception, what="the network in it cannot be understood", kind=ModelError):
        return simplify(_read(model, digest, path))


def survey(path: str | Path) -> tuple[int, Findings]:
    """The opset of an ONNX file, and what it needs, what of it cannot be read. ModelError,
    FileError: it is no float network at all."""
    model, digest = parse(path)
    with door(path, Exception, what="the network in it cannot be understood", kind=ModelError):
        graph, findings = examine(model, digest, path)
        with findings.noted():
            _ = graph and simplify(graph)
    return opset_of(model), findings


def _read(model: ModelProto, digest: str, path: str | Path) -> FloatGraph:
    graph, findings = examine(model, digest, path)
    if graph is None:
        raise findings.error()
    return graph


def examine(model: ModelProto, digest: str, path: str | Path
            ) -> tuple[FloatGraph | None, Findings]:
    """The float graph of a parsed file, before any pass, and what was found on the way; no graph
    where there are refusals. Raises ModelError for a file that is quantized already."""
    if any(p.key == CONTRACT_KEY for p in model.metadata_props):
        raise ModelError(f"{path}: is quantized already; read it with quantize.qdq.from_qdq, or "
                         "quantize the float model it came from")
    findings, opset = Findings(path), opset_of(model)
    foreign, theirs = is_foreign(model), Counter(map(op_of, needed(model.graph)))
    with findings.noted():
        model = dequantized(model)
    if findings.refusals:
        findings.needs = theirs
        return None, findings
    constants, inputs = dict[str, np.ndarray](), dict[str, Shape]()
    with findings.noted():
        if opset not in OPSETS:
            raise ModelError(f"opset {opset} is not supported; expected {OPSETS[0]} to "
                             f"{OPSETS[-1]} (export it again, or use onnx.version_converter)")
    with findings.noted():
        constants = _initializers(model)
    with findings.noted():
        inputs = _inputs(model, constants)
    known = set(constants)
    nearest = min(max(opset, OPSETS[0]), OPSETS[-1])
    reader = _Reader(nearest, constants, dict(inputs), findings, Inferred(model),
                     value_names(model.graph))
    reader.read(needed(model.graph))
    findings.needs = theirs if foreign else findings.needs
    outputs = tuple(o.name for o in model.graph.output)
    for o in outputs if not findings.refusals else ():
        with findings.noted():
            _check_output(o, known, reader)
    if findings.refusals:
        return None, findings
    metadata = tuple(sorted((p.key, p.value) for p in model.metadata_props))
    graph = FloatGraph(model.graph.name or Path(path).stem, tuple(inputs), outputs, (),
                       reader.shapes, metadata, digest)
    return graph.rebuilt(_tidy(reader.nodes)), findings


def opset_of(model: ModelProto) -> int:
    """The version of the standard ops; 0 where it does not say."""
    return next((o.version for o in model.opset_import if o.domain in STANDARD), 0)


def needed(graph: GraphProto) -> list[NodeProto]:
    """The nodes that some output needs, in their order."""
    wanted = {o.name for o in graph.output}
    nodes: list[NodeProto] = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            nodes.append(node)
            wanted.update(_reads(node))
    return nodes[::-1]


def _reads(node: NodeProto) -> set[str]:
    """What the node reads, in the bodies of loops and branches, too."""
    bodies = [a.g for a in node.attribute if a.HasField("g")]
    return set(node.input).union(*(_reads(n) for body in bodies for n in body.node),
                                 (o.name for body in bodies for o in body.output))


def _check_output(output: str, known: set[str], reader: _Reader) -> None:
    if output in known or output not in reader.shapes:
        raise ModelError(f"the output '{output}' does not depend on the input")
    if reader.batches.get(output):
        raise ModelError(f"the batch is axis {reader.batches[output]} of the output '{output}'; "
                         "it must be the first")


class _Reader:
    """Reads ONNX nodes, those of the bodies of loops too, into one flat list of float nodes."""

    def __init__(self, opset: int, constants: dict[str, np.ndarray], shapes: dict[str, Shape],
                 findings: Findings, inferred: Inferred, reserved: set[str]) -> None:
        self.opset, self.constants, self.shapes = opset, constants, shapes
        self._reserved = reserved
        self.batches: dict[str, int | None] = {}
        self.nodes: list[FloatNode] = []
        self._findings, self._inferred = findings, inferred
        self._names: set[str] = set()

    def read(self, protos: Iterable[NodeProto]) -> None:
        for proto in protos:
            if lack := misfit(proto, self.opset):
                self._findings.refuse(proto, lack)
                self._step_over(proto)
                continue
            foldable = not proto.op_type.startswith(RANDOM) and not any(
                a.HasField("g") for a in proto.attribute)
            is_shape = proto.op_type == "Shape" and proto.input[0] in self.shapes
            if foldable and (is_shape or all(i in self.constants for i in proto.input if i)):
                try:
                    self._fold(proto)
                except Exception as e:  # whatever the reference evaluator raises
                    self._findings.refuse(proto, "cannot be computed from its constants: "
                                          f"{said(e)}")
                continue
            self._findings.needs[op_of(proto)] += 1
            if op_of(proto) not in READERS:
                self._findings.refuse(proto, UNKNOWN, unknown=True)
            elif all(i in self.shapes or i in self.constants for i in proto.input if i):
                self._read_node(proto)
            else:
                self._findings.unseen.append(name_of(proto))
            self._step_over(proto)

    def _read_node(self, proto: NodeProto) -> None:
        proto.name = unique(name_of(proto), self._names)
        try:
            READERS[op_of(proto)](Reading(
                proto, self.opset, self.constants, self.shapes, self.nodes, self.batches,
                self.read_body, self._reserved))
        except ModelError as e:
            own = e.where == f"{op_of(proto)} '{proto.name}'"
            self._findings.refuse(proto, e.what if own else str(e))
        except Exception as e:  # what a node that lies makes of its reader
            self._findings.refuse(proto, f"cannot be read: {type(e).__name__}: {said(e)}")

    def _step_over(self, proto: NodeProto) -> None:
        """Behind a node that was not read, go on with the shapes that ONNX infers."""
        for output in proto.output if self._findings.refusals else ():
            if output not in self.shapes and (found := self._inferred.sample(output)):
                self.shapes[output], self.batches[output] = found

    def read_body(self, graph: GraphProto, loop: str) -> None:
        """The nodes of a loop's body, whose inputs have shapes by now. Its names, which may be
        those of another body, get the loop's in front."""
        own = {o for n in graph.node for o in n.output if o} | {t.name for t in graph.initializer}
        inside = own | {i.name for i in graph.input}

        def name(v: str) -> str:
            return f"{loop}/{v}" if v in inside else v

        self._reserved.update(map(name, value_names(graph)))
        for tensor in graph.initializer:
            self.constants[name(tensor.name)] = array_of(tensor)
        protos = []
        for node in graph.node:
            copy = type(node)()
            copy.CopyFrom(node)
            copy.name = f"{loop}/{name_of(node)}"
            copy.input[:], copy.output[:] = map(name, node.input), map(name, node.output)
            protos.append(copy)
        self.read(protos)

    def _fold(self, proto: NodeProto) -> None:
        """Know the outputs of a node whose inputs are all known (of Shape: for a batch of 1)."""
        shapes = dict(self.shapes)
        for i in proto.input:
            if i in shapes:
                full = list(shapes[i])
                full.insert(self.batches.get(i) or 0, 1)
                shapes[i] = tuple(full)
        self.constants.update(_fold(proto, self.opset, self.constants, shapes))


def parse(path: str | Path) -> tuple[ModelProto, str]:
    """The ONNX model and its sha256. FileError: no such file. ModelError: not ONNX, or cut."""
    import onnx
    from google.protobuf.message import DecodeError
    data = read_bytes(path)
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError:
        if data[:1] == b"\x08":  # field 1, ir_version: how every ONNX file begins
            raise ModelError(f"{path}: the file is cut short or damaged ({len(data)} bytes); "
                             "copy or export it again") from None
        raise ModelError(f"{path}: not an ONNX file") from None
    if not model.ir_version or not model.HasField("graph") or not model.graph.output:
        raise ModelError(f"{path}: not an ONNX file: no network inside" if data else
                         f"{path}: the file is empty")
    with door(path):
        check_names(model)
    # Missing, outside the folder, wrong length: onnx raises several kinds.
    with door(path, Exception, what="its weights lie in another file, which cannot be read",
              remedy="copy that file beside the model", kind=ModelError):
        onnx.load_external_data_for_model(model, str(Path(path).parent))
    return model, hashlib.sha256(data).hexdigest()


def _initializers(model: ModelProto) -> dict[str, np.ndarray]:
    constants = {}
    if model.graph.sparse_initializer:
        raise ModelError("sparse weights are not supported; export dense ones")
    for tensor in model.graph.initializer:
        array = array_of(tensor)
        if array.dtype.kind == "f" and np.isnan(array).any():
            bad = int((~np.isfinite(array)).sum())
            raise ModelError(f"'{tensor.name}' {array.shape} contains {bad} NaN or "
                             "infinite value(s); the training has diverged or the file is damaged")
        constants[tensor.name] = array
    return constants


def _inputs(model: ModelProto, constants: dict[str, np.ndarray]) -> dict[str, Shape]:
    """Input names and their shapes without the batch axis."""
    inputs = {}
    for v in model.graph.input:
        if v.name in constants:
            continue
        kind = v.type.tensor_type
        if kind.elem_type not in FLOAT_TYPES:
            raise ModelError(f"the input '{v.name}' is not a float tensor")
        if not kind.HasField("shape") or len(kind.shape.dim) < 2:
            raise ModelError(f"the input '{v.name}' needs a shape with a batch axis and at "
                             "least one more")
        batch, *rest = kind.shape.dim
        if batch.HasField("dim_value") and batch.dim_value > 1:
            raise ModelError(f"the first axis of '{v.name}' is the batch and must be free "
                             f"or 1, not {batch.dim_value}; export with a dynamic batch axis")
        for axis, d in enumerate(rest, 1):
            if d.dim_value < 1:
                raise ModelError(f"axis {axis} of the input '{v.name}' is not fixed"
                                 f"{d.dim_param and f' ({d.dim_param})'}; only the batch axis may "
                                 "be: export with a fixed size")
        inputs[v.name] = tuple(d.dim_value for d in rest)
    if not inputs:
        raise ModelError("the network has no input")
    return inputs


def _fold(proto: NodeProto, opset: int, constants: dict[str, np.ndarray], shapes: dict[str, Shape]
          ) -> dict[str, np.ndarray]:
    """The outputs of a node whose inputs are all known, or only looked at for their shapes."""
    import onnx
    from onnx.reference import ReferenceEvaluator
    feeds = {i: constants[i] if i in constants else np.zeros(shapes[i], np.float32)
             for i in proto.input if i}

    def info(name: str) -> ValueInfoProto:
        return onnx.ValueInfoProto(name=name)

    graph = onnx.helper.make_graph([proto], "constant", [info(i) for i in feeds],
                                   [info(o) for o in proto.output if o])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    names = [o for o in proto.output if o]
    return {n: np.asarray(v) for n, v in
            zip(names, ReferenceEvaluator(model).run(None, feeds), strict=True)}


def _tidy(nodes: list[FloatNode]) -> list[FloatNode]:
    """Node names made unique."""
    taken: set[str] = set()
    return [replace(n, name=unique(n.name, taken)) for n in nodes]
