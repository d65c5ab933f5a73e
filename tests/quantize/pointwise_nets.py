"""ONNX models of ops that work element by element, and of what exporters write with them."""

from __future__ import annotations

import numpy as np
import onnx

from tests.quantize.onnx_nets import model, node, random

IMAGE = (3, 9, 8)
Case = tuple[str, onnx.ModelProto]


def quotients() -> list[Case]:
    positive = [node("Mul", "z z", "a"), node("Add", "a half", "b")]
    half = {"half": np.float32(0.5)}
    return [("div_values", model([*positive, node("Div", "x b", "y")],
                                 {"x": IMAGE, "z": IMAGE}, half)),
            ("div_row", model([*positive, node("Div", "x b", "y")],
                              {"x": IMAGE, "z": (3, 1, 8)}, half)),
            ("div_grows", model([node("Abs", "x", "a"), node("Add", "a half", "b"),
                                 node("Div", "c b", "y")], {"x": (1, 8)},
                                half | {"c": random("c", 4, 8)})),
            ("softsign_spelt", model([node("Abs", "x", "a"), node("Add", "a half", "b"),
                                      node("Div", "x b", "y")], {"x": IMAGE}, half))]


POINTWISE = [*quotients()]
