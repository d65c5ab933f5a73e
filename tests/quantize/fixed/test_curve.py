"""Curves: tables and interpolation against the math library, over every input."""

import math

import numpy as np
import pytest

from dsplet.quantize.fixed.curve import Curve
from dsplet.quantize.fixed.ops.softmax import LogSoftmax, Softmax
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.qformat import QFormat
from tests.quantize.fixed.cases import sigmoid
from tests.quantize.fixed.words import Q15, value

FUNCTIONS = {  # (vectorised, from math, largest |second derivative|)
    "tanh": (np.tanh, math.tanh, 4 / math.sqrt(27)),
    "sigmoid": (sigmoid, lambda x: 1 / (1 + math.exp(-x)), 1 / (6 * math.sqrt(3))),
    "sin": (np.sin, math.sin, 1.0),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: x / (1 + abs(x)), 2.0),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("bits", [4, 8, 10])
def test_a_table_is_exact_for_every_narrow_input(function, bits):
    f, exact, _ = FUNCTIONS[function]
    fmt, out = QFormat(bits, bits - 3), QFormat(16, 14)
    table = Table.of(f, "t", value("x", 1, fmt=fmt), value("y", 1, fmt=out))
    q = np.arange(fmt.min, fmt.max + 1)
    y = table.reference(q[:, None])[:, 0]
    assert table.step_log2 == 0 and len(table.table) == 2**bits
    assert y.tolist() == [math.floor(exact(v / 2**fmt.frac) * 2**14 + 0.5) for v in q.tolist()]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("bits", [11, 12, 16])
def test_interpolation_stays_within_its_theoretical_error(function, bits):
    """h^2/8 * max|f''| between nodes, half a step for the nodes, half a step for the result."""
    f, exact, curvature = FUNCTIONS[function]
    fmt = QFormat(bits, bits - 3)
    table = Table.of(f, "t", value("x", 1, fmt=fmt), value("y", 1, fmt=QFormat(16, 14)))
    q = np.arange(fmt.min, fmt.max + 1)
    y = table.reference(q[:, None])[:, 0]
    real = np.array([exact(v / 2**fmt.frac) for v in q.tolist()]) * 2**14
    h = 2.0 ** (table.step_log2 - fmt.frac)
    assert len(table.table) <= 2**9 + 1 + 1
    assert np.abs(y - real).max() <= h * h / 8 * curvature * 2**14 + 0.5 + 0.5


def test_a_curve_passes_through_its_nodes_and_stays_in_its_span():
    curve = Curve.sample(np.cos, -3000, 2999, 9, 12, (-4096, 4095))
    assert curve.step_log2 > 0
    nodes = curve.first + (np.arange(len(curve.table) - 1) << curve.step_log2)
    assert (curve(nodes) == curve.table[:-1] << curve.step_log2).all()
    y = curve(np.arange(-3000, 3000))
    assert curve.span[0] <= y.min() and y.max() <= curve.span[1]


def test_a_monotone_function_stays_monotone():
    curve = Curve.sample(np.tanh, -(1 << 15), (1 << 15) - 1, 13, 15, (-(1 << 15), (1 << 15) - 1))
    assert np.diff(curve(np.arange(-(1 << 15), 1 << 15))).min() >= 0


def test_poles_and_undefined_values_become_limits_and_zero():
    with np.errstate(divide="ignore", invalid="ignore"):
        reciprocal = Curve.sample(lambda x: 1 / x, -4, 4, 0, 3, (-100, 100))
        root = Curve.sample(np.sqrt, -4, 4, 0, 3, (-100, 100))
    assert reciprocal.table.tolist() == [-2, -3, -4, -8, 100, 8, 4, 3, 2]  # half up: -2.67, 2.67
    assert root.table.tolist() == [0, 0, 0, 0, 0, 8, 11, 14, 16]


def softmax(x: list[float]) -> list[float]:
    e = [math.exp(v - max(x)) for v in x]
    return [v / math.fsum(e) for v in e]


@pytest.mark.parametrize("fmt", [QFormat(8, 4), QFormat(10, 6), QFormat(16, 12), QFormat(16, 7),
                                 QFormat(16, 4)])
def test_softmax_and_its_logarithm_are_close_to_the_real_ones(fmt):
    rng = np.random.default_rng(0)
    x, fine = value("x", 10, fmt=fmt), QFormat(16, 11)
    near = min(fmt.max, 40 << fmt.frac)  # so that several count
    q = rng.integers(max(fmt.min, -near), near + 1, (300, 10))
    p = Softmax.of("s", x, value("y", 10, fmt=Q15)).reference(q) / 2**15
    log = LogSoftmax.of("s", x, value("y", 10, fmt=fine)).reference(q) / 2**11
    real = np.array([softmax((row / 2**fmt.frac).tolist()) for row in q])
    assert np.abs(p - real).max() < 2**-11
    assert np.abs(p.sum(1) - 1).max() < 10 * 2**-15
    shown = np.log(real) > -15.9  # what Q4.11 can hold
    assert np.abs(log - np.log(real))[shown].max() < 2**-9
