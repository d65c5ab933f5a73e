"""A batch on several engines: the reference's integers, times and counters as on one, in whatever
order the samples come."""

import numpy as np
import pytest

from dsplet.base.library import LibraryError
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.sim.engine import Engine
from dsplet.firmware_sim.dsp32c.sim.machine import LimitExceeded
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.program import lower
from tests.firmware_sim.dsp32c import networks
from tests.firmware_sim.dsp32c.images import compile_program
from tests.firmware_sim.dsp32c.seen import engines


@pytest.fixture(scope="module")
def network():
    made = networks.tiny()
    image, q = compile_program(lower(made.graph()), targets.get("dsp32c-40")), made.samples(7)
    reference = made.graph().run(q)
    return image, q, reference[made.graph().outputs[0].name]


@pytest.mark.parametrize("which", [0, 1])
def test_any_number_of_threads_gives_the_same(network, which):
    image, q, expected = network
    try:
        simulator = Simulator(image, engines(image.target)[which])
    except (IndexError, LibraryError):
        pytest.skip("not on this machine")
    one, back = simulator(q, threads=1), np.arange(len(q))[::-1]
    for threads in (2, 3, 20):
        told: list[int] = []
        run = simulator(q, threads=threads, progress=told.append)
        assert np.array_equal(run.outputs[0], expected)
        assert np.array_equal(run.cycles, one.cycles)
        assert run.profile == one.profile
        assert sorted(told) == told and told[-1] == len(q)
        turned = simulator(q[back], threads=threads)
        assert np.array_equal(turned.outputs[0][back], expected)


def test_the_last_sample_is_left_in_memory(network):
    image, q, _ = network
    one, two = (Simulator(image, Engine(image.target)) for _ in range(2))
    one(q, threads=1), two(q, threads=3)
    assert np.array_equal(one.chip.memory, two.chip.memory)


def test_an_error_names_the_sample_and_ends_the_others(network, monkeypatch):
    image, q, _ = network
    monkeypatch.setattr("dsplet.firmware_sim.dsp32c.sim.batch.MAX_INSTRUCTIONS", 5)
    with pytest.raises(LimitExceeded, match="input 0: 5 instructions"):
        Simulator(image, Engine(image.target))(q, threads=3)
