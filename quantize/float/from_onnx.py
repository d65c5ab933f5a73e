"""Reads a float .onnx file into a float graph, or says in one message why it cannot be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dsplet.base.errors import door, said
from dsplet.base.names import unique
from dsplet.quantize.float import ops  # noqa: F401  (registers the ops and their readers)
from dsplet.quantize.float.batch import Batch, batch_words
from dsplet.quantize.float.element_types import (
    INDEX_TYPES,
    INTEGERS,
    WRAPPING,
    type_name,
    types_given,
)
from dsplet.quantize.float.folding import LOOKED_AT, fold, foldable
from dsplet.quantize.float.foreign import dequantized, is_foreign
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.known import Known
from dsplet.quantize.float.names import rename, value_names
from dsplet.quantize.float.network_inputs import Arrangement, arrangements
from dsplet.quantize.float.node import FloatNode, ModelError
from dsplet.quantize.float.onnx_file import (
    CONTRACT_KEY,
    inlined,
    needed,
    opset_of,
    origins,
    parse,
    prepared,
    written_out,
)
from dsplet.quantize.float.passes import simplify
from dsplet.quantize.float.reading import ANYWHERE, READERS, Reading, op_of
from dsplet.quantize.float.refusals import UNKNOWN, Findings, Inferred, name_of
from dsplet.quantize.float.signature import array_of, misfit

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

__all__ = ["CONTRACT_KEY", "examine", "load", "needed", "opset_of", "parse", "read", "read_parsed",
           "simplified", "survey"]


def load(path: str | Path) -> FloatGraph:
    """The simplified float graph of an ONNX file. ModelError, FileError say what is wrong."""
    return simplified(*parse(path), path)


def read(path: str | Path) -> FloatGraph:
    """The float graph of an ONNX file, node by node, before any pass."""
    return read_parsed(*parse(path), path)


def simplified(model: ModelProto, digest: str, path: str | Path) -> FloatGraph:
    """The simplified float graph of the parsed file at `path`. Raises ModelError."""
    with _understanding(path):
        return simplify(read_parsed(model, digest, path))


def survey(path: str | Path) -> tuple[int, Findings]:
    """The opset of an ONNX file, and what it needs, what of it cannot be read. ModelError,
    FileError: it is no float network at all."""
    model, digest = parse(path)
    with _understanding(path):
        graph, findings = examine(model, digest, path)
        with findings.noted():
            _ = graph and simplify(graph)
    return opset_of(model), findings


def read_parsed(model: ModelProto, digest: str, path: str | Path) -> FloatGraph:
    """The float graph of a parsed file, node by node, before any pass. Raises ModelError."""
    with _understanding(path):
        graph, findings = examine(model, digest, path)
    if graph is None:
        raise findings.error()
    return graph


def _understanding(path: str | Path) -> AbstractContextManager[None]:
    """The last net of this door: what a file that lies makes of the reader may be anything."""
    return door(path, Exception, what="the network in it cannot be understood", kind=ModelError)


def examine(model: ModelProto, digest: str, path: str | Path
            ) -> tuple[FloatGraph | None, Findings]:
    """The float graph of a parsed file, before any pass, and what was found on the way; no graph
    where there are refusals. Raises ModelError for a file that is quantized already."""
    if any(p.key == CONTRACT_KEY for p in model.metadata_props):
        raise ModelError(f"{path}: is fixed point already: dsplet simulate, compare and emit read "
                         "it; or quantize the float model it came from")
    findings = Findings(path)
    foreign, theirs = False, Counter[str]()
    with findings.noted():
        model = inlined(model, path)
        foreign, theirs = is_foreign(model), Counter(map(op_of, needed(model.graph)))
        model = prepared(dequantized(model), path)
    if findings.refusals:
        findings.needs = theirs
        return None, findings
    with findings.noted():
        own = model
        way, reader = _understood(model, path)
        while (lacking := {r.op for r in reader.findings.refusals if r.unknown}) and (
                again := written_out(model, lacking)):
            model = again
            way, reader = _understood(model, path)
        findings = reader.findings
        findings.attribute(origins(model, own))
        findings.needs = theirs if foreign else findings.needs
    if findings.refusals:
        return None, findings
    known, outputs = reader.known, tuple(o.name for o in model.graph.output)
    reader.finish(outputs)
    metadata = tuple(sorted((p.key, p.value) for p in model.metadata_props))
    graph = FloatGraph(model.graph.name or Path(path).stem, tuple(way.shapes), outputs, (),
                       known.shapes, metadata, digest, known.batches,
                       (*way.notes, *_notes(known, outputs)))
    return graph.rebuilt(_tidy(known.nodes)), findings


def _notes(known: Known, outputs: Iterable[str]) -> list[str]:
    """What whoever reads the outputs should know."""
    return [f"the output '{o}' {known.shapes[o]} has {batch_words(batch)}" for o in outputs
            if (batch := known.layout(o)) != Batch()]


def _understood(model: ModelProto, path: str | Path) -> tuple[Arrangement, _Reader]:
    """The first way to understand the inputs that leads to the outputs; the likeliest, with what
    is wrong with it, where none does."""
    constants, outputs = _initializers(model), [o.name for o in model.graph.output]
    nodes, inferred, tried = needed(model.graph), Inferred(model), []
    types = {v.name: v.type.tensor_type.elem_type for v in model.graph.input}
    for way in arrangements(model.graph, constants, path):
        reader = _Reader(opset_of(model), Known(dict(constants), way.counts, dict(way.shapes),
                                                dict(way.batches), frozenset(way.shapes),
                                                value_names(model.graph), types),
                         Findings(path), inferred)
        reader.read(nodes)
        reader.check_outputs(outputs)
        tried.append((way, reader))
        refusals = reader.findings.refusals
        if not refusals or any(r.unknown for r in refusals):
            return tried[-1]
    return tried[0]


def is_read(node: NodeProto) -> bool:
    """Whether there is a reader for the node's op, or it decides between bodies."""
    return op_of(node) in READERS or op_of(node) == "If"


