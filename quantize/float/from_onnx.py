"""Reads a float .onnx file into a float graph, or says in one message why it cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dsplet.base.errors import door, said
from dsplet.quantize.float import ops  # noqa: F401  (registers the ops and their readers)
from dsplet.quantize.float.batch import Batch, batch_words
from dsplet.quantize.float.folding import LOOKED_AT, fold, foldable
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.known import Known
from dsplet.quantize.float.network_inputs import Arrangement, arrangements
from dsplet.quantize.float.node import FloatNode, ModelError
from dsplet.quantize.float.onnx_file import needed, opset_of, parse, prepared, written_out
from dsplet.quantize.float.passes import simplify
from dsplet.quantize.float.reading import ANYWHERE, READERS, Reading, op_of

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

__all__ = ["CONTRACT_KEY", "load", "parse", "read", "read_parsed", "simplified"]

CONTRACT_KEY = "dsplet.contract"
"""The metadata key that marks a quantized model."""


def load(path: str | Path) -> FloatGraph:
    """The simplified float graph of an ONNX file. ModelError, FileError say what is wrong."""
    return simplified(*parse(path), path)


def read(path: str | Path) -> FloatGraph:
    """The float graph of an ONNX file, node by node, before any pass."""
    return read_parsed(*parse(path), path)


def simplified(model: ModelProto, digest: str, path: str | Path) -> FloatGraph:
    """The simplified float graph of the parsed file at `path`. Raises ModelError."""
    # The last net of this door: what a file that lies makes of the reader may be anything.
    with door(path, Exception, what="the network in it cannot be understood", kind=ModelError):
        return simplify(read_parsed(model, digest, path))


def read_parsed(model: ModelProto, digest: str, path: str | Path) -> FloatGraph:
    """The float graph of a parsed file, node by node, before any pass. Raises ModelError."""
    if any(p.key == CONTRACT_KEY for p in model.metadata_props):
        raise ModelError(f"{path}: is quantized already; read it with quantize.qdq.from_qdq, or "
                         "quantize the float model it came from")
    model = prepared(model, path)
    way, reader = _understood(model, path)
    while reader.unsupported and (again := written_out(model, reader.lacking)):
        model = again
        way, reader = _understood(model, path)
    if reader.problems or reader.unsupported:
        reader.refuse(path)
    known, outputs = reader.known, tuple(o.name for o in model.graph.output)
    reader.finish(outputs)
    metadata = tuple(sorted((p.key, p.value) for p in model.metadata_props))
    graph = FloatGraph(model.graph.name or Path(path).stem, tuple(way.shapes), outputs, (),
                       known.shapes, metadata, digest, known.batches,
                       (*way.notes, *_notes(known, outputs)))
    return graph.rebuilt(_tidy(known.nodes))


def _notes(known: Known, outputs: Iterable[str]) -> list[str]:
    """What whoever reads the outputs should know."""
    return [f"the output '{o}' {known.shapes[o]} has {batch_words(batch)}" for o in outputs
            if (batch := known.layout(o)) != Batch()]


def _understood(model: ModelProto, path: str | Path) -> tuple[Arrangement, _Reader]:
    """The first way to understand the inputs that leads to the outputs; the likeliest, with what
    is wrong with it, where none does."""
    constants = _initializers(model, path)
    outputs = [o.name for o in model.graph.output]
    with door(path, kind=ModelError):
        nodes = needed(model.graph, outputs)
    tried = []
    for way in arrangements(model.graph, constants, path):
        reader = _Reader(opset_of(model), Known(dict(constants), way.counts, dict(way.shapes),
                                                dict(way.batches), frozenset(way.shapes)))
        reader.read(nodes)
        reader.check_outputs(outputs)
        tried.append((way, reader))
        if not reader.problems or reader.unsupported:
            return tried[-1]
    return tried[0]


def is_read(node: NodeProto) -> bool:
    """Whether there is a reader for the node's op, or it decides between bodies."""
    return op_of(node) in READERS or op_of(node) == "If"


