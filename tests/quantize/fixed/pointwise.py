"""Small graphs of ops that divide, compare and choose, element by element."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.div import Div
from dsplet.quantize.fixed.qformat import QFormat
from tests.quantize.fixed.words import Q5, Q15, U8, graph, random, value


def quotients():
    a, b = value("a", 2, 3, 4), value("b", 2, 3, 4, fmt=QFormat(8, 3))
    wide, fine = value("a", 5, fmt=QFormat(16, 10)), value("b", 5, fmt=QFormat(16, 12))
    unsigned, coarse = value("b", 2, 1, 4, fmt=U8), value("b", 3, 1, fmt=QFormat(16, -3))
    for name, u, v, fmt in (
            ("same", a, b, QFormat(8, 1)), ("fine", a, b, QFormat(16, 9)),
            ("unsigned", a, unsigned, QFormat(8, 4)),
            ("of_unsigned", value("a", 2, 1, 1, fmt=U8), unsigned, QFormat(10, 7, False)),
            ("wide", wide, fine, QFormat(16, 12)), ("narrow", wide, fine, QFormat(5, 1)),
            ("one", value("a", 2, 3, 2, fmt=Q15), value("b", 2, 1, 1, fmt=Q5), QFormat(16, 8)),
            ("scalar", a, value("b", fmt=QFormat(16, 14, False)), QFormat(16, 11)),
            ("coarse", a, coarse, QFormat(8, 2)), ("numerator", coarse, a, QFormat(16, -9)),
            ("unsigned_wide", value("a", 6, fmt=QFormat(16, 16, False)),
             value("b", 6, fmt=QFormat(16, 15, False)), QFormat(16, 13, False))):
        y = Value("y", np.broadcast_shapes(u.shape, v.shape), fmt)
        yield graph(f"div_{name}", Div("d", (u, v), y))
        yield graph(f"div_{name}_clamped", Div("d", (u, v), y, clamp=(fmt.min // 2, fmt.max // 3)))
    k = value("k", 3, 4, fmt=QFormat(3, 1))  # every divisor from -4 to 3, zero among them
    constant = Constant("k", (), k, random("divisors", -4, 3, 3, 4))
    yield graph("div_by_zero", constant, Div("d", (a, k), value("y", 2, 3, 4, fmt=QFormat(16, 5))))
    yield graph("div_itself", Div("d", (a, a), value("y", 2, 3, 4, fmt=QFormat(8, 5))))


POINTWISE = [*quotients()]
