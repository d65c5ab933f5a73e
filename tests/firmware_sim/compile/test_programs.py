"""What each pass on programs does to one that calls for it."""

import numpy as np
import pytest

from dsplet.export.c.arena import arena, lifetimes
from dsplet.firmware_sim.compile.borders import borders_written
from dsplet.firmware_sim.compile.forward import forward
from dsplet.firmware_sim.compile.fuse_consumer import fuse_consumers
from dsplet.firmware_sim.compile.in_place import in_place
from dsplet.firmware_sim.compile.layout import shapes, transposed
from dsplet.firmware_sim.compile.narrow import narrowed
from dsplet.firmware_sim.compile.nest import read, written
from dsplet.firmware_sim.compile.reading_order import in_reading_order
from dsplet.firmware_sim.compile.streaming import streaming
from dsplet.firmware_sim.compile.wide import widened
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.kernel import Lookup, Mac, Max, Mul, Requantize, flat
from dsplet.quantize.fixed.ops.binary import Add
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum
from dsplet.quantize.fixed.ops.matmul import MatMul
from dsplet.quantize.fixed.ops.movement import Pad
from dsplet.quantize.fixed.ops.pool import MaxPool
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.program import Program, lower, run
from dsplet.quantize.fixed.qformat import QFormat
from tests.each import each
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.loops import elman
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import Q15, conv, gemm, graph, value, weight


def holds(g: Graph, program: Program) -> bool:
    """Whether the program gives the graph's integers."""
    xs = [x[4:7] for x in samples(g)]
    values = g.run(*xs)
    runs = [run(program, *sample) for sample in zip(*xs, strict=True)]
    return all((np.stack(y) == values[v.name]).all()
               for v, y in zip(g.outputs, zip(*runs, strict=True), strict=True))


def statements(program: Program, kind) -> list:
    return [s for k in program.kernels for whole in k.body for s in flat(whole)
            if isinstance(s, kind)]


def pooled(table: bool) -> Graph:
    """A convolution of 7x7, perhaps through tanh, its largest of 2x2: a row and a column of it
    nobody reads."""
    first = conv("c", value("x", 2, 9, 9), weight("w", 3, 2, 3, 3, frac=(5, 6, 7)), "c",
                 fmt=QFormat(8, 4))
    middle = Table.of(np.tanh, "t", first.output, value("t", 3, 7, 7), "tanh")
    before = middle.output if table else first.output
    last = MaxPool("m", (before,), value("y", 3, 3, 3, fmt=before.format), (2, 2), (2, 2))
    return graph("pooled", first, *([middle] if table else []), last)


@pytest.mark.parametrize("table", [False, True])
def test_a_pool_and_a_table_join_their_convolution(table):
    g = pooled(table)
    program = fuse_consumers(forward(lower(g)))
    assert holds(g, program) and len(program.kernels) == 1
    assert not [b for b in program.buffers.values() if b.role == "activation"]
    order = [type(s) for s in statements(program, Requantize | Max | Lookup)]
    assert order == ([Requantize, Lookup, Max] if table else [Max, Requantize])


def test_a_consumer_that_changes_what_its_maker_reads_stays_apart():
    """Every output of the convolution needs all of the state that the sum would overwrite."""
    loops = [g for g in GRAPHS if lowered(g).repeats]
    assert len(loops) > 5 and all(holds(g, fuse_consumers(forward(lower(g)))) for g in loops)


@pytest.mark.parametrize("between", [1, 2])
def test_a_residual_connection_needs_one_buffer(between):
    """But not where the convolution before the sum still reads all of what the sum adds."""
    fmt = QFormat(8, 4)
    nodes = [conv("a", value("x", 2, 5, 5), weight("w", 2, 2, 1, 1), "a", fmt=fmt)]
    for i in range(between):
        nodes.append(conv(f"b{i}", nodes[-1].output, weight("v", 2, 2, 1, 1), f"b{i}", fmt=fmt))
    total = Add("s", (nodes[-1].output, nodes[0].output), value("s", 2, 5, 5, fmt=fmt))
    g = graph("residual_in_place", *nodes, total,
              conv("d", total.output, weight("u", 3, 2, 2, 2), "y"))
    before = fuse_consumers(forward(lower(g)))
    after = in_place(before)
    assert holds(g, after)
    assert len(after.buffers) == len(before.buffers) - (between > 1)


