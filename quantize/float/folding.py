"""Computes what is known beforehand, for several sizes of the batch where it depends on that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dsplet.quantize.float.element_types import numbers
from dsplet.quantize.float.known import Known

if TYPE_CHECKING:
    from onnx import NodeProto

RANDOM = ("Random", "Multinomial", "Bernoulli")
LOOKED_AT = {"Shape": 0, "Size": 0, "EyeLike": 0, "CastLike": 1}
"""Ops, and the input of which they want to know no number: its shape or its type alone."""


def computable(proto: NodeProto) -> bool:
    """Whether the node gives the same numbers every time, and needs no reader of bodies."""
    return not proto.op_type.startswith(RANDOM) and not any(
        a.HasField("g") for a in proto.attribute)


def foldable(proto: NodeProto, known: Known) -> bool:
    """Whether all that the node gives is known beforehand."""
    return computable(proto) and all(
        i in known.constants or LOOKED_AT.get(proto.op_type) == k and i in known.shapes
        for k, i in enumerate(proto.input) if i)


def fold(proto: NodeProto, opset: int, known: Known) -> None:
    """Know the outputs of such a node."""
    changes = any(i in known.sized or i in known.shapes for i in proto.input)
    found = {count: computed(proto, opset, _inputs(proto, known, count))
             for count in (known.counts if changes else known.counts[:1])}
    first = found[known.counts[0]]
    known.constants |= first
    for name, value in first.items():
        values = {count: outputs[name] for count, outputs in found.items()}
        if not all(np.array_equal(value, v) for v in values.values()):
            known.sized[name] = values


def _inputs(proto: NodeProto, known: Known, count: int) -> dict[str, np.ndarray]:
    """What the node reads for a batch of so many samples; zeros where it looks at no number."""
    return {i: known.at(i, count) if i in known.constants else np.zeros(
        known.full(i, count), numbers(known.element_type(i))) for i in proto.input if i}


def computed(proto: NodeProto, opset: int, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a `computable` node of these inputs gives. Raises what onnx's evaluator raises."""
    from onnx import ValueInfoProto, helper
    from onnx.reference import ReferenceEvaluator
    names = [o for o in proto.output if o]
    graph = helper.make_graph([proto], "constant", [ValueInfoProto(name=i) for i in feeds],
                              [ValueInfoProto(name=o) for o in names])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    found = ReferenceEvaluator(model).run(None, feeds)
    return {n: np.asarray(v) for n, v in zip(names, found, strict=True)}
