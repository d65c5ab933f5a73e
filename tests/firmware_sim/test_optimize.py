"""What a program is optimized for: the same bits, less time or less memory, budgets kept."""

from types import SimpleNamespace

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import DoesNotFit, WorstCase
from dsplet.firmware_sim.compile.pareto import Mixture
from dsplet.firmware_sim.dsp32c.codegen.compilation import Compilation
from dsplet.firmware_sim.optimize import GOALS, Ways, cycles, external_bytes
from dsplet.quantize.fixed.program import lower
from tests.firmware_sim.dsp32c.networks import lenet_like, lenet_small, tiny, zip_like

pytestmark = pytest.mark.slow

TARGET = targets.get("dsp32c-40", "1991")


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("stack", [tiny, zip_like, lenet_small,
                                   pytest.param(lenet_like, marks=pytest.mark.slow)])
def test_every_goal_gives_the_same_bits(stack, goal):
    graph, x = stack().graph(), stack().samples(2)
    compiled = targets.compile(lower(graph), TARGET, goal)
    run = compiled.simulate([x])
    assert np.array_equal(run.outputs[0], graph.run(x)[graph.outputs[0].name])
    assert cycles(compiled) == run.cycles.max()


def test_goals_differ_as_their_names_say():
    program = lower(zip_like().graph())
    fast, small, both = (targets.compile(program, TARGET, goal) for goal in GOALS)
    assert cycles(fast) < cycles(both) <= cycles(small)
    assert external_bytes(fast) > external_bytes(both) >= external_bytes(small)
    product = [cycles(c) * external_bytes(c) for c in (fast, small, both)]
    assert product[2] <= 1.02 * min(product)  # (it goes by estimates)


@pytest.mark.parametrize("stack", [lenet_small, pytest.param(zip_like, marks=pytest.mark.slow)])
def test_the_least_memory_that_keeps_a_budget(stack):
    """No mixture that is estimated smaller keeps it; where none does, the fastest comes back."""
    program = lower(stack().graph())
    fast, small = (cycles(targets.compile(program, TARGET, goal)) for goal in ("time", "memory"))
    budget = (fast + small) / 2
    compiled = targets.compile(program, TARGET, "memory", budget)
    assert cycles(compiled) <= budget
    every = Compilation(program, TARGET)
    chosen = next(i for i, m in enumerate(every.mixtures)
                  if m.choices == compiled.image.choices)
    smaller = every.build(every.mixtures[chosen + 1].choices)
    assert type(compiled)(program, smaller).worst_case().cycles > budget
    assert cycles(targets.compile(program, TARGET, "balanced", budget)) <= budget
    assert cycles(targets.compile(program, TARGET, "memory", fast - 1)) == fast


class Crowded(Ways):
    """Five ways, of which the two fastest do not fit, 10 cycles apart."""

    mixtures = [Mixture(10 * way, 10 * way, way) for way in range(5)]

    def build(self, way):
        if way < 2:
            raise DoesNotFit("too large", 20 - 10 * way)
        return SimpleNamespace(way=way, worst_case=lambda: WorstCase(100.0 + 10 * way))


@pytest.mark.parametrize("budget, way", [(None, 4), (130, 3), (120, 2), (90, 2)])
def test_the_fastest_that_fits_where_no_budget_is_kept(budget, way):
    assert GOALS["memory"](Crowded(), budget).way == way