class _Reader:
    """Reads ONNX nodes, those of the bodies of loops too, into one flat list of float nodes."""

    def __init__(self, opset: int, known: Known, findings: Findings, inferred: Inferred) -> None:
        self.opset, self.known = opset, known
        self.findings, self._inferred = findings, inferred
        self._names: set[str] = set()

    def read(self, protos: Iterable[NodeProto]) -> None:
        for proto in protos:
            given = [i for i in proto.input if i]
            if foldable(proto, self.known):
                if lack := misfit(proto, self.opset):
                    self.findings.refuse(proto, lack)
                    continue
                try:
                    fold(proto, self.opset, self.known)
                except Exception as e:  # whatever the reference evaluator raises
                    self.findings.refuse(proto, "cannot be computed from its constants: "
                                         f"{said(e)}")
                continue
            if proto.op_type in LOOKED_AT and not is_read(proto):
                continue  # of a value that could not be read, which is said there
            self.findings.needs[op_of(proto)] += 1
            if not is_read(proto):
                self.findings.refuse(proto, UNKNOWN, unknown=True)
            elif all(i in self.known.shapes or i in self.known.constants for i in given):
                self._read(proto)
            else:
                self.findings.unseen.append(name_of(proto))
            self._step_over(proto)

    def _read(self, proto: NodeProto) -> None:
        node = type(proto)()
        node.CopyFrom(proto)
        node.name = unique(name_of(proto), self._names)
        try:
            if lack := misfit(node, self.opset):
                raise ModelError(lack, where=f"{op_of(proto)} '{node.name}'")
            if node.op_type == "If":
                self._branch(node)
                return
            reading = Reading(node, self.opset, self.known, self.read_body)
            if reading.op not in ANYWHERE:
                reading.need_samples()
            READERS[reading.op](reading)
            for o, kind in types_given(node, self.opset, self.known.element_type).items():
                self.known.types.setdefault(o, kind)
                if kind in INTEGERS and kind not in INDEX_TYPES and node.op_type in WRAPPING:
                    reading.refuse(f"computes with {type_name(kind)}, which may not hold what it "
                                   "gives; cast to float before")
        except ModelError as e:
            own = e.where == f"{op_of(proto)} '{node.name}'"
            self.findings.refuse(node, e.what if own else str(e))
        except Exception as e:  # what a node that lies makes of its reader
            self.findings.refuse(node, f"cannot be read: {type(e).__name__}: {said(e)}")

    def _step_over(self, proto: NodeProto) -> None:
        """Behind a node that was not read, go on with the shapes that ONNX infers."""
        for output in proto.output if self.findings.refusals else ():
            if output not in self.known.shapes and (found := self._inferred.sample(output)):
                self.known.shapes[output], self.known.batches[output] = found[0], Batch(found[1])

    def _branch(self, node: NodeProto) -> None:
        """The branch of an If whose condition is known beforehand."""
        from onnx import helper
        condition, known = node.input[0], self.known
        if condition not in known.constants or condition in known.sized:
            raise ModelError(f"its condition '{condition}' must be a constant of the model, not "
                             "something computed from the input", where=f"If '{node.name}'")
        taken = "then_branch" if known.constants[condition].all() else "else_branch"
        body = next(a.g for a in node.attribute if a.name == taken)
        names = self.read_body(body, known.scope(node.name))
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
        for o in outputs if not self.findings.refusals else ():
            batch = self.known.layout(o)
            with self.findings.noted():
                if o in self.known.constants or o not in self.known.shapes:
                    raise ModelError(f"the output '{o}' does not depend on the input")
                if batch and batch.merged:
                    raise ModelError(f"the output '{o}' has {batch_words(batch)}; the batch must "
                                     "be an axis of its own")

    def read_body(self, graph: GraphProto, loop: str) -> dict[str, str]:
        """The nodes of a loop's body, whose inputs have shapes by now. Its names, which may be
        those of another body, get the loop's in front: the result says which."""
        own = {o for n in graph.node for o in n.output if o} | {t.name for t in graph.initializer}
        inside = own | {i.name for i in graph.input}

        def name(v: str) -> str:
            return f"{loop}/{v}" if v in inside else v

        self.known.reserved.update(map(name, value_names(graph)))
        for tensor in graph.initializer:
            self.known.constants[name(tensor.name)] = array_of(tensor)
        protos = []
        for node in needed(graph):
            copy = type(node)()
            copy.CopyFrom(node)
            copy.name = f"{loop}/{name_of(node)}"
            copy.input[:], copy.output[:] = map(name, node.input), map(name, node.output)
            for a in copy.attribute:
                if a.HasField("g"):
                    rename(a.g, {v: name(v) for v in inside})
            protos.append(copy)
        self.read(protos)
        return {v: name(v) for v in inside}


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


def _tidy(nodes: list[FloatNode]) -> list[FloatNode]:
    """Node names made unique."""
    taken: set[str] = set()
    return [replace(n, name=unique(n.name, taken)) for n in nodes]
