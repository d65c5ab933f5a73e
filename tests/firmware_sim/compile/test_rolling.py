"""Kernels that take turns, on chains drawn at random: the reference's integers, interpreted and as
C, whichever kernels are chosen and however many rows a turn."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsplet.export.c.arena import sizes
from dsplet.firmware_sim.compile.chains import rolling
from dsplet.firmware_sim.compile.forward import forward
from dsplet.firmware_sim.compile.fuse_consumer import fuse_consumers
from dsplet.firmware_sim.compile.layout import channels_last, ordered
from dsplet.firmware_sim.compile.optimize import optimize
from dsplet.firmware_sim.compile.rolling import Chain, chained, rolled, surroundings
from dsplet.firmware_sim.compile.rows import Window, by_rows, row_shapes
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.kernel import Kernel, Loop, Set, Store
from dsplet.quantize.fixed.ops.binary import Add
from dsplet.quantize.fixed.ops.movement import Pad, Reshape
from dsplet.quantize.fixed.ops.pool import MaxPool
from dsplet.quantize.fixed.ops.sum_pool import SumPool
from dsplet.quantize.fixed.program import Program, lower, run
from dsplet.quantize.fixed.statement import Affine, Ref
from tests.export.together import compile_together, self_tests_together
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import Q5, conv, gemm, graph, value, weight

needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


def network(choose) -> Graph:
    """Convolutions, of all channels or of each, the largest of windows, and sums with what came
    before, in a row; choose(low, high): an integer."""
    axes = choose(1, 2)
    x = value("x", choose(1, 2), *(choose(5, 9) for _ in range(axes)), fmt=Q5)
    nodes, y = [], x
    for i in range(choose(2, 4)):
        before, c = y, y.shape[0]
        window = tuple(choose(1, min(3, n)) for n in y.shape[1:])
        strides = tuple(choose(1, 2) for _ in window)
        edges = [tuple(choose(0, n - 1) for n in window) for _ in range(2)]
        if any(map(any, edges)):
            p = value(f"p{i}", c, *(n + a + b for n, a, b in zip(y.shape[1:], *edges, strict=True)),
                      fmt=Q5)
            nodes.append(Pad(f"pad{i}", (y,), p, (0, *edges[0]), (0, *edges[1]), choose(-3, 3)))
            y = p
        kind = choose(0, 2)
        if kind < 2:
            w = weight(f"w{i}", *((choose(1, 3), c) if kind else (c, 1)), *window)
            nodes.append(conv(f"c{i}", y, w, f"y{i}", strides, groups=1 if kind else c))
        else:
            out = value(f"y{i}", c, *((n - k) // s + 1 for n, k, s in
                                      zip(y.shape[1:], window, strides, strict=True)), fmt=Q5)
            nodes.append(MaxPool(f"m{i}", (y,), out, window, strides))
        y = nodes[-1].output
        if y.shape == before.shape and choose(0, 1):
            nodes.append(Add(f"a{i}", (before, y), value(f"s{i}", *y.shape, fmt=Q5)))
            y = nodes[-1].output
        if 0 in y.shape or min(y.shape[1:]) < 2:
            break
    return graph("chain", *nodes, inputs=(x,), outputs=(y,))


def taking_turns(program: Program, first: int, last: int, rows: int
                 ) -> tuple[Program, Chain] | None:
    """The program where kernels first to last do; None where they cannot."""
    shapes = row_shapes(program)
    kernels = [by_rows(k, shapes) for k in program.kernels[first:last + 1]]
    others = (*program.kernels[:first], *program.kernels[last + 1:])
    if None in kernels:
        return None
    inner = {b: border for b, border in surroundings(program, kernels, shapes).items()
             if not any(b in s.buffers() for k in others for s in k.body)}
    chain = chained(kernels, shapes, inner, rows)
    return chain and (rolled(program, chain, shapes, inner), chain)


@given(st.data())
def test_whoever_takes_turns_the_integers_are_the_same(data):
    net = network(lambda low, high: data.draw(st.integers(low, high)))
    program = forward(lower(net))
    program = fuse_consumers(program) if data.draw(st.booleans()) else program
    first = data.draw(st.integers(0, max(0, len(program.kernels) - 2)))
    last = data.draw(st.integers(first, len(program.kernels) - 1))
    found = taking_turns(program, first, last, data.draw(st.sampled_from((1, 2, 3))))
    if not found:
        return
    done, chain = found
    turned = channels_last(done, lambda k, b: -sum(r.index.coefficient("turn") for s in k.body
                                                   for r in s.refs()))
    assert done.macs == program.macs and chain.kept
    xs = samples(net, 6)
    for x in xs[0][-2:]:
        expected = net.run(x[None])[net.outputs[0].name][0]
        for p in (done, ordered(turned)):
            assert (run(p, x)[0] == expected).all()


def seeded(seed: int) -> Graph:
    rng = np.random.default_rng(seed)
    return network(lambda low, high: int(rng.integers(low, high + 1)))


@pytest.mark.slow
@needs_cc
def test_random_chains_as_c(tmp_path):
    """What the search chooses, and never in more memory."""
    nets = [seeded(n) for n in range(150)]
    programs = [optimize(lower(net), "memory") for net in nets]
    assert sum(bool(p.repeats) for p in programs) > 50
    for net, program, native in zip(nets, programs, compile_together(programs, tmp_path),
                                    strict=True):
        xs = samples(net)
        assert (native(*xs) == net.run(*xs)[net.outputs[0].name]).all()
        assert sizes(program)[1] <= sizes(optimize(lower(net), "balanced"))[1]


def block(rows: int) -> Graph:
    """A residual block of convolutions and a convolution that takes every second row of it."""
    x, p, q = value("x", 2, rows, 6), value("p", 2, rows + 2, 8), value("q", 2, rows + 2, 8, fmt=Q5)
    a = conv("a", p, weight("w", 2, 2, 3, 3), "a")
    b = conv("b", q, weight("v", 2, 2, 3, 3), "b")
    s = value("s", 2, rows, 6, fmt=Q5)
    edge = (0, 1, 1)
    return graph("block", Pad("pad", (x,), p, edge, edge, 0), a,
                 Pad("pad2", (a.output,), q, edge, edge, 0), b, Add("s", (x, b.output), s),
                 conv("c", s, weight("u", 3, 2, 1, 1), "y", (2, 2)))


@needs_cc
def test_a_block_keeps_the_rows_that_are_still_needed(tmp_path):
    """Two rows a turn of all but the last. The first convolution needs a row ahead and so starts a
    turn late, the second one more. Of the input, three turns' rows wait for the sum; of what the
    first makes the second needs two turns' and the row above."""
    program = forward(lower(block(8)))
    found = taking_turns(program, 0, len(program.kernels) - 1, 1)
    assert found
    done, chain = found
    assert {k.buffer: (p.rows, p.delay, p.turns) for k, p in zip(
        chain.kernels, chain.paces, strict=True)} == {
        "v_p": (2, 0, 4), "v_q": (2, 1, 4), "v_b": (2, 2, 4), "v_s": (2, 2, 4),
        "out_y": (1, 2, 4)}
    assert chain.kept == {"v_p": 6, "v_q": 5, "v_b": 2, "v_s": 2}
    assert self_tests_together([done], tmp_path)[0][0] == 0


