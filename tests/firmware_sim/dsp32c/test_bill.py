"""The bill is whole, and no layer is below its lower bound."""

from __future__ import annotations

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.bill import item_rows
from dsplet.firmware_sim.budget import Budget
from dsplet.firmware_sim.dsp32c.lower_bound import least_cycles, lower_bounds
from dsplet.firmware_sim.dsp32c.wcet import of_image
from dsplet.firmware_sim.optimize import GOALS
from dsplet.firmware_sim.report import simulation
from dsplet.quantize.fixed.program import lower
from tests.each import each
from tests.firmware_sim.dsp32c import networks
from tests.firmware_sim.dsp32c.test_wcet import waiting
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.samples import samples

pytestmark = pytest.mark.slow

BOARD = targets.get("dsp32c-40", "1991")
WAITING = waiting(BOARD, 2)


def ran(graph, target, xs):
    compiled = targets.compile(lower(graph), target)
    return compiled, compiled.simulate(xs)


@pytest.mark.parametrize("stack", [networks.tiny, networks.zip_like])
def test_items_add_up_to_the_cycles(stack):
    network = stack()
    compiled, run = ran(network.graph(), BOARD, [network.samples(3)])
    rows = {row.item: row for row in item_rows(compiled.items(run))}
    assert sum(row.cycles for row in rows.values()) == pytest.approx(run.cycles.mean())
    assert sum(row.percent for row in rows.values()) == pytest.approx(100)
    macs = rows["multiply-accumulates"]
    assert macs.cycles - macs.stalls == network.graph().macs
    assert rows["input conversion"].cycles >= network.input.size  # one word a cycle
    assert rows["output conversion"].cycles >= network.value.size
    tanhs = sum(n.output.size for n in network.nodes if n.op == "Table")
    assert rows["table look-ups"].cycles >= 2 * tanhs  # two loads: the address, the entry


@pytest.mark.parametrize("target", [pytest.param(BOARD, marks=pytest.mark.slow), WAITING])
@each("graph", GRAPHS)
def test_no_layer_is_below_its_lower_bound(graph, target):
    program = lower(graph)
    _, run = ran(graph, target, samples(graph, 1))
    cycles = {bill.section.kernel: bill.cycles for bill in run.bills}
    for kernel, bound in lower_bounds(program, target).items():
        assert bound <= cycles[kernel]
    assert least_cycles(program) <= run.cycles.min()


def bounds_of(stack, target=BOARD):
    program = lower(stack.graph())
    bounds = lower_bounds(program, target)
    return {k.op: bounds[k.name] for k in program.kernels}


def test_lower_bounds_by_hand():
    """tiny: 6x6 padded to 8x8, two maps of 3x3 taps, 2x2 maxima, 4 units, a table."""
    bounds = bounds_of(networks.tiny())
    assert bounds["Conv"] == 2 * 36 * 9  # one multiply-accumulate a cycle
    # three of four values: a difference, a selection; what the dense layer reads is rounded
    assert bounds["MaxPool"] == 2 * 9 * (3 * 2 + 1)
    assert bounds["Gemm"] == 4 * 18
    assert bounds["Table"] == 4 * 2  # a load of the index, then a store of the entry
    assert bounds["Input"] == 36


def test_the_bound_of_a_whole_network_by_hand():
    """Its products, the maxima's selections, a rounding of each and a look-up for each unit, joined
    as they may."""
    network = networks.tiny()
    program = lower(network.graph())
    assert least_cycles(program) == 2 * 36 * 9 + 4 * 18 + 2 * 9 * (3 + 1) + 4
    for goal in GOALS:
        compiled = targets.compile(program, BOARD, goal)
        assert compiled.simulate([network.samples(1)]).cycles[0] >= least_cycles(program)
    core = targets.get("cortex-m4")
    assert targets.least_cycles(program, core) is None


def test_a_dense_layer_too_large_for_the_chip_waits_for_its_weights():
    """400 x 300 bytes: 30,000 words less 1,536 on chip lie outside; each stops the machine."""
    rng = np.random.default_rng(0)
    stack = networks.Stack("dense", (400,), networks.SIGNED, int(rng.integers(9)))
    stack.gemm(300, networks.SIGNED)
    outside = (400 * 300 + 4 * 300 + 400 - 6144) / 4
    assert bounds_of(stack)["Gemm"] == 120_000
    found = bounds_of(stack, WAITING)["Gemm"]
    assert found == pytest.approx(120_000 + outside * 2 / 4, rel=0.01)


def test_convolutions_and_dense_layers_come_close():
    network = networks.lenet_like()
    _, run = ran(network.graph(), BOARD, [network.samples(1)])
    program = lower(network.graph())
    bounds = lower_bounds(program, BOARD)
    for bill, kernel in zip(run.bills, program.kernels, strict=True):
        ratio = bill.cycles / bounds[kernel.name]
        print(f"{kernel.node} {ratio:.3f}")
        assert ratio < 1.1 or kernel.op not in ("Conv", "Gemm")


def test_the_budget_judges_the_worst_case():
    network = networks.tiny()
    graph, xs = network.graph(), network.samples(2)
    compiled, run = ran(graph, BOARD, [xs])
    wanted = [graph.run(xs)[graph.outputs[0].name]]
    cycles = of_image(compiled.image).states / 4
    for allowed, met in ((cycles, True), (cycles - 0.25, False)):
        found = simulation(compiled, run, wanted, np.arange(2), None, {},
                           Budget("tight", allowed))
        assert found.passed == found.budget[0].met == met
        assert found.worst_case_cycles == found.cycles == cycles
        assert found.worst_case_differs_for == ""
        total = found.layers[-1]
        assert total.worst_case + 8 / 4 >= total.cycles == cycles
        assert found.not_included
