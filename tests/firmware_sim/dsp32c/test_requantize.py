"""Every accumulator there can be, through the code that rounds, clamps, stores and looks up."""


import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.compile.fuse import fusions
from dsplet.firmware_sim.compile.segments import in_steps, segments
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices, mixtures
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.arithmetic import requantize
from dsplet.quantize.fixed.graph import Graph, Value, Weight
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.program import lower, run
from dsplet.quantize.fixed.qformat import QFormat
from tests.firmware_sim.dsp32c.images import build
from tests.firmware_sim.dsp32c.networks import zip_like
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.samples import samples

TARGET = targets.get("dsp32c-40", "1991")
X = QFormat(16, 0)
EVERY = np.arange(X.min, X.max + 1)[:, None]
LARGE = 32_767


def unit(shift: int, weight: int, bias: int, clamp=None) -> Gemm:
    """One weight, so that the accumulators are weight * x + bias for all 65,536 x."""
    x = Value("x", (1,), X)
    w = Weight(np.array([[weight]]), 16, np.array([shift]))
    return Gemm("g", (x,), Value("v", (1,), QFormat(9, 0)), w, np.array([bias]), clamp=clamp)


@pytest.mark.parametrize("choice", [0, -1], ids=["fastest", "smallest"])
@pytest.mark.parametrize("shift, weight, bias", [
    (0, 1, 0), (1, 1, -3), (2, -1, 7), (5, 3, 1), (8, 1, 127), (8, -1, -128), (9, 1, 0),
    (14, LARGE, 5), (20, LARGE, -99_999), (22, -LARGE, 1 << 20)])
@pytest.mark.parametrize("clamp", [(-7, 255), *(
    pytest.param(clamp, marks=pytest.mark.slow) for clamp in (None, (0, 100)))])
@pytest.mark.parametrize("looked_up", [False, True])
def test_every_accumulator(looked_up, clamp, shift, weight, bias, choice):
    """The expected value is one line of integer arithmetic; a table squares, modulo 199."""
    g = unit(shift, weight, bias, clamp)
    nodes, y = (g,), g.output
    if looked_up:
        y = Value("y", (1,), QFormat(9, 0))
        nodes = (g, Table.of(lambda v: v * v % 199, "t", g.output, y))
    program = lower(Graph("unit", (g.inputs[0],), nodes, (y,)))
    image = build(program, TARGET, mixtures(program)[choice].choices)
    low, high = clamp or (-256, 255)
    expected = requantize(weight * EVERY + bias, shift, low, high)
    if looked_up:
        expected = expected * expected % 199
    assert np.array_equal(Simulator(image)(EVERY).outputs[0], expected)


@pytest.mark.parametrize("graph", [g for g in GRAPHS if segments(lowered(g))], ids=lambda g: g.name)
def test_interpolation_step_by_step_keeps_the_meaning(graph):
    program = lowered(graph)
    stepped = in_steps(program, frozenset(segments(program)))
    assert not segments(stepped)
    xs = samples(graph, 3)
    for i in range(3):
        assert all(np.array_equal(a, b) for a, b in zip(
            run(program, *(x[i] for x in xs)), run(stepped, *(x[i] for x in xs)), strict=True))


def test_every_fusion_alone_gives_the_same_bits():
    graph, x = zip_like().graph(), zip_like().samples(2)
    program, expected = lower(graph), graph.run(x)[graph.outputs[0].name]
    for f in fusions(program.kernels, program.buffers, program.borders):
        image = build(program, TARGET, Choices(fused=frozenset({f.buffer})))
        assert np.array_equal(Simulator(image)(x).outputs[0], expected)
