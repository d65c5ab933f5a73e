"""What an element sees of another value: held against what changes it."""

from __future__ import annotations

import numpy as np
import pytest

from dsplet.quantize.analysis.windows import windows
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.network import fixed_graph
from dsplet.train import shipped

SHOWN = {"zip1989": ("x", "f1/Mul_1", "h2/Add", "f2/Mul_1", "f3/Mul_1", "y"),
         "lenet5": ("x", "s2/MaxPool", "relu3/Relu", "relu5/Relu", "y")}


def changed(graph: Graph, q: np.ndarray, value: str, at: tuple[int, ...]) -> set[tuple[int, ...]]:
    """The elements of the input that change an element of a value, if they are the least there is
    or the most."""
    read, found = graph.inputs[0], set()
    base = graph.run(q)
    cells = list(np.ndindex(read.shape))
    for start in range(0, len(cells), 128):
        part = cells[start:start + 128]
        for extreme in (read.format.min, read.format.max):
            many = np.repeat(q, len(part), 0)
            for i, cell in enumerate(part):
                many[(i, *cell)] = extreme
            y = graph.run(many)[value][(slice(None), *at)]
            found |= {c for c, v in zip(part, y, strict=True) if v != base[value][(0, *at)]}
    return found


@pytest.mark.parametrize("value, at", [("f1/Mul_1", (3, 0, 7)), ("f1/Mul_1", (0, 4, 3))])
def test_nothing_outside_changes_it_and_each_side_does(value, at):
    graph = fixed_graph(str(shipped.path("zip1989")))
    with np.load(shipped.samples("usps")) as arrays:
        levels = arrays["images"][:1]
    q = graph.inputs[0].format.quantize(levels[:, None] * 2 / 255 - 1)
    window, = windows(graph, value, {"x"})
    spans = [a.spans[0] if a.by is None else a.spans[at[a.by]] for a in window.axes]
    moved = changed(graph, q, value, at)
    assert {axis for cell in moved for axis, (i, (a, b)) in enumerate(zip(cell, spans, strict=True))
            if not a <= i < b} == set()
    assert [(min(c), max(c) + 1) for c in zip(*moved, strict=True)] == spans


@pytest.mark.parametrize("model", SHOWN)
def test_boxes_are_the_papers(model):
    """zip1989: 5x5 of 8 of 12 maps, two pixels on; lenet5: 5x5 of all, pooled by two."""
    graph, shown = fixed_graph(str(shipped.path(model))), set(SHOWN[model])
    seen = {name: {w.below: w for w in windows(graph, name, shown)} for name in shown}
    assert not seen["x"]
    if model == "zip1989":
        maps, rows, columns = seen["h2/Add"]["f1/Mul_1"].axes
        assert maps.by == 0 and maps.spans[:8] == ((0, 8),) * 4 + ((4, 12),) * 4
        assert rows.spans == columns.spans == ((0, 3), (0, 5), (2, 7), (4, 8))
        assert [a.spans for a in seen["f3/Mul_1"]["f2/Mul_1"].axes] == [((0, 12),), ((0, 4),),
                                                                        ((0, 4),)]
    else:
        maps, rows, _ = seen["s2/MaxPool"]["x"].axes
        assert (maps.by, maps.spans) == (None, ((0, 1),)) and rows.spans[:3] == ((0, 6), (2, 8),
                                                                                 (4, 10))
        assert seen["relu3/Relu"]["s2/MaxPool"].axes[0].spans == ((0, 6),)


def test_what_is_not_followed_is_not_said():
    """A path through a search, and a value that nothing shown leads to."""
    graph = fixed_graph(str(shipped.path("row_rnn")))
    assert windows(graph, graph.outputs[0].name, {graph.inputs[0].name}) == []
