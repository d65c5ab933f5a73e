"""What an op writes itself with, to become ONNX again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dsplet.base.names import unique

if TYPE_CHECKING:
    from onnx import NodeProto


def casts(node: NodeProto, code: int) -> None:
    """Let a Cast give a type; its attribute is called as what `emit` calls an output."""
    from onnx import helper
    node.attribute.append(helper.make_attribute("to", code))


class Writing:
    """ONNX nodes in float32, and their constants, that compute values of a float graph.

    shapes: of one sample, by value. batch_of: a value whose first axis tells the batch's size.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], batch_of: str) -> None:
        self.shapes = shapes
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self._batch_of, self._count, self._taken = batch_of, 0, set(shapes)

    def const(self, value: object, dtype: type = np.float32) -> str:
        """The name of a constant."""
        name = unique(f"c{len(self.constants)}/", self._taken)
        self.constants[name] = np.asarray(value, dtype)
        return name

    def emit(self, op: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        """An ONNX node; its output's name, `to` where that is given."""
        from onnx import helper
        self._count += 1
        to = to or unique(f"t{self._count}/", self._taken)
        lists: dict[str, Any] = {k: list(v) if isinstance(v, tuple) else v
                                 for k, v in attributes.items()}
        self.nodes.append(helper.make_node(op, inputs, [to], **lists))
        return to

    def cast(self, x: str, code: int = 1) -> str:
        """x in the type of an ONNX code, by default float32."""
        y = self.emit("Cast", x)
        casts(self.nodes[-1], code)
        return y

    def repeat(self, value: np.ndarray) -> str:
        """A constant for every sample of the batch."""
        batch = self.emit("Shape", self._batch_of, end=1)
        shape = self.emit("Concat", batch, self.const(value.shape, np.int64), axis=0)
        return self.emit("Expand", self.const(value), shape)
