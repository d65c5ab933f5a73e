"""Reads a float .onnx file into a float graph, or says in one message why it cannot be."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from quantize.float_graph import FloatGraph, FloatNode, ModelError
from quantize.passes import simplify
from quantize.readers import READERS, Reading

CONTRACT_KEY = "dsplet.contract"
"""The metadata key that marks a quantized model."""
OPSETS = range(8, 27)
FLOAT_TYPES = (1, 10, 11)
STANDARD = ("", "ai.onnx")
RANDOM = ("Random", "Multinomial", "Bernoulli")


def load(path: str | Path) -> FloatGraph:
    """The simplified float graph of an ONNX file. ModelError (a ValueError) says what is wrong."""
    return simplify(read(path))


def read(path: str | Path) -> FloatGraph:
    """The float graph of an ONNX file, node by node, before any pass."""
    model, digest = parse(path)
    if any(p.key == CONTRACT_KEY for p in model.metadata_props):
        raise ModelError(f"{path}: is quantized already; read it with quantize.from_qdq, or "
                         "quantize the float model it came from")
    opset = next((o.version for o in model.opset_import if o.domain in STANDARD), 0)
    if opset not in OPSETS:
        raise ModelError(f"{path}: opset {opset} is not supported; expected {OPSETS[0]} to "
                         f"{OPSETS[-1]} (export it again, or use onnx.version_converter)")
    constants = _initializers(model, path)
    inputs = _inputs(model, constants, path)
    known = set(constants)
    unsupported, problems = [], []
    shapes, nodes = dict(inputs), []
    names: set[str] = set()
    for proto in model.graph.node:
        foldable = not proto.op_type.startswith(RANDOM) and not any(
            a.HasField("g") for a in proto.attribute)
        is_shape = proto.op_type == "Shape" and proto.input[0] in shapes
        if foldable and (is_shape or all(i in constants for i in proto.input if i)):
            try:
                constants.update(_fold(proto, opset, constants, shapes))
            except Exception as e:  # whatever the reference evaluator raises
                problems.append(f"{proto.op_type} '{_name(proto)}': cannot be computed from its "
                                f"constants: {e}")
        elif proto.domain not in STANDARD or proto.op_type not in READERS:
            domain = f"{proto.domain}::" if proto.domain not in STANDARD else ""
            unsupported.append(f"{domain}{proto.op_type} '{_name(proto)}'")
        elif all(i in shapes or i in constants for i in proto.input if i):
            proto.name = unique(_name(proto), names)
            try:
                READERS[proto.op_type](Reading(proto, opset, constants, shapes, nodes))
            except ModelError as e:
                problems.append(str(e))
    if unsupported:
        raise ModelError(
            f"{path}: {len(unsupported)} node(s) are not supported:\n  " + "\n  ".join(unsupported)
            + f"\nsupported ops: {', '.join(sorted(READERS))}")
    if problems:
        raise ModelError(f"{path}: " + "\n  ".join(problems))
    outputs = tuple(o.name for o in model.graph.output)
    for o in outputs:
        if o in known or o not in shapes:
            raise ModelError(f"{path}: the output '{o}' does not depend on the input")
    metadata = tuple(sorted((p.key, p.value) for p in model.metadata_props))
    return FloatGraph(model.graph.name or Path(path).stem, tuple(inputs), outputs, (), shapes,
                      metadata, digest).rebuilt(_tidy(nodes))


def parse(path: str | Path):
    """The ONNX model and its sha256. ModelError: the file is missing, not ONNX or cut short."""
    import onnx
    from google.protobuf.message import DecodeError
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except OSError as e:
        raise ModelError(f"{path}: cannot be read: {e.strerror}") from None
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
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except Exception as e:  # missing, outside the folder, wrong length: onnx raises several kinds
        raise ModelError(f"{path}: its weights lie in another file, which cannot be read: "
                         f"{str(e).splitlines()[0]}; copy that file beside the model") from None
    return model, hashlib.sha256(data).hexdigest()


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken already; added to `taken`."""
    stem, n = name, 1
    while name in taken:
        n += 1
        name = f"{stem}_{n}"
    taken.add(name)
    return name


def _name(proto) -> str:
    return proto.name or next((o for o in proto.output if o), proto.op_type)


def _initializers(model, path) -> dict[str, np.ndarray]:
    from onnx import numpy_helper
    constants = {}
    if model.graph.sparse_initializer:
        raise ModelError(f"{path}: sparse weights are not supported; export dense ones")
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise ModelError(f"{path}: '{tensor.name}' {array.shape} contains {bad} NaN or "
                             "infinite value(s); the training has diverged or the file is damaged")
        constants[tensor.name] = array
    return constants


def _inputs(model, constants: dict, path) -> dict[str, tuple[int, ...]]:
    """Input names and their shapes without the batch axis."""
    inputs = {}
    for v in model.graph.input:
        if v.name in constants:
            continue
        kind = v.type.tensor_type
        if kind.elem_type not in FLOAT_TYPES:
            raise ModelError(f"{path}: the input '{v.name}' is not a float tensor")
        if not kind.HasField("shape") or len(kind.shape.dim) < 2:
            raise ModelError(f"{path}: the input '{v.name}' needs a shape with a batch axis and at "
                             "least one more")
        batch, *rest = kind.shape.dim
        if batch.HasField("dim_value") and batch.dim_value > 1:
            raise ModelError(f"{path}: the first axis of '{v.name}' is the batch and must be free "
                             f"or 1, not {batch.dim_value}; export with a dynamic batch axis")
        for axis, d in enumerate(rest, 1):
            if d.dim_value < 1:
                raise ModelError(f"{path}: axis {axis} of the input '{v.name}' is not fixed"
                                 f"{d.dim_param and f' ({d.dim_param})'}; only the batch axis may "
                                 "be: export with a fixed size")
        inputs[v.name] = tuple(d.dim_value for d in rest)
    if not inputs:
        raise ModelError(f"{path}: the network has no input")
    return inputs


def _fold(proto, opset: int, constants: dict, shapes: dict) -> dict[str, np.ndarray]:
    """The outputs of a node whose inputs are all known (of Shape: for a batch of 1)."""
    import onnx
    from onnx.reference import ReferenceEvaluator
    feeds = {i: constants[i] if i in constants else np.zeros((1, *shapes[i]), np.float32)
             for i in proto.input if i}

    def info(name: str):
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
    return [n.but(name=unique(n.name, taken)) for n in nodes]
