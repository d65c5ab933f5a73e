"""Lowering: where values live, which movements cost nothing, and what things are called."""

from dataclasses import replace

import numpy as np
import pytest

from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.movement import Concat
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.program import execute, lower, run
from tests.each import each
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import graph, value


def placed(graph, program):
    """The values that the program keeps: all but Concats that convolutions read in parts."""
    joined = {n.output.name for n in graph.nodes if isinstance(n, Concat)}
    return [v for v in graph.values() if v.name in program.storage or v.name not in joined]


BY_NAME = {g.name: g for g in GRAPHS}

KERNELS = {  # between the copies at the program's border
    "identity": [], "reshape": [], "transpose": [], "slice": [],
    "pad": [], "pad_pad": [], "concat": [], "pad_input_and_output": [],
    "slice_back_gemm": ["Gemm"],
    "conv_pad_0": ["Conv"], "conv_pad_128": ["Conv"],
    "tanh_net": ["Conv", "Table", "AveragePool", "Gemm", "Softmax"],
    "gated_causal": ["Conv", "Conv", "Table", "Table", "Mul"],
    "attention": ["Gemm", "Gemm", "Gemm", "MatMul", "Softmax", "MatMul"],
    # one value in two places, a view of a view that has no strides, a constant: these are copied
    "pad_twice": ["Pad", "Add"], "concat_itself": ["Concat"],
    "concat_of_pads": ["Pad", "Requantize"],
    "transpose_reshape": ["Reshape"], "pad_transposed": ["Pad"],
    "slice_back_flat_gemm": ["Reshape", "Gemm"], "concat_constant": ["Concat"],
}


@pytest.mark.parametrize("name", KERNELS)
def test_movement_costs_a_kernel_only_where_no_view_will_do(name):
    ops = [k.op for k in lower(BY_NAME[name]).kernels]
    assert [op for op in ops if op not in ("Input", "Output")] == KERNELS[name]


@each("graph", GRAPHS)
def test_a_program_is_consistent(graph):
    program = lowered(graph)
    assert program.macs == graph.macs
    assert [v for v, _ in program.inputs] == list(graph.inputs)
    assert [v for v, _ in program.outputs] == list(graph.outputs)
    assert all(name == b.name and name.isidentifier() and name.isascii()
               for name, b in program.buffers.items())
    filled = {n.output.name for n in graph.nodes if isinstance(n, Constant)}  # with one number
    for v in placed(graph, program):
        place = program.storage[v.name]
        if v.name in filled and place.buffer not in program.buffers:
            continue
        reach = [s * (n - 1) for s, n in zip(place.strides, v.shape, strict=True)]
        corners = [place.offset + sum(r for r in reach if (r > 0) == up) for up in (False, True)]
        assert 0 <= min(corners) and max(corners) < program.buffers[place.buffer].size


@pytest.mark.slow
@each("graph", GRAPHS)
def test_every_value_lies_where_the_program_says(graph):
    """After a run, each value's storage holds the reference's integers, nothing overlaps it, and
    no buffer holds what its type, picked from its stated range, could not."""
    program, xs = lowered(graph), samples(graph, 2)
    values = graph.run(*xs)
    memory = {b.name: np.zeros(b.size, np.int64) if b.data is None else b.data.copy()
              for b in program.buffers.values()}
    for sample in range(2):  # twice in the same memory: borders must survive
        for (_, name), x in zip(program.inputs, xs, strict=True):
            memory[name][:] = x[sample].reshape(-1)
        execute(program, memory)
        for v in placed(graph, program):
            place = program.storage[v.name]
            if place.buffer not in memory:
                continue
            at = np.array(place.offset)
            for n, s in zip(v.shape, place.strides, strict=True):
                at = np.add.outer(at, s * np.arange(n))
            expected = values[v.name][sample % len(values[v.name])]
            assert (memory[place.buffer][at] == expected).all()
        for b in program.buffers.values():
            assert b.low <= memory[b.name].min() and memory[b.name].max() <= b.high


def test_names_become_identifiers_and_stay_apart():
    values = [value(name, 2) for name in ("a.b", "a_b", "a/b", "é", "0")]
    nodes = [Requantize(f"r{i}", (v,), value(f"{v.name}!", 2), clamp=(0, i))
             for i, v in enumerate(values)]
    program = lower(graph("3 nets", *nodes))
    assert program.name == "net_3_nets"
    assert [name for _, name in program.inputs] == ["in_a_b", "in_a_b_", "in_a_b__", "in", "in_0"]
    ys = run(program, *(np.array([-5, 99]) for _ in values))
    assert [y.tolist() for y in ys] == [[0, i] for i in range(5)]


def test_a_graph_of_one_value_twice():
    x = value("x", 2)
    program = lower(Graph("", (x,), (), (x, x)))
    assert program.name == "net"
    assert [y.tolist() for y in run(program, np.array([3, -4]))] == [[3, -4], [3, -4]]


def test_a_convolution_reads_slices_where_they_lie():
    """No kernel copies them; a Concat that somebody else reads too is left alone."""
    joined = next(g for g in GRAPHS if g.name == "conv_of_slices")
    assert [k.op for k in lower(joined).kernels] == ["Input", "Conv", "Conv", "Output", "Output"]
    ends = joined.nodes[2].output
    kept = replace(joined, outputs=(*joined.outputs, ends))
    assert "Concat" in [k.op for k in lower(kept).kernels]
