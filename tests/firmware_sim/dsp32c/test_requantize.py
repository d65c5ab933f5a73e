"""Every accumulator there can be, through the code that rounds, clamps, stores and looks up."""

from dataclasses import replace

import numpy as np
import pytest

from dsplet.firmware_sim.dsp32c import parts as targets
from dsplet.firmware_sim.dsp32c.codegen.fuse import Mark, fuse, fusions, parts
from dsplet.firmware_sim.dsp32c.codegen.image import build
from dsplet.firmware_sim.dsp32c.codegen.local_copies import Room, stage
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices, mixtures
from dsplet.firmware_sim.dsp32c.codegen.scale import Scaled
from dsplet.firmware_sim.dsp32c.codegen.segments import in_steps, segments
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.arithmetic import requantize
from dsplet.quantize.fixed.graph import Graph, Value, Weight
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.kernel import Affine, Buffer, Kernel, Loop, Mac, Ref, Set, Store
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.program import lower, run
from dsplet.quantize.fixed.qformat import QFormat
from tests.firmware_sim.dsp32c.networks import lenet_like, tiny, zip_like
from tests.firmware_sim.dsp32c.test_codegen import memory
from tests.quantize.fixed.cases import GRAPHS
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
@pytest.mark.parametrize("clamp", [None, (0, 100), (-7, 255)])
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


@pytest.mark.parametrize("graph", [g for g in GRAPHS if segments(lower(g))], ids=lambda g: g.name)
def test_interpolation_step_by_step_keeps_the_meaning(graph):
    program = lower(graph)
    stepped = in_steps(program, frozenset(segments(program)))
    assert not segments(stepped)
    xs = samples(graph, 3)
    for i in range(3):
        assert all(np.array_equal(a, b) for a, b in zip(
            run(program, *(x[i] for x in xs)), run(stepped, *(x[i] for x in xs)), strict=True))


def unmarked(body: tuple) -> tuple:
    """The statements that the kernel language has."""
    return tuple(replace(s, body=unmarked(s.body)) if isinstance(s, Loop) else s
                 for s in body if not isinstance(s, Mark))


@pytest.mark.parametrize("stack", [tiny, zip_like,
                                   pytest.param(lenet_like, marks=pytest.mark.slow)])
def test_fusing_keeps_the_meaning(stack):
    """All that can be fused, interpreted part by part, writes the same outputs into less memory."""
    program = lower(stack().graph())
    possible = fusions(program.kernels, program.buffers, program.borders)
    fused, buffers = fuse([Scaled(k, {}) for k in program.kernels], program.buffers,
                          frozenset(f.buffer for f in possible), program.borders)
    assert possible and len(fused) < len(program.kernels)
    assert [name for s in fused for name in parts(s.kernel)] == [k.name for k in program.kernels]
    x = stack().samples(1)[0]
    plain, shrunk = memory(program, x), memory(program, x)
    for f in possible:
        assert buffers[f.buffer].size == f.words < f.size
        shrunk[f.buffer] = np.zeros(f.words, np.int64)
    for kernel in program.kernels:
        interpret(kernel, plain)
    for s in fused:
        interpret(replace(s.kernel, body=unmarked(s.kernel.body)), shrunk)
    name = program.outputs[0][1]
    assert np.array_equal(shrunk[name], plain[name])


def test_every_fusion_alone_gives_the_same_bits():
    graph, x = zip_like().graph(), zip_like().samples(2)
    program, expected = lower(graph), graph.run(x)[graph.outputs[0].name]
    for f in fusions(program.kernels, program.buffers, program.borders):
        image = build(program, TARGET, Choices(fused=frozenset({f.buffer})))
        assert np.array_equal(Simulator(image)(x).outputs[0], expected)


def at(buffer: str, **coefficients: int) -> Ref:
    return Ref(buffer, Affine(0, tuple(coefficients.items())))


def test_planes_that_are_read_by_halves_are_not_fused():
    """Each of 3 turns makes one number; 6 turns read them, two for each."""
    make = Kernel("make", "", "", (Loop("i", 3, (Set("d", at("x", i=1)),
                                                Store(at("m", i=1), "d"))),))
    use = Kernel("use", "", "", (Loop("j", 6, (Set("d", Ref("m", Affine(0))),
                                              Store(at("y", j=1), "d"))),))
    buffers = {name: Buffer(name, size, 0, 1, "activation")
               for name, size in (("x", 3), ("m", 3), ("y", 6))}
    assert fusions((make, use), buffers, frozenset()) == []


def test_what_a_loop_writes_is_not_copied_before_it():
    """A fused kernel: each turn makes a plane m in external memory and multiplies it."""
    make = Loop("j", 4, (Set("d", at("x", i=4, j=1)), Store(at("m", j=1), "d")))
    use = Loop("k", 4, (Set("a", 0), Loop("z", 8, (Mac("a", at("m", k=1), at("w", i=8, z=1)),)),
                        Store(at("y", i=4, k=1), "a")))
    kernel = Kernel("fused", "", "", (Loop("i", 3, (make, use)),))
    staged, copies = stage(kernel, lambda b: None, [Room("RAM0", 512), Room("RAM1", 512)],
                           lambda b: None)
    assert copies
    x, w = np.arange(1, 13), np.arange(2, 26)
    here = {"x": x, "w": w, "m": np.zeros(4, np.int64), "y": np.zeros(12, np.int64)}
    interpret(staged, here | {c.buffer.name: np.zeros(c.buffer.size, np.int64) for c in copies})
    assert np.array_equal(here["y"], (x.reshape(3, 4) * w.reshape(3, 8).sum(1)[:, None]).ravel())
