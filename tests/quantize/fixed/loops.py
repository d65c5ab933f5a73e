"""Small graphs with loops over time, for the square."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice

import numpy as np

from dsplet.quantize.fixed.graph import Graph, Value
from dsplet.quantize.fixed.ops.binary import Add, Mul, Sub
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum
from dsplet.quantize.fixed.ops.matmul import MatMul
from dsplet.quantize.fixed.ops.movement import Concat, Reshape, Slice
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.ops.softmax import Softmax
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.qformat import QFormat
from tests.quantize.fixed.words import Q5, Q7, Q15, U8, gemm, graph, random, value, weight

PRE = QFormat(10, 7)
GATE, OPEN = QFormat(16, 12), Q15


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gemm_sum(name: str, xs: tuple[Value, ...], units: int, fmt: QFormat, fracs=None) -> GemmSum:
    fracs = fracs or (7,) * len(xs)
    weights = tuple(weight(f"{name}{j}", units, x.shape[-1], frac=f)
                    for j, (x, f) in enumerate(zip(xs, fracs, strict=True)))
    return GemmSum(name, xs, Value(name, (*xs[0].shape[:-1], units), fmt), weights,
                   random(f"{name}.bias", -999, 999, units))


def zeros(name: str, n: int, fmt: QFormat) -> Constant:
    return Constant(name, (), Value(name, (n,), fmt), np.zeros(n, np.int64))


def elman(name: str, steps: int, n: int = 5, units: int = 6, all_steps: bool = False) -> Graph:
    """z = tanh(W x + U z + b); the last state through a full layer, or every state out."""
    x, h, xt = value("x", steps, n, fmt=U8), value("h", units), value("xt", n, fmt=U8)
    steps_of_h = tuple(islice(cycle((5, 6, 7, 8, 9, 6)), units))
    pre = gemm_sum("pre", (xt, h), units, PRE, fracs=(8, steps_of_h))
    new = value("new", units)
    body = Graph("step", (h, xt), (pre, Table.of(np.tanh, "tanh", pre.output, new, "tanh")),
                 (new, new) if all_steps else (new,))
    begin, last = zeros("zero", units, Q7), value("last", units)
    seen = (value("seen", steps, units),) if all_steps else ()
    scan = Scan("scan", (begin.output, x), last, 1, 1, steps, body, seen)
    return graph(name, begin, scan, gemm("head", last, weight("head", 4, units)))


def gates():
    x, h = value("x", 5, fmt=U8), value("h", 4, fmt=Q15)
    yield graph("gemm_sum", gemm_sum("g", (x, h), 6, GATE, fracs=(7, 3)))
    fine = gemm_sum("g", (x, h), 6, GATE, fracs=(20, 13))
    long = random("long", -(1 << 30), 1 << 30, 6) | 1
    yield graph("gemm_sum_long_bias", replace(fine, bias=long))
    yield graph("gemm_sum_per_channel", gemm_sum("g", (x, h), 3, Q5, fracs=((3, 9, 6), (1, 2, -2))))
    a, b = value("a", 2, 3, 4), value("b", 2, 3, 5)
    yield graph("gemm_sum_lead", gemm_sum("g", (a, b), 4, Q5))
    yield graph("gemm_sum_three", gemm_sum("g", (value("a", 3), value("b", 2), value("c", 4)), 5,
                                           Q5, fracs=(6, 7, (5, 6, 7, 8, 9))))


def loops():
    yield elman("elman", 7)
    yield elman("elman_one_step", 1)
    yield elman("elman_all_steps", 4, all_steps=True)

    # an LSTM: two states, both updated in place; the whole output sequence goes on
    n, u, steps = 3, 4, 5
    x, h, c, xt = value("x", steps, n), value("h", u), value("c", u, fmt=GATE), value("xt", n)
    pre = gemm_sum("pre", (xt, h), 3 * u, GATE, fracs=(6, 7))
    cand = gemm_sum("cand", (xt, h), u, GATE)
    nodes = [pre, cand, Table.of(sigmoid, "gates", pre.output, value("gates", 3 * u, fmt=OPEN)),
             Table.of(np.tanh, "g", cand.output, value("g", u, fmt=Q15))]
    i, f, o = (value(name, u, fmt=OPEN) for name in "ifo")
    nodes += [Slice(v.name, (nodes[2].output,), v, (j * u,), (1,)) for j, v in enumerate((i, f, o))]
    keep, new, c1 = value("keep", u, fmt=GATE), value("put", u, fmt=GATE), value("c1", u, fmt=GATE)
    squash, h1 = value("squash", u, fmt=Q15), value("h1", u)
    nodes += [Mul("keep", (f, c), keep), Mul("put", (i, nodes[3].output), new),
              Add("c1", (keep, new), c1), Table.of(np.tanh, "squash", c1, squash),
              Mul("h1", (o, squash), h1)]
    body = Graph("step", (h, c, xt), tuple(nodes), (h1, c1, h1))
    h0, c0 = zeros("h0", u, Q7), value("c0", u, fmt=GATE)
    last, end, ys = value("last", u), value("end", u, fmt=GATE), value("ys", steps, u)
    scan = Scan("lstm", (h0.output, c0, x), last, 2, 1, steps, body, (end, ys))
    yield graph("lstm", h0, scan, gemm("head", ys, weight("head", 2, u)),
                outputs=(value("y", steps, 2, fmt=Q5), end))

    # a bidirectional sum: one sequence is read and written backwards
    back, xb = value("back", steps, n), value("xb", n)
    hb, nb, lb = value("hb", u), value("nb", u), value("lb", u)
    pb = gemm_sum("pb", (xb, hb), u, PRE, fracs=(8, 6))
    down = Scan("down", (h0.output, back), lb, 1, 1, steps, Graph(
        "step", (hb, xb), (pb, Table.of(np.tanh, "tb", pb.output, nb)), (nb, nb)),
        (value("yb", steps, u),))
    up, both = value("up", steps, u), value("both", steps, 2 * u)
    yield graph("both_ways", h0, scan, Slice("back", (x,), back, (steps - 1, 0), (-1, 1)), down,
                Slice("up", (down.others[0],), up, (steps - 1, 0), (-1, 1)),
                Concat("both", (ys, up), both, 1), gemm("head", both, weight("hh", 3, 2 * u)),
                inputs=(c0, x), outputs=(value("y", steps, 3, fmt=Q5),))

    # states that change places, one that is shifted through, one that stays as it was
    a, b, d, e = (value(name, 3) for name in "abde")
    xt, more = value("xt", 3), value("more", 3)
    body = Graph("step", (a, b, d, xt, e), (Add("more", (b, xt), more),), (b, more, d, a))
    x, starts = value("x", 4, 3), [value(f"{n}0", 3) for n in "abd"]
    yield graph("swap", Scan("swap", (*starts, x, value("e0", 3)), value("a1", 3), 3, 1, 4, body,
                             (value("b1", 3), value("d1", 3), value("s1", 4, 3))))

    # attention: every step sees a whole sequence, and no sequence is read step by step
    h, m = value("h", 1, 4), value("m", 4, 5)
    scores, share = value("scores", 1, 5, fmt=QFormat(16, 11)), value("share", 1, 5, fmt=U8)
    mix, new = value("mix", 1, 4, fmt=Q5), value("new", 1, 4)
    mt = value("mt", 5, 4)
    body = Graph("step", (h, m, mt), (
        MatMul("scores", (h, m), scores), Softmax.of("share", scores, share),
        MatMul("mix", (share, mt), mix), Sub("new", (mix, h), new)), (new, share))
    keys, turned = value("keys", 4, 5), value("turned", 5, 4)
    yield graph("looks_back", Scan("decode", (value("h0", 1, 4), keys, turned),
                                   value("last", 1, 4), 1, 0, 6, body,
                                   (value("map", 6, 1, 5, fmt=U8),)))

    # a loop in a loop: the inner one runs over a row of what the outer one steps over
    s, xi, r = value("s", 2, fmt=Q5), value("xi", 2), value("r", 2, fmt=Q5)
    inner = Graph("cell", (s, xi), (Add("r", (s, xi), r),), (r, r))
    row, q = value("row", 3, 2), value("q", 2, fmt=Q5)
    ends, lines = value("ends", 2, fmt=Q5), value("lines", 3, 2, fmt=Q5)
    half = value("half", 2, fmt=Q5)
    outer = Graph("line", (q, row), (
        Scan("across", (q, row), ends, 1, 1, 3, inner, (lines,)),
        Mul("half", (ends, ends), half)), (half, lines))
    yield graph("nested", Scan("rows", (value("q0", 2, fmt=Q5), value("x", 4, 3, 2)),
                               value("qn", 2, fmt=Q5), 1, 1, 4, outer,
                               (value("all", 4, 3, 2, fmt=Q5),)))

    # what is read step by step is also read whole, and is made inside
    x, h = value("x", 3, 4), value("h", 4)
    k = gemm("k", x, weight("k", 4, 4), "k", Q7)
    kt, wide, flat = value("kt", 4), value("wide", 8), value("flat", 12)
    cat, new = Concat("wide", (kt, h), wide, 0), gemm("new", wide, weight("n", 4, 8), "new", Q7)
    scan = Scan("scan", (zeros("z", 4, Q7).output, k.output), value("last", 4), 1, 1, 3,
                Graph("step", (h, kt), (cat, new), (new.output,)))
    yield graph("made_inside", zeros("z", 4, Q7), k, Reshape("flat", (k.output,), flat), scan,
                Requantize("y", (flat,), value("y", 12, fmt=Q5)))


LOOPS = [g for family in (gates, loops) for g in family()]
