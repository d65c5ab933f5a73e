"""Small graphs with indices that are data: gathers, arg-max, greedy decoding, back-tracking."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.ops.argmax import ArgMax
from dsplet.quantize.fixed.ops.binary import Add
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.gather import Gather
from dsplet.quantize.fixed.ops.movement import Slice, Transpose
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.qformat import QFormat
from tests.quantize.fixed.words import Q5, Q15, gemm, graph, random, value, weight

Q7 = QFormat(8, 7)
INDEX = QFormat(3, 0, signed=False)


def table(name: str, *shape: int, fmt: QFormat = Q5) -> Constant:
    return Constant(name, (), value(name, *shape, fmt=fmt), random(name, fmt.min, fmt.max, *shape))


def choices():
    k, one = table("k", 8, 5), value("x", fmt=INDEX)
    yield graph("embedding", k, Gather("g", (k.output, one), value("y", 5, fmt=Q5)))
    several = value("x", 2, 3, fmt=QFormat(6, 0))
    k = table("k", 6, 2, 4, fmt=Q15)
    yield graph("embeddings_clipped", k,
                Gather("g", (k.output, several), value("y", 2, 3, 2, 4, fmt=Q15)))
    k = table("k", 8)
    yield graph("pick_one", k, Gather("g", (k.output, one), value("y", fmt=Q5)))
    data = value("data", 3, 8, 4)
    turned = value("turned", 8, 4, 3)
    yield graph("gather_strided", Transpose("t", (data,), turned, (1, 2, 0)),
                Gather("g", (turned, value("i", 2, fmt=INDEX)), value("y", 2, 4, 3)))
    far = value("far", 8, 2)
    yield graph("gather_backwards", Slice("s", (value("data", 8, 4),), far, (7, 3), (-1, -2)),
                Gather("g", (far, value("i", fmt=INDEX)), value("y", 2)))
    for n in (1, 2, 5, 40):
        yield graph(f"argmax_{n}", ArgMax("a", (value("x", 3, n, fmt=QFormat(4, 1)),),
                                          value("y", 3, fmt=QFormat(6, 0, False))))
    yield graph("argmax_wide", ArgMax("a", (value("x", 9, fmt=Q15),),
                                      value("y", fmt=QFormat(5, 0))))
    yield decoder()
    yield viterbi()


def decoder() -> Graph:
    """Each turn the state and what was chosen before make scores, whose largest is chosen."""
    start, k = Constant("start", (), value("w0", fmt=INDEX), np.array(3)), table("k", 8, 4, fmt=Q7)
    inside = value("inside", 8, 4, fmt=Q7)
    before, h = value("before", fmt=INDEX), value("h", 4, fmt=Q7)
    seen, total = value("seen", 4, fmt=Q7), value("sum", 4, fmt=Q5)
    new, chosen = value("new", 4, fmt=Q7), value("chosen", fmt=INDEX)
    scores = gemm("score", new, weight("w", 8, 4), "scores", QFormat(16, 10))
    body = Graph("body", (before, h, inside), (
        Gather("look", (inside, before), seen), Add("add", (seen, h), total),
        Table.of(np.tanh, "act", total, new), scores, ArgMax("choose", (scores.output,), chosen)),
        (chosen, new, chosen))
    last, hidden = value("last", fmt=INDEX), value("hidden", 4, fmt=Q7)
    return graph("greedy_decoder", start, k, Scan(
        "decode", (start.output, value("x", 4, fmt=Q7), k.output), last, 2, 0, 5, body,
        (hidden, value("y", 5, fmt=INDEX))))


def viterbi() -> Graph:
    """Back-pointers, followed from the last step to the first."""
    pointers, turned = value("x", 6, 5, fmt=QFormat(3, 0, False)), value("turned", 6, 5, fmt=INDEX)
    at, row, to = value("at", fmt=INDEX), value("row", 5, fmt=INDEX), value("to", fmt=INDEX)
    body = Graph("body", (at, row), (Gather("follow", (row, at), to),), (to, to))
    return graph("back_track", Slice("s", (pointers,), turned, (5, 0), (-1, 1)), Scan(
        "back", (value("end", fmt=INDEX), turned), value("first", fmt=INDEX), 1, 1, 6, body,
        (value("y", 6, fmt=INDEX),)))


CHOICES = list(choices())
