"""The passes together: on every op's cases the reference's integers, interpreted and as C, here and
on emulated cores; and what the whole buys."""

import shutil
from functools import cache

import numpy as np
import pytest

from dsplet.export.c.arena import arena, sizes
from dsplet.export.c.context import context
from dsplet.export.c.emulate import CORES, missing
from dsplet.export.c.printer import print_c
from dsplet.firmware_sim.compile.optimize import EFFORTS, DoesNotFit, optimize
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.kernel import Buffer, flat
from dsplet.quantize.fixed.kernel_text import to_text
from dsplet.quantize.fixed.ops.movement import Pad
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.program import Program, lower, run
from tests.each import each
from tests.export.together import compile_together, emulate_together
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import conv, value, weight

needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


@cache
def optimized(graph: Graph) -> dict[str, Program]:
    """By goal; often the same for all."""
    return {goal: optimize(lower(graph), goal) for goal in EFFORTS}


@pytest.mark.slow
@each("graph", GRAPHS)
def test_interpreted(graph):
    xs = [x[:2] for x in samples(graph)]
    values = graph.run(*xs)
    for program in {to_text(p): p for p in optimized(graph).values()}.values():
        runs = [run(program, *sample) for sample in zip(*xs, strict=True)]
        for v, y in zip(graph.outputs, zip(*runs, strict=True), strict=True):
            assert (np.stack(y) == values[v.name][:2]).all()


@pytest.mark.slow
@needs_cc
def test_compiled(tmp_path):
    """Without a warning; sample after sample, so that nothing lives on what the last one left."""
    cases = [(graph, {to_text(p): p for p in optimized(graph).values()}) for graph in GRAPHS]
    natives = iter(compile_together([p for _, ps in cases for p in ps.values()], tmp_path))
    for graph, programs in cases:
        xs = samples(graph)
        values = graph.run(*xs)
        for ys in (next(natives)(*xs) for _ in programs):
            for v, y in zip(graph.outputs, ys if isinstance(ys, list) else [ys], strict=True):
                assert (y == values[v.name]).all(), graph.name


@cache
def with_self_test(graph: Graph, goal: str) -> tuple[Program, tuple[str, str]]:
    """The program, and its C with a self-test."""
    program = optimized(graph)[goal]
    return program, print_c(program, "net", tested=True)


@pytest.mark.slow
@pytest.mark.parametrize("options", ["-O2", "-O3", "-Os"])
@pytest.mark.parametrize("goal", ["balanced", "time"])
@pytest.mark.parametrize("core", CORES)
def test_emulated(core, goal, options, tmp_path):
    if missing(CORES[core]):
        pytest.skip(f"{' and '.join(missing(CORES[core]))} not here")
    graphs = GRAPHS[::1 if options == "-O2" and core != "cortex-m7" else 7]
    xs = [[x[:3] for x in samples(graph)] for graph in graphs]
    programs, texts = zip(*(with_self_test(g, goal) for g in graphs), strict=True)
    done = emulate_together(programs, texts, xs, CORES[core], tmp_path, options)
    for graph, program, x, (ys, wrong, size) in zip(graphs, programs, xs, done, strict=True):
        values = graph.run(*x)
        for v, y in zip(graph.outputs, ys, strict=True):
            assert (y == values[v.name]).all(), graph.name
        assert wrong == 0 and size == context(program).bytes, graph.name


@pytest.mark.slow
@each("graph", GRAPHS)
def test_the_form_of_what_comes_out(graph):
    """Nothing kept from before the first run, buffers that something uses, and no more memory than
    before, where factors do not become twice as wide."""
    before = lower(graph)
    for goal, program in optimized(graph).items():
        used = {r for k in program.kernels for s in k.body for t in flat(s) for r in _buffers(t)}
        assert {n for n, b in program.buffers.items() if b.role not in ("input", "output")} <= used
        assert all(b.data is None for b in program.buffers.values() if b.role == "activation")
        assert arena(program).size <= _ram(before) * (2 if goal == "time" else 1)


def _buffers(statement) -> set[str]:
    fields = vars(statement).values()
    return {f.buffer for f in fields if hasattr(f, "buffer")} | {
        getattr(statement, f) for f in ("table", "slopes") if hasattr(statement, f)}


def _ram(program) -> int:
    def nbytes(b: Buffer) -> int:
        return b.size * b.dtype.itemsize

    return sum(nbytes(b) for b in program.buffers.values() if b.role == "activation")


def test_goals_mean_what_they_say():
    """A depthwise convolution of padded channels: less memory with a slice at a time."""
    x, a, p = value("x", 8, 6, 6), value("a", 8, 6, 6), value("p", 8, 8, 8)
    once = conv("c", p, weight("w", 8, 1, 3, 3), "c", groups=8)
    last = conv("d", once.output, weight("v", 4, 8, 1, 1))
    graph = Graph("depthwise", (x,), (
        Requantize("r", (x,), a, clamp=(0, 99)), Pad("pad", (a,), p, (0, 1, 1), (0, 1, 1), 0),
        once, last), (last.output,))
    rams = {goal: sizes(optimize(lower(graph), goal))[1] for goal in EFFORTS}
    assert rams["memory"] <= rams["balanced"] < rams["time"]
    assert sizes(optimize(lower(graph), "time", ram_bytes=rams["balanced"]))[1] <= rams["balanced"]
    least, _ = sizes(lower(graph))
    with pytest.raises(DoesNotFit, match="bytes of RAM") as refusal:
        optimize(lower(graph), "time", ram_bytes=rams["memory"] - 1)
    assert str(rams["memory"]) in str(refusal.value)
    with pytest.raises(DoesNotFit, match="bytes of constants"):
        optimize(lower(graph), flash_bytes=least // 2)
