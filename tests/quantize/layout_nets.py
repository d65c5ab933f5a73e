"""ONNX models about shapes: what only they decide, products, repetitions, batches anywhere."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.quantize.onnx_nets import FLOAT, ints, model, node, random


def shaped(nodes: list, inputs: dict[str, list], constants: dict[str, np.ndarray] | None = None,
           outputs: tuple[str, ...] = ("y",), opset: int = 21, **kwargs) -> onnx.ModelProto:
    """inputs: name -> whole shape; names in it are free axes."""
    m = model(nodes, {}, constants, outputs, opset, **kwargs)
    m.graph.input.extend(helper.make_tensor_value_info(k, FLOAT, s) for k, s in inputs.items())
    return m


def attention(heads: int = 2, length: int = 5, width: int = 6, mask: float = 0.0
              ) -> onnx.ModelProto:
    """As PyTorch writes it: time first, N * heads as one axis, sizes computed from the input. mask:
    what is added where a query may not look."""
    each = width // heads
    scale = np.float32(each ** -0.25)
    return shaped(
        [node("Transpose", "x", "t", perm=[1, 0, 2]), node("Shape", "t", "s"),
         node("Gather", "s one", "n", axis=0), node("Mul", "n heads", "nh"),
         node("Unsqueeze", "nh zero", "nhs"), node("Concat", "len nhs each", "split", axis=0),
         *(n for v in "qkv" for n in (
             node("MatMul", f"t w{v}", v), node("Reshape", f"{v} split", f"{v}s"),
             node("Transpose", f"{v}s", f"{v}h", perm=[1, 0, 2]))),
         node("Mul", "qh scale", "qn"), node("Transpose", "kh", "kt", perm=[0, 2, 1]),
         node("Mul", "kt scale", "kn"), node("MatMul", "qn kn", "fit"),
         node("Add", "fit mask", "f"), node("Softmax", "f", "share", axis=-1),
         node("MatMul", "share vh", "m"), node("Transpose", "m", "mt", perm=[1, 0, 2]),
         node("Reshape", "mt rows", "r"), node("Gemm", "r wo bo", "o", transB=1),
         node("Unsqueeze", "n zero", "ns"), node("Concat", "len ns width", "back", axis=0),
         node("Reshape", "o back", "ot"), node("Transpose", "ot", "od", perm=[1, 0, 2]),
         node("Add", "x od", "y")],
        {"x": ["N", length, width]},
        {"one": np.array(1), "heads": np.array(heads), "zero": ints(0), "len": ints(length),
         "each": ints(each), "rows": ints(-1, width), "width": ints(width), "scale": scale,
         "mask": np.triu(np.full((length, length), mask, np.float32), 1),
         "wo": random("wo", width, width) / 2, "bo": random("bo", width),
         **{f"w{v}": random(f"w{v}", width, width) / 2 for v in "qkv"}})


def products() -> list[tuple[str, onnx.ModelProto]]:
    """Whatever MatMul, Gemm and Einsum multiply."""
    def einsum(equation: str, *shapes: tuple, **constants: np.ndarray) -> onnx.ModelProto:
        names = "abc"[:len(shapes)]
        return model([node("Einsum", " ".join([*names, *constants]), "y", equation=equation)],
                     dict(zip(names, shapes, strict=True)), constants)

    return [
        ("matmul_left", model([node("MatMul", "w x", "y")], {"x": (4, 5)},
                              {"w": random("w", 3, 4)})),
        ("matmul_left_lead", model([node("MatMul", "w x", "y")], {"x": (2, 4, 5)},
                                   {"w": random("w", 3, 4)})),
        ("matmul_vector", model([node("MatMul", "x w", "y")], {"x": (4, 5)},
                                {"w": random("w", 5)})),
        ("matmul_left_vector", model([node("MatMul", "w x", "y")], {"x": (4, 5)},
                                     {"w": random("w", 4)})),
        ("matmul_each_head", model([node("MatMul", "x w", "y")], {"x": (2, 4, 5)},
                                   {"w": random("w", 2, 5, 3)})),
        ("matmul_one_for_all", model([node("MatMul", "x z", "y")],
                                     {"x": (3, 4, 5), "z": (1, 5, 2)})),
        ("matmul_all_by_one", model([node("MatMul", "x z", "y")],
                                    {"x": (1, 4, 5), "z": (3, 5, 2)})),
        ("matmul_five_axes", model([node("MatMul", "x z", "y")],
                                   {"x": (2, 1, 3, 4), "z": (1, 3, 4, 2)})),
        ("gemm_matrix_bias", model([node("Gemm", "x w b", "y", alpha=0.5, beta=2.0)], {"x": (5,)},
                                   {"w": random("w", 5, 3), "b": random("b", 1, 3)})),
        ("gemm_values", model([node("Gemm", "x w z", "y", beta=0.5)], {"x": (5,), "z": (3,)},
                              {"w": random("w", 5, 3)})),
        ("einsum_scores", einsum("bid,bjd->bij", (3, 4), (5, 4))),
        ("einsum_heads", einsum("bhid,bhjd->bhji", (2, 3, 4), (2, 5, 4))),
        ("einsum_weights", einsum("bid,dhk->bhik", (3, 4), w=random("w", 4, 2, 3))),
        ("einsum_left", einsum("bid,de->bei", (3, 4), w=random("w", 4, 2))),
        ("einsum_three", einsum("bi,bij,jk->bk", (3,), (3, 4), w=random("w", 4, 2))),
        ("einsum_outer", einsum("bi,bj->bij", (3,), (4,))),
        ("einsum_transpose", einsum("bij->bji", (3, 4))),
    ]


def shapes() -> list[tuple[str, onnx.ModelProto]]:
    """What moves and repeats numbers, with shapes that depend on the batch or not."""
    size = [node("Shape", "x", "s"), node("Slice", "s zero one", "n")]
    image = {"x": (3, 4, 2)}
    return [
        ("expand", model([node("Expand", "x s", "y")], {"x": (3, 1)}, {"s": ints(1, 3, 4)})),
        ("expand_rank", model([node("Shape", "x", "s"), node("Concat", "s four", "t", axis=0),
                               node("Unsqueeze", "x two", "u"), node("Expand", "u t", "y")],
                              {"x": (3,)}, {"four": ints(4), "two": ints(2)})),
        ("tile", model([node("Tile", "x r", "y")], image, {"r": ints(1, 2, 1, 3)})),
        ("trilu", model([node("Trilu", "x k", "y", upper=0)], {"x": (4, 5)}, {"k": np.array(1)})),
        ("cast_like", model([node("CastLike", "x c", "y")], image, {"c": np.float32(1)})),
        ("reshape_of_sizes", model(
            [*size, node("Concat", "n rest", "t", axis=0), node("Reshape", "x t", "y")], image,
            {"zero": ints(0), "one": ints(1), "rest": ints(4, 6)})),
        ("reshape_zero_is_zero", model([node("Reshape", "x t", "y", allowzero=1)], image,
                                       {"t": ints(-1, 12, 2)})),
        ("flatten_all_and_back", model(
            [node("Flatten", "x", "f", axis=0), node("Reshape", "f t", "y")], image,
            {"t": ints(-1, 24)})),
        ("rows_of_all_samples", model(
            [node("Reshape", "x rows", "r"), node("Gemm", "r w b", "g"), node("Relu", "g", "h"),
             *size, node("Concat", "n rest", "t", axis=0), node("Reshape", "h t", "y")],
            {"x": (4, 5)},
            {"rows": ints(-1, 5), "w": random("w", 5, 3), "b": random("b", 3), "zero": ints(0),
             "one": ints(1), "rest": ints(4, 3)})),
        ("grown_constant", model(
            [*size, node("Concat", "n rest", "t", axis=0), node("Expand", "c t", "e"),
             node("Concat", "e x", "y", axis=1)], {"x": (3, 4)},
            {"zero": ints(0), "one": ints(1), "rest": ints(1, 4), "c": random("c", 1, 1, 4)})),
        ("filled_by_size", model(
            [*size, node("Concat", "n rest", "t", axis=0),
             node("ConstantOfShape", "t", "e", value=numpy_helper.from_array(
                 np.array([0.5], np.float32))), node("Add", "x e", "y")], {"x": (3,)},
            {"zero": ints(0), "one": ints(1), "rest": ints(3)})),
        ("range_of_size", model(
            [node("Shape", "x", "s"), node("Gather", "s one", "n"),
             node("Range", "zero n step", "r"), node("Cast", "r", "f", to=1),
             node("Add", "x f", "y")], {"x": (3,)},
            {"one": np.array(1), "zero": np.array(0), "step": np.array(1)})),
        ("gather_before_batch", model(
            [node("Transpose", "x", "t", perm=[1, 2, 0, 3]), node("Gather", "t i", "g", axis=0),
             node("Transpose", "g", "y", perm=[3, 0, 1, 2, 4])], image,
            {"i": np.array([[2, 0], [1, 1]])})),
        ("gather_one_before_batch", model(
            [node("Transpose", "x", "t", perm=[1, 0, 2, 3]), node("Gather", "t i", "y", axis=0)],
            image, {"i": np.array(-1)})),
        ("split_between", model(
            [node("Transpose", "x", "t", perm=[1, 0, 2]), node("Split", "t", "a b", axis=0,
                                                               num_outputs=2),
             node("Concat", "b a", "c", axis=0), node("Transpose", "c", "y", perm=[1, 0, 2])],
            {"x": (5, 2)})),
        ("ranks_differ", shaped([node("Add", "x g", "y")], {"x": ["N", 3, 4], "g": ["N", 1, 4]})),
        ("heads", attention()),
        ("heads_masked", attention(mask=-1e9)),
        ("heads_shut", attention(mask=-np.inf)),
        ("attention_op", model(
            [node("Attention", "q k v mask", "y", q_num_heads=4, kv_num_heads=2, is_causal=1)],
            {"q": (3, 8), "k": (5, 4), "v": (5, 6)}, {"mask": random("mask", 3, 5)}, opset=23)),
        ("multi_head_attention", _microsoft(
            [helper.make_node("MultiHeadAttention", ["q", "k", "v", "b"], ["y"], num_heads=2,
                              domain="com.microsoft", name="mha")],
            {"q": (3, 8), "k": (5, 8), "v": (5, 8)}, {"b": random("b", 24)})),
    ]


def _microsoft(*args) -> onnx.ModelProto:
    m = model(*args)
    m.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return m


FIRST = [*products(), *shapes()]
"""Models whose inputs and outputs have the batch in front."""


def recurrent_state(op: str = "GRU", units: int = 4) -> onnx.ModelProto:
    """A layer from (N, 5, 3), its states (1, N, units) in and out."""
    rows = {"RNN": 1, "GRU": 3, "LSTM": 4}[op] * units
    states = ["h", "c"][:2 if op == "LSTM" else 1]
    outs = " ".join(f"{s}_out" for s in states)
    return shaped(
        [node("Transpose", "x", "t", perm=[1, 0, 2]),
         node(op, " ".join(["t w u b -", *states]), f"ys {outs}", hidden_size=units),
         node("Squeeze", "ys one", "s"), node("Transpose", "s", "y", perm=[1, 0, 2])],
        {"x": ["batch", 5, 3], **{s: [1, "batch", units] for s in states}},
        {"w": random("w", 1, rows, 3) / 2, "u": random("u", 1, rows, units) / 2,
         "b": random("b", 1, 2 * rows) / 2, "one": ints(1)}, ("y", *outs.split()))


def moved() -> dict[str, tuple[onnx.ModelProto, dict[str, int | None], dict[str, int | None]]]:
    """Models with the axes of the batch of their inputs and outputs; None: there is none."""
    weights = {"w": random("w", 3, 4), "b": random("b", 4)}
    return {
        "time_first": (shaped(
            [node("MatMul", "x w", "m"), node("Add", "m b", "a"), node("Relu", "a", "y")],
            {"x": [5, "N", 3]}, weights), {"x": 1}, {"y": 1}),
        "time_first_fixed": (shaped(
            [node("RNN", "x w u", "ys", hidden_size=4), node("Squeeze", "ys one", "y")],
            {"x": [5, 1, 3]}, {"w": random("w", 1, 4, 3), "u": random("u", 1, 4, 4) / 2,
                               "one": ints(1)}), {"x": 1}, {"y": 1}),
        "gru_states": (recurrent_state(), {"x": 0, "h": 1}, {"y": 0, "h_out": 1}),
        "lstm_states": (recurrent_state("LSTM"), {"x": 0, "h": 1, "c": 1},
                        {"y": 0, "h_out": 1, "c_out": 1}),
        "batch_of_four": (shaped([node("Gemm", "x w b", "a"), node("Reshape", "a s", "y")],
                                 {"x": [4, 3]}, weights | {"s": ints(4, 2, 2)}),
                          {"x": 0}, {"y": 0}),
        "one_sample": (shaped(
            [node("Reshape", "x s", "r"), node("Gemm", "r w b", "a"),
             node("Softmax", "a", "y", axis=0)], {"x": [1, 2, 3]}, weights | {"s": ints(2, 3)}),
            {"x": 0}, {"y": None}),
        "one_number_each": (shaped([node("Unsqueeze", "g one", "u"), node("Mul", "x u", "y")],
                                   {"x": ["N", 3], "g": ["N"]}, {"one": ints(1)}),
                            {"x": 0, "g": 0}, {"y": 0}),
        "same_for_all": (shaped([node("Mul", "x g", "m"), node("Sub", "m g", "y")],
                                {"x": ["N", 2, 3], "g": [3]}), {"x": 0, "g": None}, {"y": 0}),
    }


def hollow() -> dict[str, onnx.ModelProto]:
    """Files in odd but legal states, all of y = relu(x w + b)."""
    nodes = [node("MatMul", "x w", "m"), node("Add", "m b", "a"), node("Relu", "a", "y")]
    inputs, weights = {"x": (3,)}, {"w": random("w", 3, 4), "b": random("b", 4)}
    found = {"dead_branch": model([*nodes, node("Det", "x", "d"), node("Hardmax", "d", "e")],
                                  inputs, weights),
             "unsorted": model(nodes[::-1], inputs, weights),
             "listed": model(nodes, inputs, weights)}
    found["listed"].graph.input.extend(
        helper.make_tensor_value_info(k, FLOAT, a.shape) for k, a in weights.items())
    names = {"x": "in put/0", "m": "m:0", "a": "größe", "y": "out/1 é"}
    renamed = model([node(n.op_type, "x", "y") for n in nodes], {"in put/0": (3,)}, weights,
                    ("out/1 é",))
    for new, old in zip(renamed.graph.node, nodes, strict=True):
        new.name = ""
        new.input[:] = [names.get(i, i) for i in old.input]
        new.output[:] = [names.get(o, o) for o in old.output]
    found["odd_names"] = renamed
    found["if"] = model(
        [node("MatMul", "x w", "m"), helper.make_node(
            "If", ["yes"], ["a"], name="if", then_branch=_branch("Add"),
            else_branch=_branch("Sub")), nodes[-1]], inputs, weights | {"yes": np.array(True)})
    function = helper.make_function(
        "mine", "Layer", ["x", "w", "b"], ["y"], nodes, [helper.make_opsetid("", 21)])
    found["function"] = model([helper.make_node("Layer", ["x", "w", "b"], ["y"], domain="mine")],
                              inputs, weights, functions=[function])
    found["function"].opset_import.append(helper.make_opsetid("mine", 1))
    constants = [helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(
        weights["w"])), helper.make_node("Constant", [], ["b"], value_floats=weights["b"])]
    found["constant_nodes"] = model([*constants, *nodes], inputs)
    for opset in (6, 7, 8, 28):
        found[f"opset_{opset}"] = model(nodes, inputs, weights, opset=opset)
    return found


def _branch(op: str) -> onnx.GraphProto:
    return helper.make_graph([node(op, "m b", "inner")], op.lower(), [],
                             [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)])
