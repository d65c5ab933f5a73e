"""Small graphs for every op, and a few whole networks, that any execution can be held to.
`CASES` is a list of pytest parameters, each one graph; `tests.quantize.fixed.samples` gives their
inputs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.ops.binary import Add, Max, Min, Mul, Sub
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.logsumexp import LogSumExp
from dsplet.quantize.fixed.ops.matmul import MatMul
from dsplet.quantize.fixed.ops.movement import Concat, Pad, Reshape, Slice, Transpose
from dsplet.quantize.fixed.ops.pool import AveragePool, MaxPool
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.softmax import LogSoftmax, Softmax
from dsplet.quantize.fixed.ops.sum_pool import SumPool
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.fixed.qformat import QFormat
from tests.quantize.fixed.choices import CHOICES
from tests.quantize.fixed.loops import LOOPS
from tests.quantize.fixed.pointwise import POINTWISE
from tests.quantize.fixed.spatial import SPATIAL
from tests.quantize.fixed.words import Q5, Q15, U8, conv, gemm, graph, random, value, weight

# --- one op each -----------------------------------------------------------------------------

def convolutions():
    x = value("x", 3, 6, 7)
    yield graph("conv", conv("c", x, weight("w", 4, 3, 3, 3)))
    yield graph("conv_stride", conv("c", x, weight("w", 4, 3, 3, 2), strides=(2, 3)))
    yield graph("conv_dilation", conv("c", x, weight("w", 2, 3, 2, 3), dilations=(3, 2)))
    first, last, ends = value("first", 1, 6, 7), value("last", 1, 6, 7), value("ends", 2, 6, 7)
    parts = (Slice("s0", (x,), first, (0, 0, 0), (1, 1, 1)),
             Slice("s1", (x,), last, (2, 0, 0), (1, 1, 1)))
    yield graph("conv_of_slices", *parts, Concat("cat", (first, last), ends, 0),
                conv("c", ends, weight("w", 4, 2, 3, 3), "y"),
                conv("d", ends, weight("w", 2, 2, 2, 2), "z"))
    yield graph("conv_of_several", *parts, replace(
        conv("c", ends, weight("w", 4, 2, 3, 3)), inputs=(first, last)))
    yield graph("conv_pointwise", conv("c", x, weight("w", 5, 3, 1, 1)))
    x = value("x", 4, 5, 5)
    yield graph("conv_groups", conv("c", x, weight("w", 6, 2, 3, 3), groups=2))
    yield graph("conv_depthwise", conv("c", x, weight("w", 4, 1, 3, 3), groups=4))
    yield graph("conv_multiplier", conv("c", x, weight("w", 8, 1, 2, 2), groups=4))
    yield graph("conv_per_channel",
                conv("c", x, weight("w", 5, 4, 3, 3, frac=(4, 5, 6, 7, 12)), clamp=(0, 100)))
    w = weight("w", 3, 4, 2, 2, frac=(-4, -2, -1))
    yield graph("conv_left_shift", conv("c", x, w, fmt=QFormat(16, 5)))
    yield graph("conv_mixed_shift", conv("c", x, weight("w", 3, 4, 2, 2, frac=(-3, -2, 6))))
    yield graph("conv_per_unit", conv("c", x, weight("w", 3, 4, 3, 3), per_unit=True))
    u, wide = value("x", 4, 5, 5, fmt=U8), value("x", 2, 5, 5, fmt=Q15)
    yield graph("conv_unsigned", conv("c", u, weight("w", 3, 4, 3, 3), fmt=QFormat(8, 6, False)))
    w, v = weight("w", 3, 2, 3, 3, bits=12, frac=11), weight("w", 3, 2, 3, 3, frac=(5, 6, 7))
    yield graph("conv_16_bit", conv("c", wide, w, fmt=QFormat(16, 13)))
    dead = replace(w, q=np.zeros_like(w.q))
    large = conv("c", wide, dead, fmt=QFormat(16, 13))
    yield graph("conv_16_bit_of_zeros", replace(large, bias=large.bias << 17))
    yield graph("conv_16_by_8_per_unit", conv("c", wide, v, per_unit=True, fmt=QFormat(16, 13)))
    x, w = value("x", 2, 5, 5, fmt=QFormat(4, 3)), weight("w", 3, 2, 3, 3, bits=3, frac=1)
    yield graph("conv_4_bit", conv("c", x, w, fmt=QFormat(3, 0)))
    x = value("x", 3, 12)
    yield graph("conv_1d", conv("c", x, weight("w", 4, 3, 5)))
    yield graph("conv_1d_dilated", conv("c", x, weight("w", 4, 3, 3), strides=(2,), dilations=(4,)))
    for fill in (0, -128, 31):
        p = value("p", 3, 8, 8)
        pad = Pad("pad", (value("x", 3, 5, 6),), p, (0, 1, 2), (0, 2, 0), fill)
        yield graph(f"conv_pad_{fill % 256}", pad, conv("c", p, weight("w", 2, 3, 3, 3)))


def products():
    x = value("x", 12)
    yield graph("gemm", gemm("g", x, weight("w", 5, 12)))
    yield graph("gemm_per_channel", gemm("g", x, weight("w", 4, 12, frac=(3, 5, 7, 9))))
    yield graph("gemm_left_shift", gemm("g", x, weight("w", 4, 12, frac=-3), fmt=QFormat(16, 6)))
    far = weight("w", 4, 12, frac=(-37, -20, 3, 5))
    yield graph("gemm_left_shift_beyond_a_word", gemm("g", x, far))
    yield graph("gemm_relu", gemm("g", x, weight("w", 5, 12), clamp=(0, 127)))
    yield graph("gemm_lead", gemm("g", value("x", 2, 3, 4), weight("w", 5, 4, frac=(6,))))
    yield graph("gemm_16_bit", gemm("g", value("x", 12, fmt=Q15), weight("w", 4, 12, bits=12),
                                    fmt=QFormat(16, 12)))
    yield graph("gemm_near_limit", gemm("g", value("x", 2, fmt=Q15), weight("w", 3, 2, bits=16),
                                        fmt=QFormat(16, 9)))
    a, b = value("a", 3, 4), value("b", 4, 2)
    yield graph("matmul", MatMul("m", (a, b), value("y", 3, 2, fmt=Q5)))
    a, b = value("a", 2, 2, 3), value("b", 2, 3, 2, fmt=U8)
    yield graph("matmul_lead", MatMul("m", (a, b), value("y", 2, 2, 2), clamp=(-64, 64)))
    a, b = value("a", 2, 1, 2, 3), value("b", 1, 3, 3, 2, fmt=U8)
    yield graph("matmul_broadcast", MatMul("m", (a, b), value("y", 2, 3, 2, 2)))
    a, b = value("a", 2, 2, fmt=QFormat(16, 3)), value("b", 2, 2, fmt=QFormat(15, -7))
    yield graph("matmul_wide", MatMul("m", (a, b), value("y", 2, 2, fmt=QFormat(16, -18))))


def elementwise():
    a, b = value("a", 2, 3, 4), value("b", 2, 3, 4, fmt=QFormat(8, 3))
    row, column = value("b", 4, fmt=QFormat(8, 9)), value("b", 2, 1, 4)
    wide, narrow = value("a", 6, fmt=QFormat(16, 10)), value("b", 1, fmt=QFormat(9, 2))
    unsigned = value("b", 2, 3, 4, fmt=U8)
    pairs = {"same": (a, b), "row": (a, row), "axis": (column, value("a", 2, 3, 1)),
             "wide": (wide, narrow), "unsigned": (a, unsigned)}
    for op in (Add, Sub, Max, Min, Mul):
        for name, (u, v) in pairs.items():
            shape = np.broadcast_shapes(u.shape, v.shape)
            fmt = QFormat(16, 5) if name == "wide" else QFormat(8, 4)
            yield graph(f"{op.__name__.lower()}_{name}", op("o", (u, v), Value("y", shape, fmt)))
            yield graph(f"{op.__name__.lower()}_{name}_swapped",
                        op("o", (v, u), Value("y", shape, fmt), clamp=(fmt.min // 2, fmt.max // 3)))
    yield graph("square", Mul("o", (a, a), value("y", 2, 3, 4, fmt=U8)))
    k = value("k", 3, 4, fmt=QFormat(12, 6))
    constant = Constant("k", (), k, random("k", -2048, 2047, 3, 4))
    for op in (Add, Sub, Mul):
        yield graph(f"{op.__name__.lower()}_constant", constant,
                    op("o", (k, a), value("y", 2, 3, 4, fmt=QFormat(8, 2))))


def requantizations():
    x = value("x", 3, 5)
    wide = value("x", 15, fmt=QFormat(16, 12))
    yield graph("requantize_down", Requantize("r", (wide,), value("y", 15, fmt=QFormat(8, 4))))
    yield graph("requantize_up", Requantize("r", (x,), value("y", 3, 5, fmt=QFormat(16, 12))))
    yield graph("requantize_saturates", Requantize("r", (x,), value("y", 3, 5, fmt=QFormat(5, 7))))
    yield graph("requantize_far", Requantize("r", (wide,), value("y", 15, fmt=QFormat(8, -18))))
    yield graph("requantize_left_far", Requantize("r", (x,), value("y", 3, 5, fmt=QFormat(8, 29))))
    yield graph("relu", Requantize("r", (x,), value("y", 3, 5), clamp=(0, 127)))
    yield graph("relu6", Requantize("r", (wide,), value("y", 15, fmt=QFormat(8, 4)), clamp=(0, 96)))
    yield graph("clip", Requantize("r", (x,), value("y", 3, 5, fmt=QFormat(8, 6)), clamp=(-9, 21)))
    yield graph("to_unsigned", Requantize("r", (x,), value("y", 3, 5, fmt=U8)))


def pools():
    x, line = value("x", 3, 6, 7), value("x", 2, 11)
    unsigned = value("x", 2, 4, 4, fmt=QFormat(16, 16, False))
    for name, v, window, strides in (("2x2", x, (2, 2), (2, 2)), ("3x2", x, (3, 2), (1, 2)),
                                     ("1d", line, (4,), (3,)), ("1d_overlap", line, (3,), (1,)),
                                     ("whole", unsigned, (4, 4), (1, 1)),
                                     ("3x3_unsigned", unsigned, (3, 3), (1, 1))):
        spatial = [(n - k) // s + 1 for n, k, s in
                   zip(v.shape[1:], window, strides, strict=True)]
        shape = (v.shape[0], *spatial)
        yield graph(f"maxpool_{name}", MaxPool("m", (v,), Value("y", shape, v.format), window,
                                               strides))
        fine = QFormat(v.format.bits, v.format.frac - 1, v.format.signed)
        yield graph(f"averagepool_{name}",
                    AveragePool("a", (v,), Value("y", shape, fine), window, strides))
        wide = QFormat(16, v.format.frac - 3, v.format.signed)
        yield graph(f"sumpool_{name}",
                    SumPool("s", (v,), Value("y", shape, wide), window, strides))
    yield graph("averagepool_relu",
                AveragePool("a", (x,), value("y", 3, 2, 2), (3, 3), (3, 3), clamp=(0, 99)))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def curves():
    fits = {"8": QFormat(8, 5), "10": QFormat(10, 7), "11": QFormat(11, 8), "16": QFormat(16, 13),
            "unsigned": QFormat(12, 9, False)}
    for name, fmt in fits.items():
        x = value("x", 3, 9, fmt=fmt)
        yield graph(f"tanh_{name}", Table.of(np.tanh, "t", x, value("y", 3, 9), "tanh"))
        yield graph(f"sigmoid_{name}", Table.of(sigmoid, "t", x, value("y", 3, 9, fmt=Q15)))
    x, narrow = value("x", 20, fmt=QFormat(16, 10)), value("x", 9, fmt=QFormat(3, 0))
    for op in (LogSoftmax, LogSumExp):
        first = op.of("s", value("x", 2, 3, 4, fmt=QFormat(8, 4)),
                      value("l", *((2, 3, 4) if op is LogSoftmax else (2, 3)), fmt=QFormat(8, 3)))
        yield graph(f"{op.__name__.lower()}_table", first, Table.of(
            lambda v: v / 16, "t", first.output, value("y", *first.output.shape)))
    yield graph("square_table", Table.of(np.square, "t", x, value("y", 20, fmt=QFormat(16, 5))))
    yield graph("staircase", Table("t", (narrow,), value("y", 9), np.arange(-40, 40, 10), 0))


def softmaxes():
    for op in (Softmax, LogSoftmax):
        name = op.__name__.lower()
        out = QFormat(8, 8, False) if op is Softmax else QFormat(8, 3)
        fine = Q15 if op is Softmax else QFormat(16, 11)
        x, wide = value("x", 10, fmt=QFormat(8, 4)), value("x", 7, fmt=QFormat(16, 11))
        yield graph(f"{name}_8", op.of("s", x, value("y", 10, fmt=out)))
        yield graph(f"{name}_16", op.of("s", wide, value("y", 7, fmt=fine)))
        for frac in (8, 4, -3):
            far = value("x", 7, fmt=QFormat(12 if frac < 0 else 16, frac))
            yield graph(f"{name}_far{frac % 16}", op.of("s", far, value("y", 7, fmt=fine)))
        for kind, fmt, shape in (("lead", QFormat(10, 6), (2, 3)), ("two", QFormat(16, 14), (2,)),
                                 ("many", QFormat(6, 2, False), (40,)),
                                 ("alone", QFormat(16, 9, False), (2, 1))):
            yield graph(f"{name}_{kind}", op.of("s", value("x", *shape, fmt=fmt),
                                                value("y", *shape, fmt=fine)))
    for name, shape, fmt, out in (("window", (2, 3, 4), QFormat(8, 4), QFormat(8, 3)),
                                  ("wide", (1, 7), QFormat(16, 11), QFormat(16, 10)),
                                  ("unsigned", (3, 9), QFormat(10, 3, False), QFormat(8, 1, False)),
                                  ("alone", (5, 1), QFormat(16, 14), QFormat(16, 12))):
        yield graph(f"logsumexp_{name}", LogSumExp.of("s", value("x", *shape, fmt=fmt),
                                                      value("y", *shape[:-1], fmt=out)))


def movements():
    x, y = value("x", 2, 3, 4), value("y", 4, 6)
    t, r = value("t", 4, 2, 3), value("r", 24)
    yield graph("reshape", Reshape("r", (x,), y))
    yield graph("transpose", Transpose("t", (x,), t, (2, 0, 1)))
    yield graph("transpose_reshape", Transpose("t", (x,), t, (2, 0, 1)), Reshape("r", (t,), r))
    yield graph("slice", Slice("s", (x,), value("y", 1, 2, 2), (1, 0, 1), (1, 2, 2)))
    s = value("s", 2, 3, 4)
    back, flat = Slice("s", (x,), s, (1, 2, 3), (-1, -1, -1)), Reshape("r", (s,), r)
    yield graph("slice_back_gemm", back, gemm("g", s, weight("w", 3, 4)))
    yield graph("slice_back_flat_gemm", back, flat, gemm("g", r, weight("w", 3, 24, frac=9)))
    yield graph("pad", Pad("p", (x,), value("y", 2, 6, 7), (0, 1, 3), (0, 2, 0), 5))
    inner, outer = value("p", 2, 5, 6), value("q", 3, 5, 8)
    pad = Pad("p", (x,), inner, (0, 1, 1), (0, 1, 1), -128)
    yield graph("pad_pad", pad, Pad("q", (inner,), outer, (1, 0, 2), (0, 0, 0), 127))
    other = Pad("q", (x,), value("q", 2, 5, 6), (0, 2, 0), (0, 0, 2), 3)
    yield graph("pad_twice", pad, other, Add("a", (inner, other.output),
                                             value("y", 2, 5, 6, fmt=QFormat(8, 6))))
    yield graph("pad_transposed", Transpose("t", (x,), t, (2, 0, 1)),
                Pad("p", (t,), value("y", 5, 3, 4), (0, 1, 0), (1, 0, 1), 9))
    yield graph("concat", Concat("c", (x, value("z", 2, 1, 4)), value("y", 2, 4, 4), 1))
    yield graph("concat_itself", Concat("c", (x, x), value("y", 2, 3, 8), 2))
    both = value("c", 4, 5, 6)
    yield graph("concat_of_pads", pad, other, Concat("c", (inner, other.output), both, 0),
                Requantize("r", (both,), value("y", 4, 5, 6, fmt=QFormat(6, 5))))
    k = value("k", 1, 3, 4)
    constant = Constant("k", (), k, random("k", -128, 127, 1, 3, 4))
    yield graph("concat_constant", constant, Concat("c", (k, x), value("y", 3, 3, 4), 0))
    yield graph("pad_input_and_output", pad, outputs=(x, inner))
    yield graph("identity", inputs=(x,), outputs=(x,))


# --- whole networks --------------------------------------------------------------------------

def networks():
    x = value("x", 1, 8, 8)
    first = conv("c", x, weight("w", 4, 1, 3, 3), "c", fmt=QFormat(10, 6))
    t, p = value("t", 4, 6, 6), value("p", 4, 3, 3)
    f = value("f", 36)
    g = gemm("g", f, weight("v", 5, 36), "g", QFormat(8, 3))
    yield graph("tanh_net", first, Table.of(np.tanh, "t", first.output, t, "tanh"),
                AveragePool("p", (t,), p, (2, 2), (2, 2)), Reshape("f", (p,), f), g,
                Softmax.of("s", g.output, value("y", 5, fmt=Q15)))

    x, p = value("x", 2, 5, 5), value("p", 2, 7, 7)
    middle = conv("c", p, weight("w", 2, 2, 3, 3, frac=(6, 8)), "c", fmt=QFormat(8, 4))
    yield graph("residual", Pad("p", (x,), p, (0, 1, 1), (0, 1, 1), 0), middle,
                Add("a", (middle.output, x), value("y", 2, 5, 5, fmt=QFormat(8, 4)),
                    clamp=(0, 127)))

    x = value("x", 3, 6, 6, fmt=U8)
    depth = conv("d", x, weight("w", 3, 1, 3, 3, frac=(6, 7, 8)), "d", groups=3, clamp=(0, 127))
    point = conv("c", depth.output, weight("v", 6, 3, 1, 1), "c", clamp=(0, 127))
    p, f = value("p", 6, 1, 1), value("f", 6)
    last = gemm("g", f, weight("u", 4, 6), "g", QFormat(8, 4))
    yield graph("separable", depth, point, AveragePool("p", (point.output,), p, (4, 4), (4, 4)),
                Reshape("f", (p,), f), last,
                LogSoftmax.of("s", last.output, value("y", 4, fmt=QFormat(8, 3))))

    x, p = value("x", 2, 12), value("p", 2, 16)
    filter = conv("c", p, weight("w", 3, 2, 3), "c", dilations=(2,), fmt=QFormat(8, 4))
    gate = conv("d", p, weight("v", 3, 2, 3), "d", dilations=(2,), fmt=QFormat(8, 4))
    a, b = value("a", 3, 12), value("b", 3, 12, fmt=U8)
    yield graph("gated_causal", Pad("p", (x,), p, (0, 4), (0, 0), 0), filter, gate,
                Table.of(np.tanh, "a", filter.output, a), Table.of(sigmoid, "b", gate.output, b),
                Mul("y", (a, b), value("y", 3, 12)))

    x = value("x", 3, 4)
    q, k, v = (gemm(n, x, weight(n, 4, 4), n, QFormat(8, 5)) for n in "qkv")
    kt, scores = value("kt", 4, 3, fmt=Q5), value("scores", 3, 3, fmt=QFormat(8, 3))
    attention = value("attention", 3, 3, fmt=U8)
    yield graph("attention", q, k, v, Transpose("kt", (k.output,), kt, (1, 0)),
                MatMul("scores", (q.output, kt), scores),
                Softmax.of("attention", scores, attention),
                MatMul("y", (attention, v.output), value("y", 3, 4, fmt=Q5)))

    a, b = value("left.in", 3), value("left_in", 3, fmt=Q5)
    yield graph("two_in_two_out", Add("s", (a, b), value("sum", 3, fmt=QFormat(8, 4))),
                Sub("d", (a, b), value("difference", 3, fmt=QFormat(16, 7))))


FAMILIES = (convolutions, products, elementwise, requantizations, pools, curves, softmaxes,
            movements, networks)
GRAPHS = [*(g for family in FAMILIES for g in family()), *LOOPS, *CHOICES, *POINTWISE,
          *SPATIAL]
lowered = lru_cache(maxsize=2 * len(GRAPHS))(lower)
"""`lower`, once for all tests of a graph: nothing changes a program."""
CASES = [pytest.param(g, id=g.name) for g in GRAPHS]
