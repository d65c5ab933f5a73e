"""Graph: the text form reads back to the same graph, and what is not legal is refused by name."""

import json
import re
from dataclasses import dataclass, field

import numpy as np
import pytest

from dsplet.quantize.fixed.graph import RARE, Graph, Value, Weight
from dsplet.quantize.fixed.graph_text import from_text, to_text
from dsplet.quantize.fixed.ops.binary import Add
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.matmul import MatMul
from dsplet.quantize.fixed.ops.movement import Concat, Pad, Reshape, Slice
from dsplet.quantize.fixed.ops.pool import MaxPool
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.softmax import Softmax
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.qformat import QFormat
from tests.each import each
from tests.quantize.fixed.cases import CASES, GRAPHS
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import Q7, value, weight

X, Y = value("x", 4), value("y", 4)
IMAGE = value("x", 2, 5, 5)


@dataclass(frozen=True, eq=False)
class Often(Requantize):
    times: int = field(default=1000, kw_only=True, metadata=RARE)


@pytest.mark.parametrize("times, said", [(1000, False), (999, True)])
def test_a_rare_field_is_said_where_it_differs_from_its_default(times, said):
    """Differs, not: is another object."""
    text, _ = to_text(Graph("g", (X,), (Often("o", (X,), Y, times=int(str(times))),), (Y,)))
    assert ("times" in json.loads(text)["nodes"][0]) == said


@each("graph", GRAPHS)
def test_text_form_reads_back(graph):
    text, arrays = to_text(graph)
    again = from_text(text, arrays)
    assert again.inputs == graph.inputs and again.outputs == graph.outputs
    assert [(n.op, n.name) for n in again.nodes] == [(n.op, n.name) for n in graph.nodes]
    second, second_arrays = to_text(again)
    assert second == text and json.loads(text)["name"] == graph.name
    assert all((second_arrays[k] == a).all() for k, a in arrays.items())
    xs = samples(graph, 5)
    before, after = graph.run(*xs), again.run(*xs)
    assert all((before[name] == after[name]).all() for name in before)


def relu(x: Value, y: Value) -> Requantize:
    return Requantize("relu", (x,), y, clamp=(0, 127))


