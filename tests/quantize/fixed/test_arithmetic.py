"""The one rounding rule, against fractions."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsplet.quantize.fixed.arithmetic import divide, half_step, requantize, round_half_up


def half_up(x: Fraction) -> int:
    return floor(x + Fraction(1, 2))


@pytest.mark.slow
def test_requantize_every_16_bit_integer():
    acc = np.arange(-(1 << 15), 1 << 15)
    for shift in (*range(-9, 18), 30, 31):
        y = requantize(acc, shift, -128, 127)
        exact = [min(max(half_up(Fraction(int(a)) / Fraction(2) ** shift), -128), 127)
                 for a in acc[::17]]
        assert y[::17].tolist() == exact
        steps = np.diff(y)
        assert steps.min() >= 0, "requantize never decreases"


def test_requantize_every_tie_goes_up():
    for shift in range(1, 12):
        odd = np.arange(-99, 100, 2)
        assert (requantize(odd << shift - 1, shift, -1000, 1000) == (odd + 1) // 2).all()


@given(st.integers(-(1 << 46), 1 << 46), st.integers(-16, 47), st.integers(-65536, 65535),
       st.integers(-65536, 65535))
def test_requantize_anywhere(acc, shift, low, high):
    low, high = min(low, high), max(low, high)
    y = int(requantize(np.array(acc), shift, low, high))
    if shift >= 0 or abs(acc) < 1 << 62 + shift:
        assert y == min(max(half_up(acc / Fraction(2) ** shift), low), high)


def test_requantize_broadcasts_shifts():
    acc = np.array([[3, -3], [3, -3], [3, -3]])
    shift = np.array([[1], [0], [-2]])
    assert requantize(acc, shift, -10, 10).tolist() == [[2, -1], [3, -3], [10, -10]]


def test_negative_ties_by_hand():
    """-2.5 -> -2 and 2.5 -> 3: toward +infinity, neither away from zero nor to even."""
    assert requantize(np.array([-5, -3, -1, 1, 3, 5]), 1, -9, 9).tolist() == [-2, -1, 0, 1, 2, 3]


@given(st.integers(-(1 << 40), 1 << 40), st.integers(-(1 << 24), 1 << 24).filter(bool))
def test_divide(n, d):
    assert divide(n, d) == half_up(Fraction(n, d))


@given(st.integers(-(1 << 20), 1 << 20), st.integers(0, 20))
def test_round_half_up(n, shift):
    assert round_half_up(n / 2**shift) == half_up(Fraction(n, 2**shift))


def test_half_step():
    assert [half_step(s) for s in (-3, 0, 1, 2, 8)] == [0, 0, 1, 2, 128]
