"""What the parts of a file must be before anyone reads them: names that are text, tensors that have
their numbers, nodes that fit the signature ONNX gives their op."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dsplet.base.errors import shown
from dsplet.quantize.float.node import ModelError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

STANDARD = ("", "ai.onnx")
"""The names of the domain of ONNX's own ops."""


def check_names(model: ModelProto) -> None:
    """ModelError where a name, or what the metadata say, is not UTF-8: protobuf then hands out
    bytes."""
    for what, word in _words(model.graph):
        if not isinstance(word, str):
            raise ModelError(f"{what} {shown(word)} is not UTF-8", remedy="export the file again")
    for p in model.metadata_props:
        if not isinstance(p.key, str) or not isinstance(p.value, str):
            raise ModelError(f"the metadata {shown(p.key)} are not UTF-8",
                             remedy="export the file again")


def _words(graph: GraphProto) -> Iterator[tuple[str, str | bytes]]:
    yield "the name of the network", graph.name
    yield from (("the name of the value", v.name) for v in (*graph.input, *graph.output))
    yield from (("the name of the weights", t.name) for t in graph.initializer)
    for node in graph.node:
        yield from (("the name of the node", node.name), ("the op", node.op_type),
                    ("the domain", node.domain))
        yield from (("the name of the value", v) for v in (*node.input, *node.output))
        for a in node.attribute:
            yield "the name of the attribute", a.name
            if a.HasField("g"):
                yield from _words(a.g)


def array_of(tensor: TensorProto) -> np.ndarray:
    """The tensor's numbers. ModelError where they are not as many as its shape says."""
    from onnx import numpy_helper
    try:
        if min(tensor.dims, default=0) >= 0:
            return numpy_helper.to_array(tensor)
    except Exception:  # onnx and NumPy raise several kinds
        pass
    raise ModelError(f"'{tensor.name}' has not the numbers that its shape {tuple(tensor.dims)} and "
                     "its type ask for", remedy="export the file again")


def misfit(node: NodeProto, opset: int) -> str:
    """What a node lacks of the inputs, outputs and attributes that its op needs, or which attribute
    is of another type; "" where nothing is, and for an op that ONNX does not define.

    What one opset has as an attribute and another as an input is left to the reader.
    """
    schema = schema_of(node.op_type, node.domain, opset)
    if schema is None:
        return ""
    if not any(node.output):
        return "has no output"
    return _inputs(node, schema) or _attributes(node, schema)


def _inputs(node: NodeProto, schema: Any) -> str:
    names, given = [p.name for p in schema.inputs], list(node.input)
    older = names[len(given)] if len(given) < len(names) else ""
    if len(given) < schema.min_input and not any(a.name == older for a in node.attribute):
        return (f"has {len(given)} input{'s' * (len(given) != 1)}; expected "
                f"{schema.min_input}{' or more' * (schema.max_input > schema.min_input)} "
                f"({', '.join(names)})")
    for i, name in enumerate(given):
        parameter = schema.inputs[min(i, len(names) - 1)] if names else None
        if not name and parameter is not None and parameter.option.name != "Optional" and (
                i < len(names) or parameter.option.name == "Variadic"):
            return f"lacks its input {i} ({parameter.name})"
    return ""


def _attributes(node: NodeProto, schema: Any) -> str:
    from onnx import AttributeProto
    from onnx.defs import onnx_opset_version
    given = {a.name: a for a in node.attribute}
    for name, attribute in schema.attributes.items():
        if name not in given:
            newest = schema_of(node.op_type, node.domain, onnx_opset_version())
            newer = [p.name for p in newest.inputs][:len(node.input)]
            if attribute.required and name not in newer:
                return f"lacks its attribute {name}"
            continue
        kind = given[name].type
        known = kind in AttributeProto.AttributeType.values()
        found = AttributeProto.AttributeType.Name(kind) if known else "UNDEFINED"
        if found != attribute.type.name:
            return (f"its attribute {name} is of type {found.lower()}; expected "
                    f"{attribute.type.name.lower()}")
    for name, a in given.items():
        if not a.type or a.type not in AttributeProto.AttributeType.values():
            return f"its attribute {name} has no type"
    return ""


@cache
def schema_of(op: str, domain: str, opset: int) -> Any:
    """ONNX's own signature of an op; None where it defines none."""
    from onnx import defs
    if domain not in STANDARD:
        return None
    try:
        return defs.get_schema(op, opset, "")
    except defs.SchemaError:
        return None
