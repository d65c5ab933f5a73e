"""Every network of the zoo, freshly drawn: the engine, compiled here and as WebAssembly, is the
definition, and the bound is exact."""

import numpy as np
import pytest

from bench.networks import network
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c import wcet
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import load, quantize
from dsplet.train import zoo
from tests.firmware_sim.dsp32c.images import compile_program
from tests.firmware_sim.dsp32c.seen import engines, same_memory, state

pytestmark = pytest.mark.slow
LARGE = 130_000
"""The definition executes some 100,000 instructions a second; larger networks are left to the
10,000 programs and to the comparison of outputs with the reference."""


@pytest.mark.parametrize("card", zoo.cards(), ids=lambda card: card.name)
def test_the_definition_the_engine_and_the_bound_agree(card):
    path, x = network(card.name)
    graph = quantize(from_onnx.load(path), x[:16], load("nearest"))
    image = compile_program(lower(graph), targets.get("dsp32c-40", card.board))
    q = graph.inputs[0].format.quantize(x[:1])
    engine, *others = engines(image.target)
    run = Simulator(image, engine)(q)
    for other in others:
        assert np.array_equal(Simulator(image, other)(q).cycles, run.cycles)
        assert state(other) == state(engine) and same_memory(other, engine)
    assert np.array_equal(run.outputs[0], graph.run(q)[graph.outputs[0].name])
    worst = wcet.of_image(image)
    assert worst.states == run.cycles[0] * image.target.states_per_cycle and worst.exact
    if run.cycles[0] < LARGE:
        machine = Machine(image.target)
        slow = Simulator(image, machine)(q)
        assert np.array_equal(slow.outputs[0], run.outputs[0])
        assert state(machine) == state(engine) and same_memory(machine, engine)
