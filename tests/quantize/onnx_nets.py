"""ONNX models for the tests: single ops in every spelling, and a few whole networks."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.node import ModelError

FLOAT = TensorProto.FLOAT


def random(name: str, *shape: int) -> np.ndarray:
    """Normal float32 numbers; the same name gives the same."""
    return np.random.default_rng(zlib.crc32(name.encode())).normal(size=shape).astype(np.float32)


def node(op: str, inputs: str, output: str, **attributes) -> onnx.NodeProto:
    """inputs, output: names separated by spaces; "-" is an input that is left out."""
    names = ["" if i == "-" else i for i in inputs.split()]
    return helper.make_node(op, names, output.split(), name=f"{op}_{output.split()[0]}",
                            **attributes)


def model(nodes: list, inputs: dict[str, tuple], constants: dict[str, np.ndarray] | None = None,
          outputs: tuple[str, ...] = ("y",), opset: int = 21, **kwargs) -> onnx.ModelProto:
    """inputs: name -> shape without the batch axis, which is free."""
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info(k, FLOAT, ["N", *s])
                       for k, s in inputs.items()],
        [onnx.ValueInfoProto(name=o) for o in outputs],
        [numpy_helper.from_array(np.asarray(a), k) for k, a in (constants or {}).items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9,
                             **kwargs)


def session(m: onnx.ModelProto, level: int = 99) -> ort.InferenceSession:
    """level: of graph optimisation, 0 or 99."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel(level)
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(m.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(m: onnx.ModelProto, feeds: dict[str, np.ndarray], level: int = 99) -> list[np.ndarray]:
    return session(m, level).run(None, feeds)


def saved(m: onnx.ModelProto | bytes, folder: Path, name: str = "net.onnx") -> Path:
    """The file that it was written to."""
    path = folder / name
    path.write_bytes(m if isinstance(m, bytes) else m.SerializeToString())
    return path


def refusal(m: onnx.ModelProto | bytes, folder: Path) -> str:
    """What is said of it when it is read, with the file's name."""
    with pytest.raises(ModelError) as e:
        from_onnx.load(saved(m, folder))
    assert str(folder) in str(e.value)
    return str(e.value)


def run_each(m: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """The first output, sample by sample: where a network's sizes are those of one."""
    once, count = session(m), len(next(iter(feeds.values())))
    return np.concatenate([once.run(None, {k: x[i:i + 1] for k, x in feeds.items()})[0]
                           for i in range(count)])


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


# --- one op each, in the spellings of several opsets -------------------------------------------

def _single(name: str, op: str, shape: tuple, constants: dict | None = None, opset: int = 21,
            output: str = "y", **attributes) -> tuple[str, onnx.ModelProto]:
    constants = constants or {}
    return name, model([node(op, " ".join(["x", *constants]), output, **attributes)],
                       {"x": shape}, {k: v for k, v in constants.items() if k != "-"},
                       tuple(output.split()[:1]), opset)


def single_ops() -> list[tuple[str, onnx.ModelProto]]:
    image, w = (3, 9, 8), {"w": random("w", 4, 3, 3, 3)}
    found = [
        _single("conv", "Conv", image, w | {"b": random("b", 4)}),
        *(_single(f"conv_{mode.lower()}_{s}", "Conv", image, w, auto_pad=mode, strides=[s, s])
          for mode in ("SAME_UPPER", "SAME_LOWER", "VALID") for s in (1, 2)),
        _single("conv_pads", "Conv", image, w, pads=[1, 0, 2, 1], strides=[2, 1]),
        _single("conv_dilated", "Conv", image, w, dilations=[2, 3]),
        _single("conv_groups", "Conv", (4, 6, 6), {"w": random("w", 6, 2, 3, 3)}, group=2),
        _single("conv_1d", "Conv", (3, 11), {"w": random("w", 4, 3, 5)}, pads=[2, 2]),
        _single("gemm", "Gemm", (6,), {"w": random("w", 6, 4), "b": random("b", 4)}, alpha=0.5,
                beta=2.0),
        _single("gemm_transposed", "Gemm", (6,), {"w": random("w", 4, 6), "b": random("b", 1)},
                transB=1),
        _single("gemm_no_bias", "Gemm", (6,), {"w": random("w", 6, 4)}),
        _single("matmul", "MatMul", (6,), {"w": random("w", 6, 4)}),
        _single("matmul_lead", "MatMul", (5, 6), {"w": random("w", 6, 4)}),
        _single("batch_norm", "BatchNormalization", image, {
            "g": random("g", 3), "b": random("b", 3), "m": random("m", 3),
            "v": np.abs(random("v", 3))}, epsilon=1e-3),
        _single("max_pool", "MaxPool", image, kernel_shape=[2, 3], strides=[2, 1]),
        _single("max_pool_pads", "MaxPool", image, kernel_shape=[3, 3], pads=[1, 1, 1, 1],
                strides=[2, 2]),
        _single("max_pool_ceil", "MaxPool", image, kernel_shape=[2, 3], strides=[2, 3],
                ceil_mode=1),
        _single("max_pool_same", "MaxPool", image, kernel_shape=[3, 3], auto_pad="SAME_LOWER",
                strides=[2, 2]),
        _single("average_pool", "AveragePool", image, kernel_shape=[3, 2]),
        _single("average_pool_pads", "AveragePool", image, kernel_shape=[3, 3],
                pads=[1, 1, 1, 1], count_include_pad=1),
        _single("global_average", "GlobalAveragePool", image),
        _single("global_max", "GlobalMaxPool", image),
        _single("mean_13", "ReduceMean", image, opset=13, axes=[2, 3], keepdims=0),
        _single("mean_18", "ReduceMean", image, {"a": ints(-1, -2)}),
        _single("mean_channels", "ReduceMean", image, {"a": ints(1)}, keepdims=0),
        _single("max_axis", "ReduceMax", (4, 5), {"a": ints(1)}, keepdims=0),
        _single("log_sum_exp", "ReduceLogSumExp", (4, 5, 3), {"a": ints(3)}, keepdims=0),
        _single("log_sum_exp_kept", "ReduceLogSumExp", (4, 5), {"a": ints(1)}, keepdims=1),
        _single("clip_6", "Clip", image, opset=8, min=-0.5, max=0.25),
        _single("clip_13", "Clip", image, {"a": np.float32(-0.5), "b": np.float32(0.25)}),
        _single("clip_upper", "Clip", image, {"-": None, "b": np.float32(0.25)}),
        _single("dropout", "Dropout", image, opset=10, ratio=0.5),
        _single("dropout_22", "Dropout", image, {"r": np.float32(0.5)}, opset=22),
        _single("identity", "Identity", image),
        _single("cast", "Cast", image, to=1),
        _single("flatten", "Flatten", image),
        _single("flatten_last", "Flatten", (1, 7), axis=2),
        _single("reshape", "Reshape", image, {"s": ints(0, -1, 9)}),
        _single("squeeze_11", "Squeeze", (1, 5, 1), opset=11, axes=[1, 3]),
        _single("squeeze_13", "Squeeze", (1, 5, 1), {"a": ints(-1)}),
        _single("unsqueeze_11", "Unsqueeze", (5,), opset=11, axes=[1, 3]),
        _single("unsqueeze_13", "Unsqueeze", (5,), {"a": ints(-1, 1)}),
        _single("transpose", "Transpose", image, perm=[0, 2, 3, 1]),
        _single("slice_9", "Slice", image, opset=9, starts=[1, -3], ends=[3, 1000], axes=[1, 2]),
        _single("slice_13", "Slice", image, {"s": ints(-1, 1), "e": ints(-1000, -1),
                                             "a": ints(2, 3), "t": ints(-2, 2)}),
        _single("split_11", "Split", (6, 4), opset=11, output="y z", axis=1, split=[2, 4]),
        _single("split_13", "Split", (6, 4), {"n": ints(1, 5)}, output="y z", axis=1),
        _single("split_18", "Split", (5, 4), output="y z", axis=1, num_outputs=2),
        _single("gather", "Gather", image, {"i": np.array(-1)}, axis=2),
        _single("gather_range", "Gather", image, {"i": ints(6, 4, 2)}, axis=2),
        _single("pad_10", "Pad", image, opset=10, pads=[0, 0, 1, 2, 0, 1, 0, 2], value=0.5),
        _single("pad_13", "Pad", image, {"p": ints(0, 0, 1, 2, 0, 1, 0, 2), "v": np.float32(-1)},
                opset=13),
        _single("pad_18", "Pad", image, {"p": ints(2, -1, 0, 1), "v": np.float32(1),
                                         "a": ints(3, -2)}),
        _single("softmax_11", "Softmax", (3, 4), opset=11, axis=1),
        _single("softmax_13", "Softmax", (3, 4), axis=1),
        _single("log_softmax", "LogSoftmax", (10,)),
        _single("leaky_prelu", "PRelu", image, {"s": random("s", 1)}),
        _single("min", "Min", image, {"c": np.float32(0.5)}),
        _single("max", "Max", image, {"c": np.float32(-0.25)}),
        _single("pow", "Pow", image, {"c": np.float32(2)}),
    ]
    for op in ("Relu", "Neg", "Abs", "Atan", "Celu", "Cos", "Elu", "Erf", "Exp", "Gelu",
               "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "Selu", "Sigmoid", "Sin",
               "Softplus", "Softsign", "Tanh", "ThresholdedRelu"):
        found.append(_single(op.lower(), op, image))
    found.append(_single("gelu_tanh", "Gelu", image, approximate="tanh"))
    for op in ("Sqrt", "Log", "Reciprocal"):  # of 0.5 + x * x
        found.append((op.lower(), model(
            [node("Mul", "x x", "a"), node("Add", "a half", "b"), node(op, "b", "y")],
            {"x": image}, {"half": np.float32(0.5)})))
    found.append(("max_of_two", model([node("Neg", "x", "a"), node("Max", "x a", "y")],
                                      {"x": image})))
    for op in ("Add", "Sub", "Mul", "Div"):
        for kind, shape in (("scalar", ()), ("channel", (3, 1, 1)), ("batched", (1, 3, 1, 1)),
                            ("unit", (3, 9, 8)), ("row", (8,))):
            for inputs in ("x c", "c x") if op != "Div" else ("x c",):
                found.append((f"{op.lower()}_{kind}_{inputs[0]}", model(
                    [node(op, inputs, "y")], {"x": image}, {"c": random("c", *shape) + 3})))
        if op != "Div":
            found.append((f"{op.lower()}_values", model([node(op, "x z", "y")],
                                                        {"x": image, "z": (3, 1, 8)})))
    found.append(("div_reciprocal", model(
        [node("Mul", "x x", "a"), node("Add", "a c", "b"), node("Div", "c b", "y")],
        {"x": image}, {"c": np.float32(3)})))
    found.append(("add_grows", model([node("Add", "x c", "y")], {"x": (1, 4)},
                                     {"c": random("c", 3, 4)})))
    found.append(("matmul_values", model([node("MatMul", "x z", "y")],
                                         {"x": (2, 3, 4), "z": (2, 4, 5)})))
    found.append(("concat", model([node("Concat", "x z", "y", axis=-1)],
                                  {"x": (3, 4), "z": (3, 2)})))
    found.append(("concat_constant", model([node("Concat", "x c", "y", axis=1)], {"x": (3, 4)},
                                           {"c": random("c", 1, 2, 4)})))
    found.append(("shape_arithmetic", model(
        [node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n axis", "m"),
         node("Concat", "m minus", "t", axis=0), node("Reshape", "x t", "y")], {"x": image},
        {"zero": np.array(0), "axis": ints(0), "minus": ints(-1)})))
    return found


# --- whole networks -----------------------------------------------------------------------------

def relu_net() -> onnx.ModelProto:
    """Conv and BatchNormalization, MaxPool before ReLU, a residual Add, ReLU6, two full layers."""
    return model(
        [node("Conv", "x w1 b1", "c1", pads=[1, 1, 1, 1]),
         node("BatchNormalization", "c1 g b m v", "n1"),
         node("MaxPool", "n1", "p1", kernel_shape=[2, 2], strides=[2, 2]),
         node("Relu", "p1", "r1"),
         node("Conv", "r1 w2", "c2", auto_pad="SAME_UPPER"), node("Add", "c2 r1", "a2"),
         node("Clip", "a2 zero six", "r2"), node("AveragePool", "r2", "p2", kernel_shape=[2, 2],
                                                 strides=[2, 2]),
         node("Flatten", "p2", "f"), node("MatMul", "f w3", "m3"), node("Add", "m3 b3", "a3"),
         node("Relu", "a3", "r3"), node("Dropout", "r3", "d3"),
         node("Gemm", "d3 w4 b4", "y", transB=1)],
        {"x": (1, 12, 12)},
        {"w1": random("w1", 6, 1, 3, 3), "b1": random("b1", 6), "g": random("g", 6),
         "b": random("b", 6), "m": random("m", 6), "v": np.abs(random("v", 6)) + 0.5,
         "w2": random("w2", 6, 6, 3, 3) / 5, "zero": np.float32(0), "six": np.float32(6),
         "w3": random("w3", 54, 20) / 7, "b3": random("b3", 1, 20), "w4": random("w4", 10, 20) / 4,
         "b4": random("b4", 10)}, opset=17)


def tanh_net() -> onnx.ModelProto:
    """Scaled tanh, shared weights with a bias for each unit behind a Concat, trainable averages."""
    return model(
        [node("Pad", "x pads minus", "p"), node("Conv", "p w1", "c1", strides=[2, 2]),
         node("Add", "c1 b1", "a1"), node("Mul", "a1 slope", "s1"), node("Tanh", "s1", "t1"),
         node("Mul", "t1 gain", "h1"),
         node("Split", "h1", "u v", axis=1, num_outputs=2),
         node("Conv", "u w2", "c2"), node("Conv", "v w3", "c3"),
         node("Concat", "c2 c3", "k", axis=1), node("Add", "k b2", "a2"),
         node("Tanh", "a2", "h2"),
         node("AveragePool", "h2", "q", kernel_shape=[2, 2], strides=[2, 2]),
         node("Mul", "q g3", "q1"), node("Add", "q1 b3", "q2"), node("Sigmoid", "q2", "h3"),
         node("Reshape", "h3 flat", "f"), node("Gemm", "f w4 b4", "l"),
         node("LogSoftmax", "l", "y")],
        {"x": (1, 12, 12)},
        {"pads": ints(0, 0, 2, 2, 0, 0, 2, 2), "minus": np.float32(-1),
         "w1": random("w1", 8, 1, 5, 5) / 4, "b1": random("b1", 8, 6, 6) / 4,
         "slope": np.float32(2 / 3), "gain": np.float32(1.7159),
         "w2": random("w2", 3, 4, 3, 3) / 5, "w3": random("w3", 3, 4, 3, 3) / 5,
         "b2": random("b2", 6, 4, 4) / 4, "g3": random("g3", 6, 1, 1), "b3": random("b3", 6, 1, 1),
         "flat": ints(-1, 24), "w4": random("w4", 24, 5), "b4": random("b4", 5)})


def trees_net() -> onnx.ModelProto:
    """Functions with several branches of one variable (SiLU, GELU), a clamp in a chain, two
    outputs."""
    return model(
        [node("Gemm", "x w b", "a"), node("Sigmoid", "a", "s"), node("Mul", "a s", "silu"),
         node("Gemm", "silu w b", "c"),
         node("Div", "c root2", "d"), node("Erf", "d", "e"), node("Add", "e one", "g"),
         node("Mul", "c g", "h"), node("Mul", "h half", "gelu"),
         node("Relu", "gelu", "r"), node("Sqrt", "r", "y"),
         node("Softmax", "gelu", "z")],
        {"x": (8,)}, {"w": random("w", 8, 8) / 3, "b": random("b", 8),
                      "root2": np.float32(np.sqrt(2)), "one": np.float32(1),
                      "half": np.float32(0.5)}, outputs=("y", "z"))


NETS = {"relu": relu_net, "tanh": tanh_net, "trees": trees_net}


def inputs(m: onnx.ModelProto, n: int, name: str = "inputs") -> dict[str, np.ndarray]:
    """n random samples for each input of the model, in about [-1, 1]."""
    known = {t.name for t in m.graph.initializer}
    return {v.name: np.clip(random(f"{name}.{v.name}", n, *(d.dim_value for d in
                                                            v.type.tensor_type.shape.dim[1:])) / 2,
                            -1, 1)
            for v in m.graph.input if v.name not in known}
