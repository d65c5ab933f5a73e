"""Under another assumption: how many integers of all are others, by how much, and what is read."""

import numpy as np
import pytest

from dsplet.data.feed import feed
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Compiled
from dsplet.firmware_sim.sensitivity import MOST_SAMPLES, SpreadRow, error_bar
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import fixed_network
from dsplet.train import shipped
from dsplet.workflows.simulate import FixedPoint
from dsplet.workflows.spread import spread
from tests.firmware_sim.dsp32c.networks import PIXELS, SIGNED, Stack
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.samples import samples

TARGET = targets.get("dsp32c-40", "1991")


def row(compiled: Compiled, name: str, value: object, *given: object) -> SpreadRow:
    bar = error_bar(compiled, *given)
    return next(r for r in bar.spread if (r.assumption, r.value) == (name, value))


def test_integers_are_counted_over_more_samples_than_are_timed():
    net = Stack("net", (1, 8, 8), PIXELS, seed=3).conv(3, 3, 1, SIGNED).flatten().gemm(5, SIGNED)
    graph, x = net.graph(), net.samples(40)
    compiled = targets.compile(lower(graph), TARGET)
    name = graph.outputs[0].name
    scores = graph.run(x)[name].reshape(40, -1)
    labels = scores.argmax(1)
    labels[0] = (labels[0] + 1) % 5

    def right(y: np.ndarray) -> float:
        return 100 * float((y.reshape(len(y), -1).argmax(1) == labels[:len(y)]).mean())

    found = row(compiled, "adder_truncates", False, [x], None, right)
    other = compiled.assuming("adder_truncates", False).simulate([x]).outputs[0].reshape(40, -1)
    apart = np.abs(other - scores)
    assert (found.differing_integers, found.compared_integers, found.compared_samples) == (
        np.count_nonzero(apart), 200, 40)
    assert found.differing_integers > 20 and found.largest_difference == apart.max()
    assert (found.accuracy_as_assumed_percent, found.accuracy_percent) == (97.5, right(other))
    assert found.integers == (
        f"{np.count_nonzero(apart)} of 200 differ, in their last bits, by {apart.max()} steps of "
        f"256 at most; accuracy 97.5 → {right(other):.4g} %")
    assert found.change_percent == 0
    same = row(compiled, "bank_busy_states", 1, [x], None, right)
    assert (same.integers, same.compared_samples) == (f"0 of {5 * MOST_SAMPLES} differ",
                                                      MOST_SAMPLES)
    assert same.accuracy_percent is None


def test_code_that_is_led_astray_is_told_of():
    """A decoder that looks up what it reads: an index that is rounded otherwise may point nowhere.
    """
    graph = next(g for g in GRAPHS if g.name == "greedy_decoder")
    compiled = targets.compile(lowered(graph), targets.get("dsp32c-40"))
    bar = error_bar(compiled, samples(graph))
    found = next(r for r in bar.spread if (r.assumption, r.value) == ("adder_truncates", False))
    assert found.fault and "no memory there" in found.fault and found.cycles is None
    assert found.integers == f"none computed: {found.fault}" and not found.compared_integers
    assert bar.lowest_cycles <= compiled.simulate(samples(graph)).cycles.max() <= bar.highest_cycles


@pytest.mark.slow
@pytest.mark.parametrize("name, data, said, sure", [
    ("lenet5", "mnist", "902 of 1,000 differ, in their last bits, by 141 steps of 65,536 at most; "
     "accuracy 99 → 99 %", "0 of 40 differ"),
    ("reader", "lines", "343 of 860 differ, by 52 steps of 64 at most; accuracy 100 → 0 %",
     "0 of 86 differ")])
def test_trained_networks_under_the_other_adder(name, data, said, sure):
    """Of the samples that come with them, as docs/limits.md says: nearly all integers of a class's
    scores are others and hardly an answer, a decoder answers nothing; by conversions none is."""
    network = fixed_network(str(shipped.path(name)))
    samples = feed(network.facts, network.inputs, str(shipped.FOLDER / f"{data}.npz"), None, None,
                   True).test("all" if name == "lenet5" else "10")
    subject = FixedPoint(network)
    for way, expected in (("adder", said), ("conversion", sure)):
        compiled = targets.compile(subject.program, targets.rounded(TARGET, way))
        bar = spread(subject, compiled, samples, lambda done, total: None)
        found, = (r for r in bar.spread if r.assumption == "adder_truncates" and not r.value)
        assert found.integers == expected
