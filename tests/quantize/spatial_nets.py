"""ONNX models over space: transposed convolutions, resizing, borders, three axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from tests.quantize.onnx_nets import ints, model, node, random


def one(op: str, shape: tuple, constants: dict[str, Any] | None = None, inputs: str = "",
        opset: int = 21, **attributes) -> onnx.ModelProto:
    """inputs: names behind x, where a "-" is left out; by default the constants'."""
    constants = constants or {}
    return model([node(op, f"x {inputs or ' '.join(constants)}", "y", **attributes)], {"x": shape},
                 constants, opset=opset)


def transposed() -> dict[str, onnx.ModelProto]:
    b, w = {"b": random("b", 3)}, {"w": random("w", 2, 3, 3, 3)}
    groups = {"w": random("w", 4, 3, 4, 2)}
    return {
        "plain": one("ConvTranspose", (2, 4, 5), w | b),
        "stride": one("ConvTranspose", (2, 4, 5), w | b, strides=[2, 3], pads=[1, 0, 0, 2]),
        "more": one("ConvTranspose", (2, 4, 5), w | b, strides=[3, 2], output_padding=[2, 1]),
        "shape": one("ConvTranspose", (2, 4, 5), w | b, strides=[2, 2], output_shape=[8, 10]),
        "upper": one("ConvTranspose", (2, 4, 5), w, strides=[2, 1], auto_pad="SAME_UPPER"),
        "lower": one("ConvTranspose", (2, 4, 5), w, strides=[2, 2], auto_pad="SAME_LOWER"),
        "dilated": one("ConvTranspose", (2, 4, 5), w, strides=[2, 3], dilations=[3, 2],
                       pads=[2, 1, 1, 2]),
        "groups": one("ConvTranspose", (4, 3, 3), groups, strides=[2, 2], group=2),
        "gaps": one("ConvTranspose", (2, 3, 4), {"w": random("w", 2, 3, 1, 2)} | b,
                    strides=[2, 3]),
        "1d": one("ConvTranspose", (2, 7), {"w": random("w", 2, 3, 4)} | b, strides=[2],
                  pads=[1, 1]),
        "3d": one("ConvTranspose", (2, 2, 3, 2), {"w": random("w", 2, 3, 2, 3, 2)} | b,
                  strides=[2, 1, 2]),
        "cropped": one("ConvTranspose", (2, 5, 5), {"w": random("w", 2, 3, 2, 2)}, strides=[1, 2],
                       pads=[2, 3, 1, 4]),
    }


def folded() -> onnx.ModelProto:
    """What stands around a ConvTranspose goes into its weights: a batch normalization, a constant
    for each place, a ReLU."""
    return model(
        [node("Mul", "x two", "d"), node("ConvTranspose", "d w", "c", strides=[2, 2]),
         node("BatchNormalization", "c g b m v", "n"), node("Add", "n places", "a"),
         node("Relu", "a", "r"), node("Conv", "r u", "y", pads=[1, 1, 1, 1])], {"x": (2, 3, 3)},
        {"two": np.float32(2), "w": random("w", 2, 4, 3, 3), "g": random("g", 4),
         "b": random("b", 4), "m": random("m", 4), "v": np.abs(random("v", 4)) + 0.5,
         "places": random("places", 4, 7, 7), "u": random("u", 3, 4, 3, 3)})


def resized() -> dict[str, onnx.ModelProto]:
    image, found = (2, 4, 6), {}
    ways = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    for way in ways:
        for mode in ("nearest", "linear"):
            for name, sizes in (("up", (8, 12)), ("odd", (7, 10)), ("down", (3, 2)),
                                ("one", (1, 9))):
                found[f"{mode}_{way}_{name}"] = one(
                    "Resize", image, {"n": ints(1, 2, *sizes)}, "- - n", mode=mode,
                    coordinate_transformation_mode=way)
    for way in ("round_prefer_ceil", "floor", "ceil"):
        found[f"nearest_{way}"] = one("Resize", image, {"s": np.float32([1, 1, 1.5, 2.5])}, "- s",
                                      nearest_mode=way)
    found |= {
        "axes": one("Resize", image, {"s": np.float32([2, 3])}, "- s", axes=[3, 2]),
        "not_larger": one("Resize", image, {"n": ints(9, 7)}, "- - n", axes=[2, 3], mode="linear",
                          keep_aspect_ratio_policy="not_larger"),
        "symmetric": one("Resize", image, {"s": np.float32([1, 1, 1.3, 2.3])}, "- s", mode="linear",
                         coordinate_transformation_mode="half_pixel_symmetric"),
        "1d": one("Resize", (2, 5), {"s": np.float32([1, 1, 2])}, "- s", mode="linear"),
        "channels": one("Resize", (3, 4), {"s": np.float32([1, 2, 1])}, "- s", mode="linear"),
        "opset_10": one("Resize", image, {"s": np.float32([1, 1, 0.6, 2])}, opset=10),
        "upsample": one("Upsample", image, {"s": np.float32([1, 1, 2, 3])}, opset=9),
        "upsample_8": one("Upsample", image, opset=8, scales=[1.0, 1.0, 2.0, 2.0], mode="nearest"),
        "upsample_linear": one("Upsample", image, {"s": np.float32([1, 1, 2, 2])}, opset=9,
                               mode="linear")}
    return found


