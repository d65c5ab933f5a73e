"""Small graphs over space: three axes, dilated windows, borders that do not count, phases that are
interleaved, numbers in between."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.ops.binary import Add
from dsplet.quantize.fixed.ops.movement import Concat, Interleave, Pad, Slice
from dsplet.quantize.fixed.ops.pool import AveragePool, MaxPool
from dsplet.quantize.fixed.ops.resize import Resize
from dsplet.quantize.fixed.qformat import QFormat
from tests.quantize.fixed.words import Q5, Q15, U8, conv, graph, value, weight


def volumes():
    x, p = value("x", 2, 3, 4, 3), value("p", 2, 5, 5, 3)
    yield graph("conv_3d", Pad("pad", (x,), p, (0, 1, 0, 0), (0, 1, 1, 0), 0),
                conv("c", p, weight("w", 3, 2, 2, 3, 2), strides=(2, 1, 1)))
    x = value("x", 4, 3, 4, 5)
    yield graph("conv_3d_groups", conv("c", x, weight("w", 4, 2, 2, 1, 3, frac=(5, 6, 7, 8)),
                                       groups=2, dilations=(1, 1, 2), clamp=(0, 127)))
    yield graph("maxpool_3d", MaxPool("m", (x,), value("y", 4, 1, 2, 3), (2, 2, 3), (2, 2, 1)))
    yield graph("averagepool_3d", AveragePool("a", (x,), value("y", 4, 2, 3, 2, fmt=Q5), (2, 2, 3),
                                              (1, 1, 2)))


def windows():
    x, line = value("x", 3, 6, 7), value("x", 2, 11)
    yield graph("maxpool_dilated", MaxPool("m", (x,), value("y", 3, 2, 2), (2, 3), (2, 2),
                                           dilations=(3, 2)))
    yield graph("averagepool_dilated", AveragePool("a", (line,), value("y", 2, 3, fmt=Q5), (3,),
                                                   (2,), dilations=(3,)))
    p, wide = value("p", 3, 8, 9), value("p", 2, 6, fmt=Q15)
    counts = np.outer([2, 3, 3], [2, 3, 3, 2])
    yield graph("averagepool_borders", Pad("pad", (x,), p, (0, 1, 1), (0, 1, 1), 0),
                AveragePool("a", (p,), value("y", 3, 3, 4, fmt=QFormat(8, 6)), (3, 3), (2, 2),
                            counts=counts, clamp=(-99, 127)))
    yield graph("averagepool_powers", Pad("pad", (value("x", 2, 4, fmt=Q15),), wide, (0, 0), (0, 2),
                                          0),
                AveragePool("a", (wide,), value("y", 2, 2, fmt=Q15), (4,), (2,),
                            counts=np.array([4, 2])))
    whole = value("p", 1, 16, 16)
    yield graph("averagepool_large", Pad("pad", (value("x", 1, 1, 1),), whole, (0, 15, 15),
                                         (0, 0, 0), 0),
                AveragePool("a", (whole,), value("y", 1, 1, 1, fmt=QFormat(10, 9)), (16, 16),
                            (1, 1), counts=np.array([[1]])))


def phases():
    x, z = value("x", 2, 3, 4), value("z", 2, 3, 4)
    yield graph("interleave", Interleave("i", (x, z), value("y", 2, 6, 4), (1, 2, 1)))
    yield graph("interleave_itself", Interleave("i", (x,) * 6, value("y", 2, 9, 8), (1, 3, 2)))
    a, b = (conv(n, x, weight(n, 3, 2, 2, 3), n) for n in "ab")
    both = value("both", 3, 4, 2, fmt=Q5)
    yield graph("interleave_products", a, b, Interleave(
        "i", (a.output, b.output), both, (1, 2, 1)), Slice(
        "s", (both,), value("y", 3, 3, 2, fmt=Q5), (0, 0, 0), (1, 1, 1)))
    inner, outer = value("inner", 3, 8, 4, fmt=Q5), value("outer", 3, 4, 2, fmt=Q5)
    yield graph("interleave_nested", a, b,
                Interleave("i", (a.output, b.output), outer, (1, 2, 1)),
                Interleave("j", (outer,) * 4, inner, (1, 2, 2)),
                Concat("c", (value("skip", 1, 8, 4, fmt=Q5), inner), value("k", 4, 8, 4, fmt=Q5),
                       0),
                conv("last", value("k", 4, 8, 4, fmt=Q5), weight("last", 2, 4, 3, 3)))


def between():
    x, third = value("x", 2, 3, 4), np.array([[1, 0, 0], [2/3, 1/3, 0], [1/3, 2/3, 0], [0, 1, 0],
                                              [0, 0.4, 0.6]])
    half = np.array([[1, 0, 0, 0], [.75, .25, 0, 0], [.25, .75, 0, 0], [0, 0, .25, .75]])
    yield graph("resize_1d", Resize.of("r", value("x", 2, 4), value("y", 2, 4), (1,), (half,)))
    yield graph("resize_2d", Resize.of("r", x, value("y", 2, 5, 4, fmt=QFormat(10, 9)), (1, 2),
                                       (third, half)))
    yield graph("resize_wide", Resize.of("r", value("x", 1, 3, 4, fmt=Q15),
                                         value("y", 1, 5, 4, fmt=Q15), (1, 2), (third, half),
                                         clamp=(0, 30000)))
    yield graph("resize_unsigned", Resize.of("r", value("x", 3, 2, 4, fmt=U8),
                                             value("y", 5, 2, 4, fmt=U8), (0,), (third,)))
    made, y = conv("c", x, weight("w", 3, 2, 1, 2), "c"), value("y", 3, 5, 3, fmt=Q5)
    up = Resize.of("r", made.output, value("up", 3, 5, 3, fmt=Q5), (1,), (third,))
    yield graph("resize_between", made, up, Add("a", (up.output, value("z", 3, 5, 3)), y))
    yield graph("resize_3d", Resize.of("r", value("x", 1, 3, 4, 3), value("y", 1, 5, 4, 5),
                                       (1, 2, 3), (third, half, third)))


SPATIAL = [g for family in (volumes, windows, phases, between) for g in family()]
