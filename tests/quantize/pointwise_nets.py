"""ONNX models of ops that work element by element, and of what exporters write with them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

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


def single(op: str, *constants: np.ndarray | float, opset: int = 21, before: list | None = None,
           values: str = "x", name: str = "", domain: str = "", **attributes) -> Case:
    """An op of x (by way of the nodes `before`) and constants."""
    known = {f"c{i}": np.asarray(c, np.float32) for i, c in enumerate(constants)}
    last = node(op, " ".join([values, *known]), "y", **attributes)
    last.domain = domain
    m = model([*(before or []), last], {"x": IMAGE}, known | CONSTANTS, opset=opset)
    if domain:
        m.opset_import.append(helper.make_opsetid(domain, 1))
    return name or op.lower(), m


CONSTANTS = {"one": np.float32(1), "half": np.float32(0.5), "zero": np.float32(0),
             "less": np.float32(-0.25)}


def functions() -> list[Case]:
    """Of x, of |x| + 1 and of tanh(x), where the function is defined there alone."""
    above = [node("Abs", "x", "a"), node("Add", "a one", "b")]
    inside = [node("Tanh", "x", "b")]
    found = [single(op) for op in ("Asinh", "Ceil", "Cosh", "Floor", "Round", "Shrink", "Sign",
                                   "Sinh", "Tan")]
    found += [single("Acosh", before=above, values="b")]
    found += [single(op, before=inside, values="b") for op in ("Acos", "Asin", "Atanh")]
    found += [single("Swish", opset=24, name="swish"),
              single("Swish", opset=24, alpha=1.5, name="swish_alpha"),
              single("Shrink", lambd=0.25, bias=0.125, name="softshrink"),
              single("Mod", 0.75, fmod=1, name="fmod"),
              ("pow_base", model([node("Pow", "c x", "y")], {"x": IMAGE},
                                        {"c": np.float32(3)})),
              single("Gelu", domain="com.microsoft", name="gelu_microsoft"),
              single("QuickGelu", domain="com.microsoft", alpha=1.702),
              single("FastGelu", domain="com.microsoft"),
              single("FastGelu", random("b", 8), domain="com.microsoft", name="fastgelu_bias"),
              single("BiasGelu", random("b", 8), domain="com.microsoft"),
              single("PRelu", random("s", 3, 1, 1), name="prelu_channels"),
              single("PRelu", random("s", 8), name="prelu_row")]
    return found


def relations() -> list[Case]:
    whole = [node("Mul", "x four", "m"), node("Round", "m", "a"), node("Mul", "z four", "n"),
             node("Round", "n", "b")]
    found = []
    for op in ("Greater", "GreaterOrEqual", "Equal", "Less", "LessOrEqual"):
        nodes = [*whole, node(op, "a b", "c"), node("Cast", "c", "y", to=1)]
        found.append((op.lower(), model(nodes, {"x": IMAGE, "z": (3, 1, 8)},
                                        {"four": np.float32(4)})))
        nodes = [node(op, "less x", "c"), node("Where", "c x half", "y")]
        found.append((f"{op.lower()}_constant", model(nodes, {"x": IMAGE}, CONSTANTS)))
    truths = [node("Greater", "x z", "a"), node("Less", "z half", "b")]
    for op in ("And", "Or", "Xor"):
        nodes = [*truths, node(op, "a b", "c"), node("Where", "c x z", "y")]
        found.append((op.lower(), model(nodes, {"x": IMAGE, "z": (3, 1, 8)}, CONSTANTS)))
    found += [
        ("not", model([*truths, node("Not", "a", "c"), node("Cast", "c", "y", to=1)],
                      {"x": IMAGE, "z": IMAGE}, CONSTANTS)),
        ("cast_to_truth", model([node("Relu", "x", "a"), node("Cast", "a", "b", to=9),
                                 node("Where", "b z x", "y")], {"x": IMAGE, "z": IMAGE})),
        ("where_mask", model([node("Where", "m x c", "y")], {"x": IMAGE},
                             {"m": random("m", 1, 8) > 0, "c": random("c", 3, 1, 1)})),
        ("where_mask_values", model([node("Where", "m z x", "y")], {"x": IMAGE, "z": IMAGE},
                                    {"m": random("m", 9, 1) > 0})),
        ("where_row", model([node("Greater", "x z", "a"), node("Where", "a c x", "y")],
                            {"x": IMAGE, "z": IMAGE}, {"c": random("c", 8)})),
        ("threshold_channels", model([node("Greater", "x c", "a"), node("Where", "a x zero", "y")],
                                     {"x": IMAGE}, CONSTANTS | {"c": random("c", 3, 1, 1) / 4}))]
    return found


def several() -> list[Case]:
    values = {"x": IMAGE, "z": (3, 1, 8), "u": IMAGE}
    found = [(f"{op.lower()}_of_{name}", model([node(op, inputs, "y")], values | {}, CONSTANTS | {
        "c": random("c", 3, 1, 1)})) for op in ("Min", "Max", "Sum", "Mean")
        for name, inputs in (("three", "x z u"), ("two", "z x"), ("four", "x c z less"))]
    return [(name, only(m)) for name, m in found] + [
        (f"{op.lower()}_row", model([node(op, "x c", "y")], {"x": IMAGE}, {"c": random("c", 8)}))
        for op in ("Min", "Max")] + [single(op, name=f"{op.lower()}_of_one") for op in
                                     ("Min", "Max", "Sum", "Mean")]


def only(m: onnx.ModelProto) -> onnx.ModelProto:
    """The model without inputs that nothing reads."""
    read = {i for n in m.graph.node for i in n.input}
    kept = [v for v in m.graph.input if v.name in read]
    del m.graph.input[:]
    m.graph.input.extend(kept)
    return m


def spelt() -> list[Case]:
    """Functions of one variable as exporters write them: all of each becomes one table."""
    return [
        ("hardshrink_spelt", model(
            [node("Greater", "x half", "a"), node("Less", "x less", "b"),
             node("Cast", "a", "c", to=9), node("Cast", "b", "d", to=9), node("Or", "c d", "e"),
             node("Where", "e x zero", "y")], {"x": IMAGE}, CONSTANTS)),
        ("prelu_spelt", model(
            [node("Greater", "x zero", "a"), node("Mul", "x less", "b"),
             node("Where", "a x b", "y")], {"x": IMAGE}, CONSTANTS)),
        ("masked_spelt", model(
            [node("LessOrEqual", "x less", "a"), node("Not", "a", "b"),
             node("Cast", "b", "c", to=1), node("Mul", "c x", "y")], {"x": IMAGE}, CONSTANTS)),
        ("softplus_spelt", model(
            [node("Greater", "x half", "a"), node("Softplus", "x", "b"),
             node("Where", "a x b", "y")], {"x": IMAGE}, CONSTANTS))]


POINTWISE = [*quotients(), *functions(), *relations(), *several(), *spelt()]
