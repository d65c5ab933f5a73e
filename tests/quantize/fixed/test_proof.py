"""The overflow proof: never too low, in any order of summation, and as tight as it can be."""

import itertools
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from dsplet.quantize.fixed.graph import Interval, Weight
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.kernel import Divide, Kernel, Loop, Requantize
from dsplet.quantize.fixed.ops.binary import Add, Max, Min, Mul, Sub
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum
from dsplet.quantize.fixed.ops.pool import AveragePool
from dsplet.quantize.fixed.program import lower, run
from dsplet.quantize.fixed.proof import Bound, Overflow, bounds, prove
from dsplet.quantize.fixed.qformat import QFormat, RangeError
from tests.each import each
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import Q15, conv, gemm, graph, value, weight


@pytest.mark.parametrize("signed", [True, False])
def test_a_dot_product_against_every_input_and_every_order(signed):
    fmt = QFormat(2, 0, signed)
    node = gemm("g", value("x", 3, fmt=fmt), weight("tiny", 4, 3, bits=4, frac=4))
    (proved,) = node.accumulators()
    half = 2 ** (4 - node.output.format.frac - 1) if node.output.format.frac < 4 else 0
    for c in range(4):
        seen = [0]
        for x in itertools.product(range(fmt.min, fmt.max + 1), repeat=3):
            terms = [int(w) * v for w, v in zip(node.weight.q[c], x, strict=True)]
            for order in itertools.permutations([*terms, int(node.bias[c])]):
                seen += itertools.accumulate(order)
        assert (proved.low[c], proved.high[c]) == (min(seen), max(seen) + half)


@pytest.mark.parametrize("op", [Add, Sub, Mul])
@pytest.mark.parametrize("fracs", [(0, 0), (2, 0), (0, 3)])
def test_element_wise_ops_against_every_pair(op, fracs):
    a, b = value("a", 1, fmt=QFormat(4, fracs[0])), value("b", 1, fmt=QFormat(3, fracs[1], False))
    (proved,) = op("o", (a, b), value("y", 1, fmt=QFormat(8, -2))).accumulators()
    finest = sum(fracs) if op is Mul else max(fracs)
    real = {Add: lambda x, y: x + y, Sub: lambda x, y: x - y, Mul: lambda x, y: x * y}[op]
    sums = [real(x * 2.0**-fracs[0], y * 2.0**-fracs[1]) * 2**finest
            for x in range(-8, 8) for y in range(8)]
    assert proved.low == min(sums) and proved.high == max(sums) + 2 ** (finest + 2 - 1)


def tighten(statement, high: int):
    """The statement with the upper bound of every requantize replaced."""
    if isinstance(statement, Loop):
        return replace(statement, body=tuple(tighten(s, high) for s in statement.body))
    if isinstance(statement, Requantize):
        return replace(statement, bound=(statement.bound[0], high))
    return statement


@pytest.mark.parametrize("make", [
    lambda: gemm("g", value("x", 12), weight("w", 1, 12, frac=6)),
    lambda: conv("c", value("x", 3, 3, 3), weight("w", 1, 3, 3, 3, frac=6)),
    lambda: conv("c", value("x", 2, 4, fmt=Q15), weight("w", 1, 2, 4, frac=2), fmt=Q15)],
    ids=["gemm", "conv", "conv_1d_16_bit"])
def test_an_adversarial_input_reaches_the_bound_less_the_half_step(make):
    node = make()
    node = replace(node, bias=np.abs(node.bias))
    program, fmt = lower(graph("g", node)), node.inputs[0].format
    worst = np.where(node.weight.q[0] > 0, fmt.max, fmt.min).reshape(-1)
    shift = node.inputs[0].format.frac + int(node.weight.frac[0]) - node.output.format.frac
    reached = bounds(graph("g", node))[0].magnitude - (2 ** (shift - 1) if shift > 0 else 0)

    def run(high: int) -> None:
        memory = {b.name: np.zeros(b.size, np.int64) if b.data is None else b.data.copy()
                  for b in program.buffers.values()}
        memory["in_x"][:] = worst
        for k in program.kernels:
            interpret(Kernel(k.name, k.node, k.op, tuple(tighten(s, high) for s in k.body)), memory)

    run(reached)
    with pytest.raises(OverflowError, match=f"{reached} is outside its proved range"):
        run(reached - 1)


@each("graph", GRAPHS)
def test_every_case_is_proved(graph):
    proved = prove(graph)
    assert all(0 < b.magnitude < 2**31 and b.headroom_bits >= 0 for b in proved)
    named = {b.node for b in proved}
    assert named >= {n.name for n in graph.every_node() if n.macs and not n.inner}


WIDEST_INTEGER = (1 << 16) - 1
"""Of a format: what needs no proof."""


class Watched(dict):
    """Registers that know the largest magnitude that any of them has held."""

    largest = 0

    def __setitem__(self, register, held):
        self.largest = max(self.largest, abs(held))
        super().__setitem__(register, held)


@pytest.mark.slow
@each("graph", GRAPHS)
def test_no_register_holds_more_than_was_proved(graph, monkeypatch):
    held = Counter()

    def watched(kernel, memory, time):
        interpret(kernel, memory, time, registers := Watched())
        held[kernel.node] = max(held[kernel.node], registers.largest)

    monkeypatch.setattr("dsplet.quantize.fixed.program.interpret", watched)
    program = lower(graph)
    for sample in zip(*samples(graph, 4), strict=True):
        run(program, *sample)
    proved = {b.node: b.magnitude for b in bounds(graph)}
    for node, most in held.items():
        assert most <= max(proved.get(node, 0), WIDEST_INTEGER), node


