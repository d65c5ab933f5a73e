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


def places(axis: int) -> onnx.ModelProto:
    """Known places in no order, some of them twice."""
    return model([node("Reshape", "x shape", "m"), node("Gather", "m places", "y", axis=axis)],
                 {"x": (15,)}, {"shape": ints(0, 3, 5), "places": ints(2, 0, 1, 1)})


def viterbi() -> onnx.ModelProto:
    """s' = max(s[places] + w) + x[t], from a state that is known: what Viterbi's algorithm does."""
    inside = helper.make_graph(
        [node("Gather", "s from", "flat", axis=1), node("Reshape", "flat shape", "ways"),
         node("Add", "ways w", "sums"), node("ReduceMax", "sums last", "best", keepdims=0),
         node("ArgMax", "sums", "way", axis=-1, keepdims=0), node("Add", "best e", "new")],
        "step", [helper.make_tensor_value_info(n, FLOAT, None) for n in ("s", "e")],
        [helper.make_tensor_value_info(n, t, None) for n, t in (("new", FLOAT), ("way", INT64))])
    return model([
        node("Shape", "x", "batch", start=0, end=1), node("Concat", "batch four", "to", axis=0),
        node("Expand", "one to", "begun"), node("Reshape", "x xs", "m"),
        node("Scan", "begun m", "y ways", body=inside, num_scan_inputs=1, scan_input_axes=[1],
             scan_output_axes=[1])],
        {"x": (4 * STEPS,)}, {
            "xs": ints(0, STEPS, 4), "one": random("one", 1, 4), "four": ints(4),
            "w": random("w", 4, 2),
            "from": ints(0, 3, 1, 0, 2, 2, 3, 1), "shape": ints(0, 4, 2), "last": ints(2)})


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


def looked_up(bidirectional: bool) -> onnx.ModelProto:
    """One-hot codes into an LSTM, whose products with them need no multiplication."""
    d, units = 1 + bidirectional, 3
    return model([
        node("Cast", "x", "i", to=INT64), node("Gather", "eye i", "e"),
        node("Transpose", "e", "t", perm=[1, 0, 2]),
        node("LSTM", "t w u b", "ys", hidden_size=units,
             direction="bidirectional" if bidirectional else "forward"),
        node("Transpose", "ys", "s", perm=[2, 0, 1, 3]), node("Flatten", "s", "y")],
        {"x": (STEPS,)}, {"eye": np.eye(TOKENS, dtype=np.float32),
                          "w": random("w", d, 4 * units, TOKENS), "b": random("b", d, 8 * units),
                          "u": random("u", d, 4 * units, units) / 2})


def beside() -> onnx.ModelProto:
    """A row of a table between others in front of a full layer and its ReLU."""
    return model([node("Cast", "i", "j", to=INT64), node("Gather", "t j", "e"),
                  node("Flatten", "e", "f"), node("Concat", "x f x", "c", axis=1),
                  node("Gemm", "c w b", "g"), node("Relu", "g", "y")],
                 {"x": (3,), "i": (1,)}, {"t": random("t", TOKENS, WIDTH),
                                          "w": random("w", 6 + WIDTH, 5), "b": random("b", 5)})


CHOOSING = {"embedding": embedding(), "one_hot": one_hot(), "argmax": largest(-1, 0),
          "argmax_kept": largest(-1, 1), "argmax_inside": largest(1, 0), "greedy": decoder(),
          "lstm": looked_up(False), "lstm_both_ways": looked_up(True), "beside": beside(),
          "places": places(1), "places_behind": places(2), "viterbi": viterbi(),
          "elements": picked("GatherElements", (TOKENS,), axis=1),
          "rows": picked("GatherND", (TOKENS, 3), batch_dims=1)}


def feeds(m: onnx.ModelProto, n: int, seed: int) -> dict[str, np.ndarray]:
    """Tokens where the network reads integers, normal numbers elsewhere."""
    rng, casts = np.random.default_rng(seed), {n.input[0] for n in m.graph.node
                                               if n.op_type == "Cast"}
    found = {}
    for v in m.graph.input:
        shape = (n, *(d.dim_value for d in v.type.tensor_type.shape.dim[1:]))
        found[v.name] = (rng.integers(0, TOKENS, shape) if v.name in casts else
                         rng.normal(size=shape)).astype(np.float32)
    return found