class _Reader:
    """Reads ONNX nodes, those of the bodies of loops too, into one flat list of float nodes."""

    def __init__(self, opset: int, known: Known) -> None:
        self.opset, self.known = opset, known
        self.unsupported: list[str] = []
        self.lacking: set[str] = set()
        """Which ops these are."""
        self.problems: list[str] = []
        self._names: set[str] = set()

    def read(self, protos: Iterable[NodeProto]) -> None:
        for proto in protos:
            given = [i for i in proto.input if i]
            if foldable(proto, self.known):
                try:
                    fold(proto, self.opset, self.known)
                except Exception as e:  # whatever the reference evaluator raises
                    self.problems.append(f"{proto.op_type} '{_name(proto)}': cannot be computed "
                                         f"from its constants: {said(e)}")
            elif proto.op_type in LOOKED_AT and not is_read(proto):
                pass  # of a value that could not be read, which is said there
            elif not is_read(proto):
                self.lacking.add(op_of(proto))
                self.unsupported.append(f"{op_of(proto)} '{_name(proto)}'")
            elif all(i in self.known.shapes or i in self.known.constants for i in given):
                self._read(proto)

    def _read(self, proto: NodeProto) -> None:
        node = type(proto)()
        node.CopyFrom(proto)
        node.name = unique(_name(proto), self._names)
        try:
            if node.op_type == "If":
                self._branch(node)
                return
            reading = Reading(node, self.opset, self.known, self.read_body)
            if reading.op not in ANYWHERE:
                reading.need_samples()
            READERS[reading.op](reading)
        except ModelError as e:
            self.problems.append(str(e))
        except Exception as e:  # what a node that lies makes of its reader
            self.problems.append(f"{node.op_type} '{node.name}': cannot be read: "
                                 f"{type(e).__name__}: {said(e)}")

    def _branch(self, node: NodeProto) -> None:
        """The branch of an If whose condition is known beforehand."""
        from onnx import helper
        condition, known = node.input[0], self.known
        if condition not in known.constants or condition in known.sized:
            raise ModelError(f"If '{node.name}': its condition '{condition}' must be a constant of "
                             "the model, not something computed from the input")
        taken = "then_branch" if known.constants[condition].all() else "else_branch"
        body = next(a.g for a in node.attribute if a.name == taken)
        names = self.read_body(body, node.name)
        for inner, outer in zip(body.output, node.output, strict=True):
            source = names.get(inner.name, inner.name)
            self.read([helper.make_node("Identity", [source], [outer])] if outer else [])

    def finish(self, outputs: Iterable[str]) -> None:
        """Outputs of one sample lose an axis of size 1 in front: it stands for the batch."""
        known = self.known
        for o in outputs:
            shape = known.shapes[o]
            if known.layout(o) is not None or len(shape) < 2 or shape[0] != 1 or o in known.inputs:
                continue
            whole = unique(f"{o}/whole", {*known.shapes, *known.constants})
            renamed = {o: whole}
            known.nodes[:] = [replace(n, output=renamed.get(n.output, n.output), inputs=tuple(
                renamed.get(i, i) for i in n.inputs)) for n in known.nodes]
            known.nodes.append(ops.reshape.Reshape(o, (whole,), o, shape[1:]))
            known.batches[o] = Batch()

    def check_outputs(self, outputs: Iterable[str]) -> None:
        """Note what is wrong with the network's outputs."""
        for o in outputs if not self.unsupported and not self.problems else ():
            batch = self.known.layout(o)
            if o in self.known.constants or o not in self.known.shapes:
                self.problems.append(f"the output '{o}' does not depend on the input")
            elif batch and batch.merged:
                self.problems.append(f"the output '{o}' has {batch_words(batch)}; the batch must "
                                     "be an axis of its own")

    def refuse(self, path: str | Path) -> None:
        """ModelError with all that was found."""
        if self.unsupported:
            raise ModelError(
                f"{path}: {len(self.unsupported)} node(s) are not supported:\n  "
                + "\n  ".join(self.unsupported)
                + f"\nsupported ops: {', '.join(sorted(READERS))}")
        raise ModelError(f"{path}: " + "\n  ".join(self.problems))

    def read_body(self, graph: GraphProto, loop: str) -> dict[str, str]:
        """The nodes of a loop's body, whose inputs have shapes by now. Its names, which may be
        those of another body, get the loop's in front: the result says which."""
        from onnx import numpy_helper
        own = {o for n in graph.node for o in n.output if o} | {t.name for t in graph.initializer}
        inside = own | {i.name for i in graph.input}

        def name(v: str) -> str:
            return f"{loop}/{v}" if v in inside else v

        for tensor in graph.initializer:
            self.known.constants[name(tensor.name)] = numpy_helper.to_array(tensor)
        protos = []
        for node in needed(graph, [o.name for o in graph.output]):
            copy = type(node)()
            copy.CopyFrom(node)
            copy.name = f"{loop}/{_name(node)}"
            copy.input[:], copy.output[:] = map(name, node.input), map(name, node.output)
            protos.append(copy)
        self.read(protos)
        return {v: name(v) for v in inside}


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken already; added to `taken`."""
    stem, n = name, 1
    while name in taken:
        n += 1
        name = f"{stem}_{n}"
    taken.add(name)
    return name


def _name(proto: NodeProto) -> str:
    return proto.name or next((o for o in proto.output if o), proto.op_type)


def _initializers(model: ModelProto, path: str | Path) -> dict[str, np.ndarray]:
    from onnx import numpy_helper
    constants = {}
    if model.graph.sparse_initializer:
        raise ModelError(f"{path}: sparse weights are not supported; export dense ones")
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind == "f" and np.isnan(array).any():
            bad = int((~np.isfinite(array)).sum())
            raise ModelError(f"{path}: '{tensor.name}' {array.shape} contains {bad} NaN or "
                             "infinite value(s); the training has diverged or the file is damaged")
        constants[tensor.name] = array
    return constants


def _tidy(nodes: list[FloatNode]) -> list[FloatNode]:
    """Node names made unique."""
    taken: set[str] = set()
    return [replace(n, name=unique(n.name, taken)) for n in nodes]
