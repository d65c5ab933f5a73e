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


def foldable(proto: NodeProto, known: Known) -> bool:
    """Whether all that the node gives is known beforehand."""
    if proto.op_type.startswith(RANDOM) or any(a.HasField("g") for a in proto.attribute):
        return False
    return all(i in known.constants or LOOKED_AT.get(proto.op_type) == k and i in known.shapes
               for k, i in enumerate(proto.input) if i)


def fold(proto: NodeProto, opset: int, known: Known) -> None:
    """Know the outputs of such a node."""
    changes = any(i in known.sized or i in known.shapes for i in proto.input)
    found = {count: _outputs(proto, opset, known, count)
             for count in (known.counts if changes else known.counts[:1])}
    first = found[known.counts[0]]
    known.constants |= first
    for name, value in first.items():
        values = {count: outputs[name] for count, outputs in found.items()}
        if not all(np.array_equal(value, v) for v in values.values()):
            known.sized[name] = values


def _outputs(proto: NodeProto, opset: int, known: Known, count: int) -> dict[str, np.ndarray]:
    """What the node gives for a batch of so many samples."""
    import onnx
    from onnx.reference import ReferenceEvaluator
    feeds = {i: known.at(i, count) if i in known.constants else np.zeros(
        known.full(i, count), numbers(known.type(i))) for i in proto.input if i}
    names = [o for o in proto.output if o]
    graph = onnx.helper.make_graph([proto], "constant", [onnx.ValueInfoProto(name=i)
                                                         for i in feeds],
                                   [onnx.ValueInfoProto(name=o) for o in names])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    found = ReferenceEvaluator(model).run(None, feeds)
    return {n: np.asarray(v) for n, v in zip(names, found, strict=True)}
