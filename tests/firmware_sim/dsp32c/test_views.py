"""What is read out of the chip's memory as the views say is what the reference computes."""

import numpy as np
import pytest

from dsplet.firmware_sim.dsp32c.codegen.excess import EXCESS
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices
from dsplet.firmware_sim.dsp32c.parts import TARGETS
from dsplet.firmware_sim.dsp32c.sim.engine import Engine
from dsplet.firmware_sim.dsp32c.sim.held import held
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from tests.each import each
from tests.firmware_sim.dsp32c.every_value import every_value
from tests.firmware_sim.dsp32c.images import build, compile_program
from tests.firmware_sim.dsp32c.networks import PIXELS, PRE, SIGNED, Stack
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.samples import samples

TARGET = TARGETS["dsp32c-40"]


def agree(image: Image, graph: Graph, *xs: np.ndarray, chip=None) -> set[str]:
    """Every value that has a view is the reference's, of the first sample; those that have none."""
    wanted = every_value(graph, *(x[:1] for x in xs))
    found = held(image, chip or Engine(image.target), *(x[0] for x in xs))
    for name, integers in found.items():
        assert integers.shape == wanted[name].shape[1:], name
        assert np.array_equal(integers, wanted[name][0]), name
    return wanted.keys() - found.keys()


def small() -> tuple[Graph, np.ndarray]:
    """A convolution whose planes are max-pooled, one that is looked up, and a dense layer."""
    net = Stack("small", (1, 12, 12), PIXELS, seed=3)
    net.conv(3, 3, 1, SIGNED, relu=True).pool().conv(4, 2, 1, PRE).tanh().flatten()
    return net.gemm(5, SIGNED).graph(), net.samples(1)


def test_maxima_are_taken_of_what_is_not_rounded_yet():
    graph, x = small()
    image = build(lower(graph), TARGET, Choices())
    conv = next(v for v in image.views if v.op == "Conv")
    assert (conv.code, conv.step, conv.planes) == ("float", 1, 1)
    assert conv.low == 0  # the pooling rounds and clamps; until then sums may be negative
    assert agree(image, graph, x) == set()


def test_one_plane_at_a_time_is_there():
    graph, x = small()
    name = graph.nodes[0].output.name
    image = build(lower(graph), TARGET, Choices(fused=frozenset({f"v_{name}"})))
    conv = next(v for v in image.views if v.value == name)
    assert (conv.planes, conv.plane_bytes) == (3, 4 * 10 * 10)
    assert agree(image, graph, x) == set()
    pooling = next(s for s in image.sections if s.op == "MaxPool")
    assert conv.ready == pooling.start


def test_what_is_looked_up_is_a_place_in_its_table():
    graph, x = small()
    image = build(lower(graph), TARGET, Choices())
    looked_up = next(v for v in image.views if v.value == graph.nodes[2].output.name)
    table = next(p for p in image.placements.values() if p.kind == "byte")
    assert (looked_up.code, looked_up.step) == ("int32", 1)
    assert table.address <= looked_up.base < table.address + table.bytes
    assert (looked_up.low, looked_up.high) == (PRE.min, PRE.max)


def test_what_is_stored_with_an_excess_is_read_without_it():
    """Gates of 16 bits, which are only multiplied."""
    graph = next(g for g in GRAPHS if g.name == "lstm")
    image = compile_program(lower(graph), TARGET)
    agree(image, graph, *samples(graph))
    assert any(v.base == EXCESS for v in image.views)


def test_the_definition_holds_the_same():
    graph, x = small()
    image = build(lower(graph), TARGET, Choices())
    assert agree(image, graph, x, chip=Machine(TARGET)) == set()


@pytest.mark.slow
@pytest.mark.parametrize("goal", ["time", "memory"])
@each("graph", GRAPHS)
def test_every_op(graph, goal):
    agree(compile_program(lower(graph), TARGET, goal), graph, *samples(graph, 5))