def test_memory_does_not_grow_with_the_rows():
    few, many = (sizes(optimize(lower(block(rows)), "memory"))[1] for rows in (32, 64))
    assert few == many < sizes(optimize(lower(block(32)), "balanced"))[1]


def test_what_needs_all_rows_takes_no_turns():
    x = value("x", 2, 6, 6)
    a = conv("a", x, weight("w", 2, 2, 1, 1), "a")
    total = SumPool("m", (a.output,), value("m", 2, 1, 1, fmt=Q5), (6, 6), (1, 1))
    flat = Reshape("f", (a.output,), value("f", 72, fmt=Q5))
    for end in ((total,), (flat, gemm("g", flat.output, weight("v", 3, 72)))):
        program = forward(lower(graph("whole", a, *end)))
        assert rolling(program) is program


def var(name: str) -> Affine:
    return Affine(0, ((name, 1),))


SHAPES = {"x": (2, 6, 4), "y": (2, 4, 4)}


def kernel(row: Affine, leaf=None, buffer="y", rows: int = 4) -> Kernel:
    """y[c, r, i] made of x[c, `row`, i]."""
    at = var("c") * 24 + var("i")
    body = leaf or (Set("d", Ref("x", at + row * 4)),)
    store = Store(Ref(buffer, var("c") * 16 + var("r") * 4 + var("i")), "d")
    return Kernel("k", "n", "Test", (Loop("c", 2, (Loop("r", rows, (Loop("i", 4, (
        *body, store)),)),)),))


def test_the_rows_that_a_row_needs():
    taps = (Set("d", 0), Loop("t", 3, (Set("e", Ref("x", var("c") * 24 + var("r") * 4 + var("t") * 4
                                                   + var("i"))), Set("d", "e"))))
    found = by_rows(kernel(var("r"), taps), SHAPES)
    assert found and (found.var, found.rows, found.windows) == ("r", 4, {"x": Window(1, 0, 2)})
    found = by_rows(kernel(var("r") + 2), SHAPES)
    assert found and found.windows == {"x": Window(1, 2, 2)}
    found = by_rows(kernel(var("r") * 2, rows=3), SHAPES)
    assert found and found.windows == {"x": Window(2, 0, 0)}


@pytest.mark.parametrize("row, leaf, buffer", [
    (var("r"), (Set("d", "sum"),), "y"),  # a register from the turn before
    (var("r"), None, "x"),  # reads what it writes
    (var("r"), None, "z"),  # a buffer without rows
], ids=["carried", "own", "unknown"])
def test_what_is_not_made_row_by_row(row, leaf, buffer):
    assert by_rows(kernel(row, leaf, buffer), SHAPES) is None


@pytest.mark.parametrize("row", [var("r") * -1 + 3, Affine(2), var("c") * 2])
def test_rows_that_do_not_follow_each_other(row):
    found = by_rows(kernel(row), SHAPES)
    assert found is None or not found.windows
