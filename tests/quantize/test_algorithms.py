"""Algorithms: each against its definition, tried step by step on the raw numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.ptq import algorithms
from dsplet.quantize.ptq.algorithms import Distribution, choose_frac
from dsplet.quantize.ptq.calibrate import Histogram

ARRAYS = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).laplace(size=500) * 2.0 ** (seed % 17 - 8))


def ranged(name: str, **options) -> object:
    return algorithms.named("range", name, **options)


def error(x: np.ndarray, fmt: QFormat) -> float:
    return float(((fmt.dequantize(fmt.quantize(x)) - x) ** 2).sum())


@given(ARRAYS, st.integers(2, 12))
def test_mse_of_exact_values_is_the_best_step(x, bits):
    best = min(range(-20, 41), key=lambda f: error(x, QFormat(bits, f)))
    limits = QFormat(bits, 0)
    frac = choose_frac(ranged("mse", finer=30), Distribution.exact(x), limits.min, limits.max)
    assert error(x, QFormat(bits, frac)) == error(x, QFormat(bits, best))


@given(ARRAYS, st.integers(2, 8))
def test_mse_of_a_histogram_is_nearly_the_best_step(x, bits):
    h = Histogram()
    h.add(x)
    limits = QFormat(bits, 0)
    frac = choose_frac(ranged("mse"), h.distribution(), limits.min, limits.max)
    best = min(error(x, QFormat(bits, f)) for f in range(-20, 30))
    assert error(x, QFormat(bits, frac)) <= 1.02 * best


@given(ARRAYS, st.integers(2, 16), st.booleans())
def test_minmax_clips_nothing_and_half_its_step_does(x, bits, signed):
    x = x if signed else np.abs(x)
    limits = QFormat(bits, 0, signed)
    frac = choose_frac(ranged("minmax"), Distribution.exact(x), limits.min, limits.max)

    def clipped(f: int) -> bool:
        q = np.floor(x * 2.0**f + 0.5)
        return bool((q < limits.min).any() or (q > limits.max).any())

    assert not clipped(frac) and clipped(frac + 1)


def test_percentile_clips_its_share():
    x = np.arange(1, 1001) / 1000
    x[-5:] *= 63
    every = choose_frac(ranged("percentile", percent=100), Distribution.exact(x), 0, 255)
    most = choose_frac(ranged("percentile", percent=99.5), Distribution.exact(x), 0, 255)
    assert every == 2 and most == 8


def test_errors_count_after_the_function():
    x = np.linspace(-16, 16, 2001)
    plain = choose_frac(ranged("mse"), Distribution.exact(x), -128, 127)
    d = Distribution(x, np.ones(len(x)), -16, 16, 0.0, np.tanh)
    assert (plain, choose_frac(ranged("mse"), d, -128, 127)) == (3, 5)


def test_zeros_have_a_format():
    zeros = Distribution.exact(np.zeros(4))
    assert choose_frac(ranged("mse"), zeros, -128, 127) == 6  # of 1: 127.5 / 2^7 is below it
    assert choose_frac(ranged("minmax"), zeros, 0, 255) == 7  # 255.5 / 2^7 = 1.996, / 2^8 = 0.998


def test_names_and_their_refusals():
    assert algorithms.names("range") == ["hessian", "minmax", "mse", "percentile"]
    with pytest.raises(algorithms.UnknownAlgorithm, match="did you mean 'minmax'"):
        ranged("min-max")
    with pytest.raises(algorithms.UnknownAlgorithm, match="'mse': unknown key 'percent'; exp"):
        ranged("mse", percent=3)
    with pytest.raises(algorithms.UnknownAlgorithm, match="percent is 5; expected a number ab"):
        ranged("percentile", percent=5)