@pytest.mark.parametrize("staged", [False, True])
def test_borders_are_no_longer_kept(staged):
    p = value("p", 4, 7, 8)
    a = conv("a", value("x", 1, 5, 5), weight("w", 4, 1, 1, 1), "a", fmt=p.format)
    pad = Pad("pad", (a.output,), p, (0, 1, 2), (0, 1, 1), 9)
    g = graph("padded", a, pad, conv("c", p, weight("v", 4, 1, 3, 3), groups=4))
    before = lower(g)
    after = borders_written(before, staged)
    assert holds(g, after)
    assert any(b.data is not None for b in before.buffers.values() if b.role == "activation")
    assert all(b.data is None for b in after.buffers.values() if b.role == "activation")
    assert after.buffers["v_p"].size == (4 * 5 * 5 if staged else 4 * 7 * 8)


def test_recurrent_weights_stay_narrow():
    """Two inputs whose steps differ by 2 and 3 bits, channel by channel."""
    x, h = value("x", 6, fmt=QFormat(8, 7)), value("h", 5, fmt=QFormat(8, 5))
    weights = weight("w", 3, 6, frac=(6, 6, 7)), weight("v", 3, 5, frac=(6, 5, 6))
    node = GemmSum("g", (x, h), value("y", 3, fmt=Q15), weights, np.array([5, -6, 7]))
    g = graph("gates", node)
    before = lower(g)
    after = narrowed(before)
    assert holds(g, after)
    widths = [[p.buffers[f"k02_gemmsum_weight{j}"].dtype.itemsize for j in (0, 1)]
              for p in (before, after)]
    assert widths == [[1, 2], [1, 1]] and len(statements(after, Mul)) == 1


def test_what_each_step_reads_of_an_input_is_copied_in_it():
    """The element of a sequence that 16 units read; the state beside it needs no copy."""
    before = forward(lower(elman("wide", 3, n=2, units=16)))
    after = widened(before)
    assert holds(elman("wide", 3, n=2, units=16), after)
    copy, = (i for i, k in enumerate(after.kernels) if k.op == "Copy")
    assert [(r.first, r.extent) for r in after.around(copy)] == [(copy, 3)]
    loop, = before.repeats
    assert after.repeats[0].last == loop.last + 1
    assert {after.buffers[s.x.buffer].dtype.itemsize for s in statements(after, Mac)} == {2}
    assert widened(streaming(before)).resume == streaming(before).resume == copy


def test_what_meets_a_narrow_factor_stays_narrow():
    """An input of few products, what is multiplied by it, and the weights which that meets."""
    made = gemm("f", value("x", 2, 3), weight("w", 3, 3), "f")
    product = MatMul("m", (made.output, value("u", 3, 1)), value("m", 2, 1, fmt=Q15))
    g = graph("narrow", made, product, gemm("g", made.output, weight("v", 4, 3), "y"))
    program = widened(forward(lower(g)))
    assert len(statements(program, Mac)) == 3
    assert all(program.buffers[r.buffer].dtype.itemsize == 1
               for s in statements(program, Mac) for r in (s.x, s.w))


@pytest.mark.slow
@each("graph", GRAPHS)
def test_constants_lie_in_the_order_of_reading(graph):
    """Of a dot product's weights, row after row."""
    assert holds(graph, in_reading_order(lowered(graph)))


@pytest.mark.slow
@each("graph", GRAPHS)
def test_any_buffer_may_lie_the_other_way_round(graph):
    program = lowered(graph)
    for name, shape in shapes(program).items():
        order = (*range(1, len(shape)), 0)
        turned = transposed(program, name, shape, order)
        assert turned is None or holds(graph, turned)


@each("graph", GRAPHS)
def test_what_is_alive_together_lies_apart(graph):
    program = lowered(graph)
    plan, alive = arena(program), lifetimes(program)
    for name, at in plan.at.items():
        b = program.buffers[name]
        assert at % b.dtype.itemsize == 0 and at + b.size * b.dtype.itemsize <= plan.size
        for other, there in plan.at.items():
            if other < name and alive[name][0] <= alive[other][1] and (
                    alive[other][0] <= alive[name][1]):
                o = program.buffers[other]
                assert there + o.size * o.dtype.itemsize <= at or (
                    at + b.size * b.dtype.itemsize <= there)
    for i, kernel in enumerate(program.kernels):
        for name in (read(kernel.body) | written(kernel.body)) & alive.keys():
            assert alive[name][0] <= i <= alive[name][1]
