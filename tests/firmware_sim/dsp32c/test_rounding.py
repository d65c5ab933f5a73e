"""Code that rounds by conversions: the same integers whether the chip's adder truncates or not."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import NotOffered
from dsplet.firmware_sim.dsp32c.backend import Compiled
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices
from dsplet.firmware_sim.dsp32c.codegen.scale import Scale
from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.parts import TARGETS, Rounding
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.arithmetic import requantize
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.kernel import Divide, flat
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float.program import lower_real
from tests.each import each
from tests.firmware_sim.dsp32c.images import build, compile_program
from tests.firmware_sim.dsp32c.test_real import MODELS, loaded
from tests.firmware_sim.dsp32c.test_requantize import EVERY, LARGE, unit
from tests.firmware_sim.dsp32c.test_views import agree, small
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.samples import samples

TARGET = replace(TARGETS["dsp32c-40"], rounding=Rounding.CONVERSION)
ADDERS = (True, False)
FEW = GRAPHS[::24]


def differing(graph: Graph, goal: str) -> list[int]:
    """Integers that are not the reference's, under each adder."""
    xs = samples(graph)
    values = graph.run(*xs)
    compiled = targets.compile(lowered(graph), TARGET, goal)
    runs = [compiled.assuming("adder_truncates", way).simulate(xs) for way in ADDERS]
    assert np.array_equal(runs[0].cycles, runs[1].cycles)
    return [sum(np.count_nonzero(y != values[v.name])
                for v, y in zip(graph.outputs, run.outputs, strict=True)) for run in runs]


@each("graph", FEW)
def test_some_cases_under_either_adder(graph):
    assert differing(graph, "time") == [0, 0]
    compiled = targets.compile(lowered(graph), TARGET)
    worst = compiled.worst_case().cycles
    assert worst is None or worst >= compiled.simulate(samples(graph)).cycles.max()


@pytest.mark.slow
@each("graph", [g for g in GRAPHS if g not in FEW])
def test_every_case_under_either_adder(graph):
    assert differing(graph, "time") == [0, 0]


@pytest.mark.slow
@each("graph", GRAPHS[7::15])
def test_the_smallest_programs_under_either_adder(graph):
    assert differing(graph, "memory") == [0, 0]


def divides(graph: Graph) -> bool:
    """Whether code for it has what may lose bits: a quotient before it is corrected, a sum that is
    split into two factors."""
    kernels = targets.compile(lowered(graph), TARGET).passes()["scale"].kernels
    return any(isinstance(s, Divide) or isinstance(s, Scale) and s.wide
               for k in kernels for top in k.body for s in flat(top))


@pytest.mark.slow
def test_no_addition_loses_a_bit(monkeypatch):
    """So no way of rounding in the adder, these two or another, can matter. Held against fractions.
    """
    added, lost = floats.multiply_add, Counter[str]()

    def exact(addend, x, y, minus, less, truncates):
        result = added(addend, x, y, minus, less, truncates)
        a, product = floats.decode_accumulator(addend), floats.decode(x) * floats.decode(y)
        right = (-a if minus else a) + (-product if less else product)
        lost[graph.name] += floats.decode_accumulator(result[0]) != right
        return result

    monkeypatch.setattr(floats, "multiply_add", exact)
    graphs = [g for g in FEW if not divides(g)]
    for graph in graphs:
        image = compile_program(lowered(graph), TARGET)
        Simulator(image, Machine(TARGET))(*(x[:1] for x in samples(graph)))
    assert len(graphs) > 6 and sum(lost.values()) == 0


@pytest.mark.parametrize("shift, weight, bias", [
    (1, 1, -3), (8, -1, -128), (8, 1, 127), (9, 1, 0), (20, LARGE, -99_999), (22, -LARGE, 1 << 20)])
def test_every_accumulator(shift, weight, bias):
    """The expected value is one line of integer arithmetic."""
    g = unit(shift, weight, bias, (-7, 255))
    program = lower(Graph("unit", g.inputs, (g,), (g.output,)))
    image = build(program, TARGET, Choices())
    expected = requantize(weight * EVERY + bias, shift, -7, 255)
    for way in ADDERS:
        compiled = Compiled(program, image).assuming("adder_truncates", way)
        assert np.array_equal(compiled.simulate([EVERY]).outputs[0], expected)


def test_memory_holds_what_the_views_say():
    """Of what is rounded only after a maximum was taken, a half more."""
    graph, x = small()
    image = compile_program(lower(graph), TARGET)
    conv = next(v for v in image.views if v.op == "Conv")
    assert (conv.base, conv.step) == (-0.5, 1)
    assert agree(image, graph, x) == set()


def test_float_arithmetic_has_no_such_code(tmp_path):
    program = lower_real(loaded(next(iter(MODELS.values())), tmp_path))
    with pytest.raises(NotOffered, match="float arithmetic rounds in every addition"):
        targets.compile(program, TARGET)


def test_it_is_chosen_by_name():
    plain = TARGETS["dsp32c-40"]
    assert targets.rounded(plain, "conversion") == TARGET
    assert targets.rounded(TARGET, "adder") == plain
    for name, target, said in (
            ("conversions", plain, "expected adder or conversion: did you mean 'conversion'"),
            ("conversion", targets.get("cortex-m4"), "leave out --rounding")):
        with pytest.raises(NotOffered, match=said):
            targets.rounded(target, name)
