"""Sums in registers of their own, and side by side: the same integers, as far as the proof goes."""

import numpy as np
import pytest

from dsplet.firmware_sim.compile.forward import forward
from dsplet.firmware_sim.compile.fuse_consumer import fuse_consumers
from dsplet.firmware_sim.lanes.dots import dotted
from dsplet.firmware_sim.lanes.machine import passed
from dsplet.firmware_sim.lanes.order import ordered
from dsplet.firmware_sim.lanes.sums import EXACT, is_sum, summed
from dsplet.firmware_sim.lanes.tiles import tiled
from dsplet.quantize.fixed.kernel import Add, Loop, Mac, Set
from dsplet.quantize.fixed.program import lower, run
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.words import Q15, conv, gemm, graph, value, weight

CASES = {g.name: g for g in GRAPHS}


def constant(size: int, weights: int):
    """A dense layer of one output on 16-bit numbers, whose weights are all the same."""
    w = weight("w", 1, size, bits=16)
    w.q[:] = weights
    return graph("wide", gemm("g", value("x", size, fmt=Q15), w))


def statements(program):
    return [s for k in program.kernels for whole in k.body for s in whole.flat()]


def test_a_sum_that_float32_holds_is_one_register():
    """5 products of up to 32768 * 100 = 3,276,800 reach 16,384,000, less than 2^24."""
    found = [s for s in statements(summed(lower(constant(5, 100)))) if isinstance(s, Mac)]
    assert found and all(is_sum(s.d) for s in found)


def test_a_sum_beyond_is_added_up_in_parts():
    """Of 12 such products 5 stay below 2^24: two parts of 5, and the 2 that are left over."""
    assert 5 * 3_276_800 < EXACT <= 6 * 3_276_800
    program = summed(lower(constant(12, 100)))
    parts = [s for s in statements(program) if isinstance(s, Add) and s.source == "sum"]
    extents = [s.extent for k in program.kernels for whole in k.body if isinstance(whole, Loop)
               for s in whole.body if isinstance(s, Loop)]
    assert len(parts) == 2 and extents[0] == 2  # a loop of two parts, and the rest
    x = np.full(12, -32768)
    assert run(program, x)[0] == run(lower(constant(12, 100)), x)[0]


def test_few_products_that_reach_it_stay_integers():
    """Of 30,000 * 32,768 one is beyond 2^24."""
    program = summed(lower(constant(2, 30000)))
    assert not any(is_sum(s.d) for s in statements(program) if isinstance(s, Mac))


@pytest.mark.parametrize("name", ["conv_stride", "conv_16_bit", "gemm_near_limit", "gemm_sum_three",
                                  "matmul_lead", "conv_depthwise"])
def test_they_mean_the_same(name):
    g = CASES[name]
    program = tiled(ordered(summed(lower(g)), 16), 32)
    rng = np.random.default_rng(0)
    xs = [rng.integers(v.format.min, v.format.max + 1, v.shape) for v in g.inputs]
    for y, wanted in zip(run(program, *xs), run(lower(g), *xs), strict=True):
        np.testing.assert_array_equal(y, wanted)


def test_sums_stand_side_by_side_as_registers_allow():
    """A tile of 5 channels and 4 places: 20 sums, 4 numbers held, 9 read for 20 products."""
    g = graph("wide_conv", conv("c", value("x", 20, 12, 12), weight("w", 20, 20, 1, 1)))
    many, *_ = passed(lower(g), 16, 32)
    few, *_ = passed(lower(g), 4, 16)
    sums = [len({s.d for s in statements(p) if isinstance(s, Set) and is_sum(s.d)})
            for p in (many, few)]
    assert 16 <= sums[0] <= 29 and 6 <= sums[1] <= 13


def test_a_loop_over_places_goes_around_channels_whose_weights_are_few():
    g = graph("near", conv("c", value("x", 20, 12, 12), weight("w", 20, 20, 1, 1)))
    first = [next(k.body[0].extent for k in p.kernels if k.op == "Conv")
             for p in (lower(g), ordered(lower(g), 16))]
    assert first == [20, 144]  # two loops of 12 as one


def test_few_sums_of_an_input_come_in_its_place():
    """What they are of given numbers is a product of matrices; the rest of the program adds it."""
    g = graph("few", gemm("g", value("x", 70), weight("w", 13, 70)))
    program, dots = dotted(fuse_consumers(forward(lower(g))), 16)
    (_, sums), = program.inputs
    w = program.buffers[dots[sums]].integers.reshape(5, 13, 16)
    np.testing.assert_array_equal(w.transpose(1, 0, 2).reshape(13, 80)[:, :70], g.nodes[0].weight.q)
    assert not w[-1, :, 70 - 80:].any() and not any(isinstance(s, Mac) for s in statements(program))


@pytest.mark.parametrize("g", [
    graph("many", gemm("g", value("x", 70), weight("w", 15, 70))),
    constant(1024, 1)], ids=["many sums", "a sum of up to 2^25"])
def test_other_inputs_are_loaded(g):
    program = fuse_consumers(forward(lower(g)))
    assert dotted(program, 16) == (program, {})
