"""What a program is optimized for: the same bits, less time or less memory, budgets kept."""

import numpy as np
import pytest

from dsplet.cli import cli
from dsplet.firmware_sim.dsp32c import parts as targets
from dsplet.firmware_sim.dsp32c.codegen.image import build
from dsplet.firmware_sim.dsp32c.codegen.memory_time import mixtures
from dsplet.firmware_sim.dsp32c.optimize import GOALS, cycles, external_bytes
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.program import lower
from tests.firmware_sim.dsp32c.networks import lenet_like, tiny, zip_like

TARGET = targets.get("dsp32c-40", "1991")


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("stack", [tiny, zip_like, lenet_like])
def test_every_goal_gives_the_same_bits(stack, goal):
    graph, x = stack().graph(), stack().samples(2)
    image = GOALS[goal](lower(graph), TARGET, None)
    run = Simulator(image)(x)
    assert np.array_equal(run.outputs[0], graph.run(x)[graph.outputs[0].name])
    assert cycles(image) == run.cycles.max()


@pytest.mark.slow
def test_goals_differ_as_their_names_say():
    program = lower(zip_like().graph())
    fast, small, both = (GOALS[goal](program, TARGET, None) for goal in GOALS)
    assert cycles(fast) < cycles(both) <= cycles(small)
    assert external_bytes(fast) > external_bytes(both) >= external_bytes(small)
    product = [cycles(image) * external_bytes(image) for image in (fast, small, both)]
    assert product[2] <= 1.02 * min(product)  # (it goes by estimates)


@pytest.mark.slow
def test_the_least_memory_that_keeps_a_budget():
    """No mixture that is estimated smaller keeps it; where none does, the fastest comes back."""
    program = lower(zip_like().graph())
    fast, small = (cycles(GOALS[goal](program, TARGET, None)) for goal in ("time", "memory"))
    budget = (fast + small) / 2
    image = GOALS["memory"](program, TARGET, budget)
    assert cycles(image) <= budget
    ways = mixtures(program)
    chosen = next(i for i, m in enumerate(ways) if m.choices == image.choices)
    assert cycles(build(program, TARGET, ways[chosen + 1].choices)) > budget
    assert cycles(GOALS["balanced"](program, TARGET, budget)) <= budget
    assert cycles(GOALS["memory"](program, TARGET, fast - 1)) == fast


def test_the_command_line_knows_the_goals():
    option = next(p for p in cli.commands["simulate"].params if p.name == "goal")
    assert list(option.type.choices) == list(GOALS)
