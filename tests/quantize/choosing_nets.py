"""ONNX models with indices that are data."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.quantize.onnx_nets import ints, model, node, random

TOKENS, WIDTH, STEPS = 7, 4, 6
INT64, FLOAT = TensorProto.INT64, TensorProto.FLOAT


def embedding() -> onnx.ModelProto:
    return model([node("Cast", "x", "i", to=INT64), node("Gather", "t i", "e"),
                  node("Flatten", "e", "f"), node("Gemm", "f w", "y")],
                 {"x": (STEPS,)}, {"t": random("t", TOKENS, WIDTH),
                                   "w": random("w", STEPS * WIDTH, 3)})


def one_hot() -> onnx.ModelProto:
    return model([node("Cast", "x", "i", to=INT64), node("OneHot", "i depth ends", "e"),
                  node("MatMul", "e w", "y")], {"x": (STEPS,)},
                 {"depth": np.array(TOKENS), "ends": np.array([0, 1], np.float32),
                  "w": random("w", TOKENS, 3)})


def largest(axis: int, keepdims: int) -> onnx.ModelProto:
    return model([node("Gemm", "x w", "s"), node("Reshape", "s shape", "m"),
                  node("ArgMax", "m", "a", axis=axis, keepdims=keepdims),
                  node("Cast", "a", "y", to=FLOAT)],
                 {"x": (TOKENS,)}, {"w": random("w", TOKENS, 15), "shape": ints(0, 3, 5)})


def picked(op: str, shape: tuple, **attributes) -> onnx.ModelProto:
    """Each sample's own largest, by its own index."""
    return model([node("Reshape", "x shape", "d"), node("Cast", "i", "j", to=INT64),
                  node(op, "d j", "y", **attributes)],
                 {"x": (int(np.prod(shape)),), "i": (1,)}, {"shape": ints(0, *shape)})


def decoder() -> onnx.ModelProto:
    """h' = tanh(U h + e(token)); the next token is the largest of W h'."""
    inside = helper.make_graph(
        [node("Gather", "t token", "e"), node("MatMul", "h u", "p"), node("Add", "p e", "q"),
         node("Tanh", "q", "new"), node("MatMul", "new w", "s"),
         node("ArgMax", "s", "next", axis=-1, keepdims=0), node("Identity", "next", "out")],
        "step", [helper.make_tensor_value_info("token", INT64, None),
                 *(helper.make_tensor_value_info(n, FLOAT, None) for n in ("h", "clock"))],
        [helper.make_tensor_value_info(n, t, None) for n, t in
         (("next", INT64), ("new", FLOAT), ("out", INT64))])
    return model([
        node("Shape", "x", "batch", start=0, end=1), node("Expand", "two batch", "begun"),
        node("Scan", "begun x clock", "last h_last ys", body=inside, num_scan_inputs=1),
        node("Transpose", "ys", "yt", perm=[1, 0]), node("Cast", "yt", "y", to=FLOAT)],
        {"x": (WIDTH,)}, {
            "two": np.array(2), "clock": np.zeros(STEPS, np.float32),
            "t": random("t", TOKENS, WIDTH), "u": random("u", WIDTH, WIDTH),
            "w": random("w", WIDTH, TOKENS)})


CHOOSING = {"embedding": embedding(), "one_hot": one_hot(), "argmax": largest(-1, 0),
          "argmax_kept": largest(-1, 1), "argmax_inside": largest(1, 0), "greedy": decoder(),
          "elements": picked("GatherElements", (TOKENS,), axis=1),
          "rows": picked("GatherND", (TOKENS, 3), batch_dims=1)}
