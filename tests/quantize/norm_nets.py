"""ONNX models of normalisations, reductions, places and running sums, in their spellings."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from tests.quantize.onnx_nets import FLOAT, ints, model, node, random
from tests.quantize.onnx_nets import _single as single

IMAGE, LINES, VOLUME = (4, 5, 6), (4, 7), (4, 3, 2, 3)
Case = tuple[str, onnx.ModelProto]


def _positive(op: str, shape: tuple, constants: dict | None = None, **attributes
              ) -> onnx.ModelProto:
    """The op of 0.5 + x * x."""
    constants = constants or {}
    return model([node("Mul", "x x", "a"), node("Add", "a half", "b"),
                  node(op, " ".join(["b", *constants]), "y", **attributes)],
                 {"x": shape}, {"half": np.float32(0.5)} | constants)


def _gain(*shape: int) -> dict[str, np.ndarray]:
    return {"g": 1 + random("g", *shape) / 4, "b": random("b", *shape) / 2}


def _microsoft(op: str, inputs: str, constants: dict, outputs: str = "y") -> onnx.ModelProto:
    n = node(op, inputs, outputs, epsilon=1e-5)
    n.domain = "com.microsoft"
    m = model([n], {i: (5, 8) for i in inputs.split()[:2] if i in "xz"}, constants)
    m.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return m


def normalizations() -> list[Case]:
    one = {"g": _gain(6)["g"]}
    spelt = [node("Mul", "x x", "a"), node("ReduceMean", "a last", "m"),
             node("Add", "m small", "v"), node("Sqrt", "v", "s"), node("Reciprocal", "s", "f"),
             node("Mul", "x f", "u"), node("Mul", "u g", "y")]
    standard = [node("ReduceMean", "x last", "m"), node("Sub", "x m", "d"),
                node("Pow", "d two", "e"), node("ReduceMean", "e last", "v"),
                node("Sqrt", "v", "s"), node("Add", "s small", "t"), node("Div", "d t", "y")]
    facts = {"last": ints(-1), "small": np.float32(1e-4), "two": np.float32(2)}
    groups = [node("Reshape", "x groups", "r"), node("InstanceNormalization", "r one none", "n"),
              node("Reshape", "n whole", "m"), node("Mul", "m g", "s"), node("Add", "s b", "y")]
    return [
        single("layer_norm", "LayerNormalization", IMAGE, _gain(6)),
        single("layer_norm_bare", "LayerNormalization", (8,), {"g": one["g"].repeat(2)[:8]}),
        single("layer_norm_axes", "LayerNormalization", IMAGE, _gain(5, 6), axis=2, epsilon=1e-3),
        single("layer_norm_whole", "LayerNormalization", IMAGE, _gain(*IMAGE), axis=-3),
        ("layer_norm_and_gemm", model(
            [node("LayerNormalization", "x g b", "n"), node("MatMul", "n w", "u"),
             node("MatMul", "n v", "z"), node("Mul", "u z", "y")], {"x": (5, 8)},
            _gain(8) | {"w": random("w", 8, 3), "v": random("v", 8, 3)})),
        single("instance_norm", "InstanceNormalization", IMAGE, _gain(4)),
        single("instance_norm_1d", "InstanceNormalization", LINES, _gain(4), epsilon=1e-2),
        single("instance_norm_3d", "InstanceNormalization", VOLUME, _gain(4)),
        single("group_norm_18", "GroupNormalization", IMAGE, _gain(2), opset=18, num_groups=2),
        single("group_norm_21", "GroupNormalization", IMAGE, _gain(4), num_groups=2),
        ("group_norm_torch", model(groups, {"x": IMAGE}, {
            "groups": ints(0, 2, -1), "one": np.ones(2, np.float32),
            "none": np.zeros(2, np.float32), "whole": ints(0, *IMAGE),
            **{k: v.reshape(4, 1, 1) for k, v in _gain(4).items()}})),
        ("rms_norm_spelt", model(spelt, {"x": IMAGE}, facts | one)),
        ("standardise_spelt", model(standard, {"x": IMAGE}, facts)),
        single("rms_norm", "RMSNormalization", IMAGE, one, opset=23),
        single("rms_norm_simplified", "SimplifiedLayerNormalization", IMAGE, one, opset=17),
        ("skip_norm", _microsoft("SkipLayerNormalization", "x z g b c",
                                 _gain(8) | {"c": random("c", 8)})),
        ("skip_rms_norm", _microsoft("SkipSimplifiedLayerNormalization", "x z g",
                                     {"g": _gain(8)["g"]}, "y m f s")),
        single("lp_norm_1", "LpNormalization", IMAGE, p=1, axis=2),
        single("lp_norm_2", "LpNormalization", IMAGE),
        single("mean_variance", "MeanVarianceNormalization", IMAGE, axes=[2, 3]),
        single("mean_variance_channels", "MeanVarianceNormalization", IMAGE, axes=[-3]),
        single("lrn", "LRN", (6, 4, 5), size=3, alpha=0.5, beta=0.6, bias=1.5),
        single("lrn_wide", "LRN", (*LINES, 2), size=7),
        *(single(f"batch_norm_{len(shape)}d", "BatchNormalization", shape, _gain(4) | {
            "m": random("m", 4), "v": np.abs(random("v", 4)) + 0.25})
          for shape in ((4,), LINES, VOLUME))]


def reductions() -> list[Case]:
    found = []
    for op in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp"):
        several = ints(-1) if op == "Prod" else ints(-1, 2)
        found += [single(f"reduce_{op.lower()}", f"Reduce{op}", IMAGE, {"a": several}),
                  single(f"reduce_{op.lower()}_first", f"Reduce{op}", IMAGE, {"a": ints(1)},
                         keepdims=0),
                  single(f"reduce_{op.lower()}_all", f"Reduce{op}", (5,), {"a": ints(1)},
                         keepdims=0)]
    attribute = {"Sum": 11, "Mean": 13, "Max": 13, "Min": 17, "Prod": 11, "L1": 17, "L2": 13,
                 "SumSquare": 11}
    found += [single(f"reduce_{op.lower()}_{opset}", f"Reduce{op}", IMAGE, opset=opset,
                     axes=[-2] if op == "Prod" else [-2, 1]) for op, opset in attribute.items()]
    none = {"a": np.zeros(0, np.int64)}
    found += [single(f"reduce_{op.lower()}_nothing", f"Reduce{op}", IMAGE, none,
                     noop_with_empty_axes=1) for op in ("Sum", "Mean", "Max", "Min", "Prod")]
    found += [("reduce_log_sum", _positive("ReduceLogSum", IMAGE, {"axes": ints(2, 3)})),
              ("reduce_log_sum_kept", _positive("ReduceLogSum", IMAGE, {"axes": ints(-3)},
                                                keepdims=0)),
              ("reduce_time_first", model(
                  [node("Transpose", "x", "t", perm=[1, 0, 2]),
                   node("ReduceSum", "t zero", "y", keepdims=0)], {"x": (5, 3)},
                  {"zero": ints(0)}))]
    found += [single(f"global_{op.lower()}_{len(shape)}d", f"Global{op}Pool", shape)
              for op in ("Average", "Max", "Lp") for shape in (LINES, IMAGE, VOLUME)]
    found += [single(f"global_lp_{p}", "GlobalLpPool", IMAGE, p=p) for p in (1, 3)]
    found += [single(f"lp_pool_{p}", "LpPool", IMAGE, p=p, kernel_shape=[2, 3], pads=[1, 0, 0, 1],
                     strides=[2, 1]) for p in (1, 2, 3)]
    found += [single("lp_pool_3d", "LpPool", VOLUME, kernel_shape=[2, 2, 2], pads=[0, 0, 1] * 2),
              single("lp_pool_dilated", "LpPool", IMAGE, kernel_shape=[2, 3], dilations=[3, 2],
                     pads=[0, 0, 0, 2])]
    return [*found, single("lp_pool_same", "LpPool", LINES, kernel_shape=[3], strides=[2],
                           auto_pad="SAME_UPPER")]


def places() -> list[Case]:
    found = []
    for op in ("ArgMax", "ArgMin"):
        for name, attributes in (("first", {"axis": 1}), ("gone", {"axis": -2, "keepdims": 0}),
                                 ("last", {"axis": 2, "select_last_index": 1}),
                                 ("last_gone", {"select_last_index": 1, "axis": 3,
                                                "keepdims": 0})):
            found.append((f"{op.lower()}_{name}", model(
                [node("Relu", "x", "r"), node(op, "r", "i", **attributes),
                 node("Cast", "i", "y", to=FLOAT)], {"x": IMAGE})))
    one = {"k": ints(1)}
    for largest in (0, 1):
        found += [single(f"top_{largest}", "TopK", IMAGE, one, output="y i", largest=largest),
                  (f"top_place_{largest}", model(
                      [node("TopK", "x k", "v i", axis=1, largest=largest),
                       node("Cast", "i", "y", to=FLOAT)], {"x": IMAGE}, one))]
    found += [single(f"hardmax_{opset}", "Hardmax", IMAGE, opset=opset, axis=axis)
              for opset, axis in ((11, 2), (13, 1), (21, -1))]
    found += [single(f"softmax_{opset}_{axis}", "Softmax", IMAGE, opset=opset, axis=axis)
              for opset, axis in ((9, 1), (11, -2), (13, -2), (21, 1))]
    found += [single(f"log_softmax_{opset}_{axis}", "LogSoftmax", IMAGE, opset=opset, axis=axis)
              for opset, axis in ((11, 2), (13, 1))]
    return found + [single(f"cumsum_{e}{r}", "CumSum", IMAGE, {"a": np.array(axis)}, exclusive=e,
                           reverse=r)
                    for e, r, axis in ((0, 0, 1), (1, 0, -1), (0, 1, -2), (1, 1, 2))]


NORMS = [*normalizations(), *reductions(), *places()]