def pooled() -> dict[str, onnx.ModelProto]:
    image, three = (2, 7, 6), {"kernel_shape": [3, 3], "strides": [2, 2]}
    ones, cube = [1, 1, 1, 1], (2, 4, 5, 3)
    found = {f"{'in' if counted else 'ex'}cluded_{name}": one(
        "AveragePool", image, opset=19, count_include_pad=counted, **three, **how)
        for counted in (0, 1) for name, how in (
            ("pads", {"pads": ones}), ("uneven", {"pads": [0, 2, 1, 0]}),
            ("ceil", {"pads": ones, "ceil_mode": 1}), ("ceil_alone", {"ceil_mode": 1}),
            ("dilated", {"pads": ones, "dilations": [2, 1]}), ("same", {"auto_pad": "SAME_UPPER"}))}
    return found | {
        "max_dilated": one("MaxPool", image, kernel_shape=[2, 3], dilations=[3, 2], strides=[1, 2],
                           pads=[1, 0, 0, 1]),
        "max_dilated_ceil": one("MaxPool", image, **three, dilations=[2, 1], ceil_mode=1),
        "max_3d": one("MaxPool", cube, kernel_shape=[2, 2, 2], strides=[2, 1, 1],
                      pads=[1, 0, 0, 0, 1, 0]),
        "average_3d": one("AveragePool", cube, kernel_shape=[2, 3, 2], pads=[1, 1, 0, 0, 0, 1]),
        "global_3d": one("GlobalAveragePool", cube), "global_max_3d": one("GlobalMaxPool", cube),
        "then_linear": model([node("AveragePool", "x", "a", pads=ones, **three),
                              node("Mul", "a c", "y")], {"x": image},
                             {"c": random("c", 2, 1, 1)}),
        "dilated_linear": model([node("AveragePool", "x", "a", dilations=[2, 2], **three),
                                 node("Mul", "a c", "y")], {"x": image},
                                {"c": random("c", 2, 1, 1)})}


def others() -> dict[str, onnx.ModelProto]:
    cube, image = (2, 4, 5, 3), (2, 5, 6)
    found = {f"pad_{mode}": one("Pad", image, {"p": ints(0, 1, 2, 0, 0, 0, 1, 3)}, mode=mode)
             for mode in ("reflect", "edge", "wrap")}
    return found | {
        "pad_mixed": one("Pad", image, {"p": ints(-1, 2, 3, -2), "a": ints(2, -1)}, "p - a",
                         mode="reflect"),
        "pad_10": one("Pad", image, opset=10, mode="edge", pads=[0, 0, 0, 2, 0, 0, 1, 0]),
        "conv_3d": one("Conv", cube, {"w": random("w", 3, 2, 2, 3, 2), "b": random("b", 3)},
                       strides=[1, 2, 1], pads=[1, 1, 0, 0, 1, 1]),
        "conv_3d_same": one("Conv", cube, {"w": random("w", 4, 1, 2, 3, 1)}, group=2,
                            auto_pad="SAME_LOWER", strides=[2, 2, 1]),
        **{f"conv_{mode.lower()}_{s}": one("Conv", image, {"w": random("w", 3, 2, 2, 3)},
                                           auto_pad=mode, strides=[s, s])
           for mode in ("SAME_UPPER", "SAME_LOWER") for s in (3, 4)},
        **{f"conv_pointwise_{mode.lower()}_{s}": one(
            "Conv", (2, n, n), {"w": random("w", 3, 2, 1, 1)}, auto_pad=mode, strides=[s, s])
           for mode in ("SAME_UPPER", "SAME_LOWER") for n, s in ((6, 2), (7, 2), (9, 3))},
        "depth_to_space": one("DepthToSpace", (12, 2, 3), blocksize=2),
        "depth_to_space_crd": one("DepthToSpace", (12, 2, 3), blocksize=2, mode="CRD"),
        "space_to_depth": one("SpaceToDepth", (2, 4, 6), blocksize=2),
        "slice_all": one("Slice", image, {"s": ints(0, -1), "e": ints((1 << 63) - 1, -9),
                                          "a": ints(0, 3), "t": ints(1, -2)}),
        "slice_int32": one("Slice", image, {"s": ints(0, 1), "e": ints((1 << 31) - 1, 3),
                                            "a": ints(0, 2)}),
        "dropout_evaluated": one("Dropout", image, {"r": np.float32(0.5), "t": np.array(False)})}


SPATIAL = [(f"{family}_{name}", m) for family, nets in (
    ("transposed", transposed()), ("resize", resized()), ("pool", pooled()), ("space", others()))
    for name, m in nets.items()] + [("transposed_folded", folded())]
