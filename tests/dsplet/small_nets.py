"""Files that commands work on in a moment: a digit net, a reader of lines, a program, a module."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, load, quantize
from dsplet.quantize.qdq import to_qdq
from tests.quantize.onnx_nets import model, node, random

FACTS = {"dsplet.data": "digits", "dsplet.input_scale": "1/256", "dsplet.input_offset": "0",
         "dsplet.model": "small"}
SUM = """\
// the sum of four halfwords
        r1e = data ; r2 = 2 ; r4 = 0
loop:   r3 = *r1++
        nop
        if (r2-- >= 0) goto loop
        r4 = r4 + r3
        r5e = x
        a0 = *r5
halt:   goto halt ; nop
data:   int 1, 20, 300, -1
x:      float -1.5
"""
MODULE = """\
import torch
import train

def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, train.CLASSES))
"""
LINE = "12"
"""What is written on line.png."""


def digit_net(**changes):
    """1x8x8 digits, a convolution, a pooling, a dense layer."""
    constants = {"w": random("w", 4, 1, 3, 3), "b": random("b", 4), "v": random("v", 10, 36)}
    return model([node("Conv", "x w b", "c"), node("Relu", "c", "r"),
                  node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
                  node("Flatten", "p", "f"), node("Gemm", "f v", "y", transB=1)],
                 {"x": (1, 8, 8)}, constants | changes)


def line_net():
    """1x4x12 lines: a column with ink in its upper half is a 1, in its lower half a 2."""
    up, down = (0.5, 0.5, -0.5, -0.5), (-0.5, -0.5, 0.5, 0.5)
    w = np.array([(0, 0, 0, 0), up, down], np.float32).reshape(3, 1, 4, 1)
    return model([node("Conv", "x w b", "c"), node("Reshape", "c s", "r"),
                  node("Transpose", "r", "t", perm=[0, 2, 1]),
                  node("ArgMax", "t", "y", axis=2, keepdims=0)], {"x": (1, 4, 12)},
                 {"w": w, "b": np.array([0.4, 0, 0], np.float32),
                  "s": np.array([0, 3, 12], np.int64)})


def write(folder: Path) -> Path:
    """small.onnx and small.q.onnx of 4 bits, line.q.onnx and line.png, sum.s, nets.py, images.npy.
    """
    rng = np.random.default_rng(0)
    for name, net, shape, facts in (("small", digit_net(), (1, 8, 8), FACTS),
                                    ("line", line_net(), (1, 4, 12), FACTS | {
                                        "dsplet.states": json.dumps(["", *LINE])})):
        (folder / f"{name}.onnx").write_bytes(net.SerializeToString())
        x = rng.uniform(0, 1, (50, *shape)).astype(np.float32)
        recipe = Recipe(4, 4) if name == "small" else load("nearest")
        fixed = quantize(from_onnx.load(folder / f"{name}.onnx"), x, recipe, metadata=facts)
        to_qdq.save(fixed, folder / f"{name}.q.onnx")
    line = np.zeros((4, 12), np.uint8)
    line[:2, 2:4] = line[2:, 7:9] = 255
    Image.fromarray(line).save(folder / "line.png")
    (folder / "sum.s").write_text(SUM)
    (folder / "nets.py").write_text(MODULE)
    (folder / "train.py").write_text("CLASSES = 10\n")
    np.save(folder / "images.npy", rng.integers(0, 256, (3, 8, 8), np.uint8))
    return folder
