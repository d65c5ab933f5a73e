"""What kinds of numbers the values of a file are: ONNX's codes of element types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dsplet.quantize.float.signature import schema_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import NodeProto

FLOATS, INTEGERS = (1, 10, 11, 16), (2, 3, 4, 5, 6, 7, 12, 13)
"""Those of at least 8 bits."""
FLOAT, TRUTH = 1, 9
INDEX_TYPES = (6, 7)
"""Those that hold any index, and sums of them."""
WRAPPING = ("Abs", "Add", "CumSum", "Einsum", "Gemm", "MatMul", "Mul", "Neg", "Pow", "ReduceL1",
            "ReduceProd", "ReduceSum", "ReduceSumSquare", "Sub", "Sum")
"""Ops that give integers beyond those they read: of a short type what is over goes round."""


def type_name(code: int) -> str:
    """What ONNX calls a type."""
    from onnx import TensorProto
    known = code in TensorProto.DataType.values()
    return TensorProto.DataType.Name(code).lower() if known else f"type {code}"


def type_of(array: np.ndarray) -> int:
    """The type of a constant."""
    from onnx import helper
    return int(helper.np_dtype_to_tensor_dtype(array.dtype))


def numbers(code: int) -> np.dtype:
    """What NumPy calls a type."""
    from onnx import helper
    return np.dtype(helper.tensor_dtype_to_np_dtype(code))


def types_given(node: NodeProto, opset: int, given: Callable[[str], int]) -> dict[str, int]:
    """The types of a node's outputs, as ONNX's signature of its op has them; of an op that it does
    not define, floats. given(value): the type of an input."""
    from onnx import TensorProto
    schema = schema_of(node.op_type, node.domain, opset)
    found = {o: FLOAT for o in node.output if o}
    if schema is None:
        return found
    own = {a.name: a.i for a in node.attribute}
    alike = {schema.inputs[min(k, len(schema.inputs) - 1)].type_str: given(i)
             for k, i in reversed([*enumerate(node.input)]) if i and schema.inputs}
    only = {c.type_param_str: c.allowed_type_strs[0] for c in schema.type_constraints
            if len(c.allowed_type_strs) == 1}
    for k, o in enumerate(node.output):
        kind = schema.outputs[min(k, len(schema.outputs) - 1)].type_str
        name = only.get(kind, kind).removeprefix("tensor(").removesuffix(")").upper()
        if o and node.op_type == "Cast":
            found[o] = own["to"]
        elif o and kind in alike:
            found[o] = alike[kind]
        elif o and name in TensorProto.DataType.keys():
            found[o] = TensorProto.DataType.Value(name)
    return found
