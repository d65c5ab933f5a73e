"""Small graphs of ops that divide, compare and choose, element by element."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.ops.compare import RELATIONS, Compare
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.div import Div
from dsplet.quantize.fixed.ops.patched_table import PatchedTable, fitted
from dsplet.quantize.fixed.ops.select import Select
from dsplet.quantize.fixed.qformat import QFormat
from tests.quantize.fixed.words import Q5, Q7, Q15, U8, graph, random, value

TRUTH = QFormat(2, 0, signed=False)


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


def comparisons():
    a, b = value("a", 2, 3, 4, fmt=QFormat(3, 1)), value("b", 3, 4, fmt=QFormat(4, 0))
    wide, fine = value("a", 3, 9, fmt=Q15), value("b", 3, 1, fmt=QFormat(16, 3))
    unsigned = value("b", 2, 1, 4, fmt=QFormat(4, 3, False))
    for relation in RELATIONS:
        for name, u, v in (("same", a, b), ("unsigned", unsigned, a), ("wide", wide, fine)):
            y = Value("y", np.broadcast_shapes(u.shape, v.shape), TRUTH)
            yield graph(f"{relation.lower()}_{name}", Compare("c", (u, v), y, relation))
    one = Constant("k", (), value("k", fmt=Q5), np.array(9))
    yield graph("greater_constant", one, Compare("c", (value("x", 40, fmt=Q5), one.output),
                                                 value("y", 40, fmt=QFormat(8, 0)), "Greater"))


def selections():
    c, a, b = value("c", 3, 4, fmt=TRUTH), value("a", 2, 3, 4), value("b", 4, fmt=QFormat(8, 3))
    wide = value("b", 2, 1, 4, fmt=QFormat(16, 11))
    for name, u, v, fmt in (("same", a, b, QFormat(8, 4)), ("swapped", b, a, QFormat(8, 2)),
                            ("wide", wide, a, QFormat(16, 9)),
                            ("unsigned", value("a", 2, 3, 1, fmt=U8), wide, QFormat(8, 7, False))):
        yield graph(f"select_{name}", Select("s", (c, u, v), value("y", 2, 3, 4, fmt=fmt)))
        yield graph(f"select_{name}_clamped", Select(
            "s", (c, u, v), value("y", 2, 3, 4, fmt=fmt), clamp=(fmt.min // 2, fmt.max // 3)))
    yield graph("select_far", Select("s", (value("c", fmt=QFormat(16, 0, False)),
                                           value("a", 6, fmt=Q15), value("b", 6, fmt=Q5)),
                                     value("y", 6, fmt=QFormat(16, 4))))
    larger = value("larger", 3, 4, fmt=TRUTH)
    x, z = value("x", 3, 4, fmt=Q5), value("z", 3, 4, fmt=Q7)
    yield graph("select_by_comparison", Compare("c", (x, z), larger, "Greater"),
                Select("s", (larger, x, z), value("y", 3, 4, fmt=QFormat(8, 4))))


def patches():
    """Tables over more than 10 bits of functions with jumps, poles and steep ends."""
    def shrink(x: np.ndarray) -> np.ndarray:
        return np.where(np.abs(x) > 0.5, x, 0)

    def logarithm(x: np.ndarray) -> np.ndarray:
        return np.nan_to_num(np.log(np.maximum(x, 0)), neginf=-99)

    with np.errstate(divide="ignore"):
        for name, f, x, y in (("shrink", shrink, QFormat(16, 14), QFormat(16, 14)),
                              ("shrink_8", shrink, QFormat(16, 14), QFormat(8, 6)),
                              ("sign", np.sign, QFormat(11, 9), QFormat(3, 0)),
                              ("log", logarithm, QFormat(16, 12, False), QFormat(16, 11)),
                              ("end", lambda x: x * (x < 7.5), QFormat(12, 8), QFormat(9, 4)),
                              ("sqrt", np.sqrt, QFormat(16, 13, False), QFormat(16, 14, False))):
            table, _ = fitted(f, "t", value("x", 40, fmt=x), value("y", 40, fmt=y))
            assert isinstance(table, PatchedTable)
            yield graph(f"patched_{name}", table)


POINTWISE = [*patches(), *quotients(), *comparisons(), *selections()]
