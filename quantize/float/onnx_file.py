"""Opens an .onnx file: an ONNX model of an opset that is read, its functions written out, and the
nodes that its outputs need, in an order in which they can be computed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dsplet.base.errors import door
from dsplet.base.files import read_bytes
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.float.signature import STANDARD, check_names

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

OLDEST, NEWEST = 8, 28
"""The opsets that are read; older ones are converted to the oldest."""
CONVERTIBLE = 6
CONTRACT_KEY = "dsplet.contract"
"""The metadata key that marks a quantized model."""


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


def opset_of(model: ModelProto) -> int:
    """The version of the standard ops; 0 where the model names none."""
    return next((o.version for o in model.opset_import if o.domain in STANDARD), 0)


def inlined(model: ModelProto, path: str | Path) -> ModelProto:
    """The model with its own functions written out. Raises ModelError."""
    from onnx import inliner
    if model.functions:
        with door(path, Exception, what="its functions cannot be written out", kind=ModelError):
            model = inliner.inline_local_functions(model)
    return model


def prepared(model: ModelProto, path: str | Path) -> ModelProto:
    """The model in an opset that is read. Raises ModelError."""
    opset = opset_of(model)
    if opset not in range(CONVERTIBLE, NEWEST + 1):
        raise ModelError(f"{path}: opset {opset} is not supported; expected {CONVERTIBLE} to "
                         f"{NEWEST} (export it again, or use onnx.version_converter)")
    if opset < OLDEST:
        with door(path, Exception, what=f"opset {opset} cannot be converted to {OLDEST}",
                  remedy="export it again with a newer opset", kind=ModelError):
            model = _converted(model)
    return model


def _converted(model: ModelProto) -> ModelProto:
    """In the oldest opset that is read. The converter wants no free axes, so they are 1 for it."""
    from onnx import version_converter
    fixed = type(model)()
    fixed.CopyFrom(model)
    for v in (*fixed.graph.input, *fixed.graph.output):
        for d in v.type.tensor_type.shape.dim:
            d.dim_value = max(d.dim_value, 1)
    found = version_converter.convert_version(fixed, OLDEST)
    del found.graph.input[:], found.graph.output[:], found.graph.value_info[:]
    found.graph.input.extend(model.graph.input)
    found.graph.output.extend(model.graph.output)
    return found


def written_out(model: ModelProto, ops: Iterable[str]) -> ModelProto | None:
    """The model without those of the ops that ONNX defines by others; None where it defines none
    of them so, or not for their operands."""
    from onnx import defs, inliner, shape_inference
    composed = [op for op in sorted(ops) if defs.has(op) and any(
        getattr(defs.get_schema(op), f"has_{kind}") for kind in (
            "function", "context_dependent_function"))]
    if not composed:
        return None
    try:
        found = inliner.inline_selected_functions(shape_inference.infer_shapes(model), [
            ("", op) for op in composed], inline_schema_functions=True)
    except Exception:  # the inliner's own assertions
        return None
    return None if {n.op_type for n in found.graph.node} >= {*composed} else found


def origins(model: ModelProto, own: ModelProto) -> dict[str, NodeProto]:
    """Of the values that a model has more than the file, since ops are `written_out`, the node of
    the file that each is computed for."""
    makers = {o: n for n in own.graph.node for o in n.output if o}
    known = {*makers, *(v.name for v in own.graph.input)}
    found: dict[str, NodeProto] = {}
    for node in reversed(model.graph.node):
        of = next((n for o in node.output if (n := makers.get(o) or found.get(o))), None)
        if of is not None:
            found |= {i: of for i in node.input if i and i not in known}
    return found


def needed(graph: GraphProto) -> list[NodeProto]:
    """The nodes that its outputs need, each after those it reads.

    Raises ModelError where two nodes give one value, or a value needs itself.
    """
    makers: dict[str, int] = {}
    for k, node in enumerate(graph.node):
        for o in filter(None, node.output):
            if makers.setdefault(o, k) != k:
                raise ModelError(f"two nodes give the value '{o}'")
    order: list[int] = []
    state: dict[int, bool] = {}
    """Of each node that was met, whether all that it reads has been ordered."""
    stack = [makers[o] for o in reversed([v.name for v in graph.output])
             if o in makers]
    while stack:
        k = stack[-1]
        if state.get(k):
            stack.pop()
            continue
        reads = [makers[v] for v in names_read(graph.node[k]) if v in makers]
        missing = [m for m in reads if not state.get(m)]
        if any(m in state for m in missing):
            raise ModelError(f"{graph.node[k].op_type} '{graph.node[k].name}' needs its own output")
        if missing:
            state[k] = False
            stack += reversed(missing)
        else:
            state[k] = True
            order.append(stack.pop())
    if all(makers.get(v, -1) < k for k in order for v in names_read(graph.node[k])):
        order.sort()  # as the file has them
    return [graph.node[k] for k in order]


def names_read(node: NodeProto) -> Iterable[str]:
    """The values that a node reads, those outside that its bodies read among them."""
    yield from filter(None, node.input)
    for a in node.attribute:
        if a.HasField("g"):
            inside = {o for n in a.g.node for o in n.output} | {
                v.name for v in (*a.g.input, *a.g.initializer)}
            read = [v for n in a.g.node for v in names_read(n)] + [o.name for o in a.g.output]
            yield from (v for v in read if v not in inside)