@pytest.mark.parametrize("op", [Min, Max])
@pytest.mark.parametrize("signed", [True, False])
def test_of_an_operand_that_is_far_behind_the_other_the_other_counts(op, signed):
    """100 * 2**-18 and +-200: the smaller one is a result that anything could hold, the larger one
    is held beside it."""
    fine, coarse = value("a", 2, fmt=QFormat(16, 18)), value("b", 2, fmt=QFormat(16, 0, signed))
    far = graph("far", op("o", (fine, coarse), value("y", 2, fmt=QFormat(16, 18))))
    most = (32768 if signed else 65535) << 18
    with pytest.raises(Overflow, match=f"can reach {most}"):
        lower(far)


def test_the_magnitude_of_a_range_is_that_of_its_farther_end():
    for low, high, most in ((-3, 2, 3), (-(1 << 70), 1, 1 << 70), (0, 10**30, 10**30),
                            (np.array([-1, -7]), np.array([6, 0]), 7),
                            (np.array([-(1 << 80), 0], object), np.array([0, 5], object), 1 << 80),
                            (np.array([-1 << 63]), np.array([0]), 1 << 63)):
        assert Interval(low, high).magnitude == most


@each("graph", [g for g in GRAPHS if any(n.op in ("Div", "Softmax") for n in g.every_node())])
def test_every_division_is_one_that_targets_can_do(graph):
    found = [s for k in lower(graph).kernels for s in every_statement(k.body)
             if isinstance(s, Divide)]
    assert found
    for quotient, divisor in (s.bound for s in found):
        assert 1 <= quotient <= 1 << 16 and 1 <= divisor < 1 << 24


def every_statement(body):
    for s in body:
        yield s
        if isinstance(s, Loop):
            yield from every_statement(s.body)


def test_sums_beyond_64_bits_are_refused():
    """Weights that are shifted far, and many of them: 2**31 * 2**16 * 2**17 is 0 in int64."""
    many = 1 << 17
    x, z = value("x", many, fmt=QFormat(16, 0, False)), value("z", 1, fmt=QFormat(8, 16))
    weights = (Weight(np.full((1, many), 32767), 16, np.array([0])),
               Weight(np.ones((1, 1), int), 8, np.array([0])))
    node = GemmSum("g", (x, z), value("y", 1, fmt=QFormat(16, 0)), weights, np.array([0]))
    low, high = 0 - 128, many * (32767 << 16) * 65535 + 127 + (1 << 15)
    proved, = node.accumulators()
    assert (proved.low.tolist(), proved.high.tolist()) == ([low], [high])
    assert proved.magnitude == high > 1 << 63
    with pytest.raises(Overflow, match=f"can reach {high}"):
        prove(graph("g", node))


def test_a_mean_whose_sum_overflows_is_refused():
    """A factor of 0 would hide it."""
    fmt = QFormat(16, 15)
    with pytest.raises(RangeError, match="a mean of 65535 numbers of Q0.15 needs more than 31"):
        AveragePool("a", (value("x", 1, 65535, fmt=fmt),), value("y", 1, 1, fmt=fmt), (65535,),
                    (1,))


def test_bits_and_headroom():
    for magnitude, bits in ((127, 8), (128, 9), (2**31 - 1, 32)):
        assert (Bound("n", "Gemm", magnitude).bits, Bound("n", "Gemm", magnitude).headroom_bits) \
            == (bits, 32 - bits)


def test_what_cannot_be_proved_is_refused_with_every_layer_named():
    x = value("x", 3, fmt=Q15)
    first = replace(gemm("first", x, weight("w", 2, 3, bits=16), "a", Q15),
                    weight=replace(weight("w", 2, 3, bits=16), q=np.full((2, 3), 32767)),
                    bias=np.zeros(2, np.int64))
    second = replace(first, name="second", output=value("b", 2, fmt=Q15))
    fits = gemm("fits", x, weight("w", 2, 3), "c", Q15)
    magnitude = 3 * 32767 * 32768  # three products, low end; the half step joins the high end only
    when = "when 'x' is -32768 under the positive weights of channel 0 and 32767 under the others"
    with pytest.raises(Overflow, match=re.escape(
            f"overflow cannot be ruled out:\n"
            f"  Gemm 'first': |sum| can reach {magnitude} (needs 33 bits, the target has 32) {when}"
            f"\n  Gemm 'second': |sum| can reach {magnitude} (needs 33 bits, the target has 32) "
            f"{when}\n"
            f"take 1 bit(s) off these layers' weights or inputs "
            f"(--weight-bits, --activation-bits)")) as refused:
        lower(graph("g", first, second, fits))
    assert "fits" not in str(refused.value)


@pytest.mark.parametrize("window", [(1, 1), (2, 2), (3, 3), (5, 7), (16, 16), (31, 33)])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_average_of_equal_numbers_is_that_number(window, bits):
    """However coarse 1/N must be for the sum to fit 31 bits, at most one step is lost."""
    fmt = QFormat(bits, bits - 1)
    node = AveragePool("a", (value("x", 1, *window, fmt=fmt),), value("y", 1, 1, 1, fmt=fmt),
                       window, (1, 1))
    assert prove(graph("g", node))[0].magnitude < 2**31
    for q in (fmt.min, -1, 0, 1, fmt.max):
        y = int(node.reference(np.full((1, 1, *window), q))[0, 0, 0, 0])
        assert abs(y - q) <= abs(q) * node.taps / 2**13 + 0.5
