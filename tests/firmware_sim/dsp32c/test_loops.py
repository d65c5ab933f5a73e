"""Loops over time on the chip: one copy of the code, however long the sequence."""

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.compile.streaming import CannotStream, streaming
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.firmware_sim.dsp32c.sim.stream import Stream
from dsplet.quantize.fixed.program import lower
from tests.firmware_sim.dsp32c.images import compile_program
from tests.quantize.fixed import words
from tests.quantize.fixed.loops import LOOPS, elman
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import gemm, value, weight

CHIP = targets.get("dsp32c-40")


def compiled(steps: int, **sizes):
    return compile_program(lower(elman("net", steps, **sizes)), CHIP)


@pytest.mark.parametrize("all_steps", [False, True])
def test_the_code_does_not_grow_with_the_sequence(all_steps):
    images = [compiled(steps, n=28, units=6, all_steps=all_steps) for steps in (28, 280, 1400)]
    assert len({image.code_bytes for image in images}) == 1


def test_the_cycles_grow_by_one_step_each():
    """The same number for every step, apart from a bank that happens to be busy."""
    cycles = []
    for steps in (10, 20, 40):
        image = compiled(steps, n=28)
        x = np.zeros((1, steps, 28), np.int64)
        cycles.append(float(Simulator(image)(x).cycles[0]))
    assert 2 * (cycles[1] - cycles[0]) == pytest.approx(cycles[2] - cycles[1], rel=0.01)


def test_the_state_stays_on_chip():
    """It lies behind the element that is added to it."""
    placements = compiled(280, n=28).placements
    for buffer in ("v_xt", "v_pre", "clock"):
        assert not placements[buffer].external, buffer
    assert placements["in_x"].external


def test_every_instruction_belongs_to_a_section():
    for graph in LOOPS:
        image = compile_program(lower(graph), CHIP)
        ends = [s.end for s in image.sections]
        assert [s.start for s in image.sections[1:]] == ends[:-1]
        assert sum(s.macs for s in image.sections) == graph.macs


def test_a_stream_takes_one_step_a_call():
    """After every element the output is that of the network that ends there."""
    graph = elman("net", 6)
    image = compile_program(streaming(lower(graph)), CHIP)
    x = samples(graph, 5)[0]
    seen = Stream(image)(x)
    for steps in range(1, 7):
        short = elman("net", steps)
        y = short.run(x[:, :steps])[short.outputs[-1].name]
        assert np.count_nonzero(seen.outputs[0][:, steps - 1] != y) == 0
    assert (seen.cycles == seen.cycles[0, 0]).all()


def test_what_cannot_be_streamed_is_refused():
    for name, told in (("both_ways", "2 inputs"), ("made_inside", "as a whole")):
        graph = next(g for g in LOOPS if g.name == name)
        with pytest.raises(CannotStream, match=told):
            streaming(lower(graph))
    whole = elman("net", 6, all_steps=True)
    behind = gemm("every", value("seen", 6, 6), weight("every", 4, 6), "every_y")
    for graph in (whole, words.graph("net", *whole.nodes, behind)):
        with pytest.raises(CannotStream, match="keeps a sequence"):
            streaming(lower(graph))