REFUSED = {
    "a graph that reads what nothing gives": (
        lambda: Graph("g", (X,), (relu(Y, value("z", 4)),), ()),
        "Requantize 'relu' reads 'y' (4,) Q0.7, which nothing before it provides"),
    "a value read in another format": (
        lambda: Graph("g", (X,), (relu(value("x", 4, fmt=QFormat(8, 6)), Y),), (Y,)),
        "Requantize 'relu' reads 'x' (4,) Q1.6, which nothing before it provides"),
    "a value given twice": (
        lambda: Graph("g", (X,), (relu(X, Y), relu(X, Y)), (Y,)), "two nodes give 'y'"),
    "an output given by none": (
        lambda: Graph("g", (X,), (), (Y,)), "the output 'y' is given by no node"),
    "an input of another shape": (
        lambda: Graph("g", (X,), (), (X,)).run(np.zeros((1, 5))),
        "input 'x' has shape (4,), got (5,)"),
    "weights beyond their bits": (
        lambda: Weight(np.array([-128]), 8, np.array([7])),
        "weights of 8 bits must lie in [-127, 127]"),
    "fracs for no axis": (
        lambda: Weight(np.zeros((3, 2), int), 8, np.array([7, 7])),
        "frac has shape (2,); expected (1,) or (3,)"),
    "an output of another shape": (
        lambda: relu(X, value("y", 5)),
        "Requantize 'relu' gives shape (4,), its output 'y' has (5,)"),
    "channels in no groups": (
        lambda: Conv("c", (IMAGE,), Y, weight("w", 3, 2, 3, 3), np.zeros(3, int), (1, 1), (1, 1),
                     2),
        "Conv 'c': 2 channels do not fit weights (3, 2, 3, 3) in 2 groups"),
    "a convolution over four axes": (
        lambda: Conv("c", (value("x", 1, 2, 2, 2, 2),), Y, weight("w", 1, 1, 1, 1, 1, 1),
                     np.zeros(1, int), (1,) * 4, (1,) * 4),
        "Conv 'c' needs a 1-D, 2-D or 3-D input with channels, got (1, 2, 2, 2, 2)"),
    "strides of another rank": (
        lambda: Conv("c", (value("x", 1, 2, 2, 2),), Y, weight("w", 1, 1, 1, 1, 1),
                     np.zeros(1, int), (1,), (1,)),
        "Conv 'c': strides (1,) and dilations (1,) over (2, 2, 2)"),
    "a product that does not fit": (
        lambda: Gemm("g", (X,), Y, weight("w", 4, 3), np.zeros(4, int)),
        "Gemm 'g': 4 inputs do not fit weights (4, 3)"),
    "shapes that do not broadcast": (
        lambda: Add("a", (X, value("b", 3)), Y), "Add 'a' cannot broadcast (4,) with (3,)"),
    "a bias for other channels": (
        lambda: Conv("c", (IMAGE,), value("y", 3, 3, 3), weight("w", 3, 2, 3, 3),
                     np.zeros((2, 1, 1), int), (1, 1), (1, 1)),
        "Conv 'c': bias has shape (2, 1, 1)"),
    "a bias of another shape": (
        lambda: Gemm("g", (X,), Y, weight("w", 4, 4), np.zeros(1, int)),
        "Gemm 'g': bias has shape (1,)"),
    "matrices that cannot be multiplied": (
        lambda: MatMul("m", (value("a", 2, 3), value("b", 2, 3)), value("y", 2, 3)),
        "MatMul 'm' cannot multiply (2, 3) by (2, 3)"),
    "a movement that changes the format": (
        lambda: Reshape("r", (X,), value("y", 2, 2, fmt=QFormat(8, 6))),
        "Reshape 'r' cannot change the format Q0.7 to Q1.6"),
    "a reshape of another size": (
        lambda: Reshape("r", (X,), value("y", 5)),
        "Reshape 'r': (4,) has not the size of (5,)"),
    "a slice beyond its axis": (
        lambda: Slice("s", (X,), value("y", 3), (0,), (2,)), "Slice 's' leaves the axis of size 4"),
    "a border beyond the format": (
        lambda: Pad("p", (X,), value("y", 6), (1,), (1,), 128), "Pad 'p': 128 does not fit Q0.7"),
    "a concat in two formats": (
        lambda: Concat("c", (X, value("z", 4, fmt=QFormat(8, 6))), value("y", 8), 0),
        "Concat 'c' cannot change the format"),
    "a pool that changes the format": (
        lambda: MaxPool("m", (IMAGE,), value("y", 2, 2, 2, fmt=QFormat(8, 6)), (2, 2), (2, 2)),
        "MaxPool 'm' cannot change the format"),
    "a window of another rank": (
        lambda: MaxPool("m", (IMAGE,), Y, (2,), (2,)),
        "MaxPool 'm': window (2,), by (2,), dilated by (1,), over [5, 5]"),
    "a constant beyond its format": (
        lambda: Constant("k", (), Y, np.array([0, 1, 2, 128])), "Constant 'k' does not fit Q0.7"),
    "a table of another size": (
        lambda: Table("t", (X,), Y, np.zeros(200, int), 0),
        "Table 't' has 200 entries; expected 256"),
    "a softmax over too many": (
        lambda: Softmax.of("s", value("x", 513), value("y", 513)),
        "Softmax 's': at most 512 classes keep the sum exact"),
    "a softmax too fine": (
        lambda: Softmax.of("s", X, value("y", 4, fmt=QFormat(16, 16))),
        "Softmax 's': the output's frac must be 0..15"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_legal_is_refused_word_for_word(case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_facts_of_a_graph():
    a, b = Add("a", (X, X), Y), relu(Y, value("z", 4))
    graph = Graph("g", (X,), (a, b), (b.output,))
    assert [v.name for v in graph.values()] == ["x", "y", "z"]
    assert graph.consumers(X) == [a] and graph.consumers(Y) == [b]
    assert value("s", 2, 3).size == 6 and Value("s", (), Q7).size == 1
    conv = next(p.values[0] for p in CASES if p.id == "conv_groups")
    assert conv.macs == 6 * 3 * 3 * 2 * 3 * 3  # out channels, rows, columns, in per group, taps
