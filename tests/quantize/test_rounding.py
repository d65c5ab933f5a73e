"""Rounding, bias correction and trials: against nearest, against definitions, against all there is.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsplet.quantize.ptq.algorithms import Distribution, Layer, choose_frac, named, run

pytestmark = pytest.mark.slow

SEEDS = st.integers(0, 10_000)
INF = np.inf


def layer(seed: int, rows: int = 300, k: int = 12, channels: int = 5, low: float = -INF,
          independent: bool = False) -> Layer:
    """Inputs that resemble each other, as pixels do; outputs of somewhat different inputs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, k))
    if independent:
        x, _ = np.linalg.qr(x)
    else:
        x = x @ rng.normal(size=(k, k)) + rng.normal(size=(rows, 1))
    weight, bias = rng.normal(size=(channels, k)), rng.normal(size=channels)
    noise = 0 if independent else 0.05 * rng.normal(size=(rows, channels))
    return Layer(weight, x, x @ weight.T + bias + noise, bias, low)


def error(found: Layer, q: np.ndarray, step: np.ndarray, corrected: bool = False) -> np.ndarray:
    sums = found.x @ (q * step[:, None]).T + found.bias
    wanted = np.maximum(found.wanted, found.low)
    if corrected:
        sums += run(named("bias", "clamped"), found, q * step[:, None])
    return ((np.maximum(sums, found.low) - wanted) ** 2).mean(0)


STEP = np.array([0.5, 0.25, 1.0, 0.5, 0.125])
LIMIT = 4095


@given(SEEDS, st.integers(2, 5), st.sampled_from([-INF, 0.0]))
@settings(max_examples=40)
def test_outputs_get_better_from_nearest_to_gptq_to_adaround(seed, bits, low):
    found, limit = layer(seed, low=low), 2 ** (bits - 1) - 1
    total = []
    for name in ("nearest", "gptq", "adaround"):
        q = run(named("rounding", name), found, STEP, limit)
        assert q.shape == found.weight.shape and np.abs(q).max() <= limit
        total.append(error(found, q, STEP, True).sum())
    assert total[2] < total[0] and total[2] <= total[1] * 1.02 and total[1] < 1.5 * total[0]


@given(SEEDS)
@settings(max_examples=20)
def test_gptq_of_independent_inputs_is_nearest(seed):
    found = layer(seed, independent=True)
    assert np.array_equal(run(named("rounding", "gptq"), found, STEP, 127),
                          run(named("rounding", "nearest"), found, STEP, 127))


def test_gptq_lets_one_weight_make_up_for_another():
    x = np.repeat(np.linspace(-1, 1, 50)[:, None], 2, 1)
    found = Layer(np.array([[0.4, 0.4]]), x, x @ [[0.4], [0.4]], np.zeros(1))
    q = run(named("rounding", "gptq"), found, np.ones(1), 3)
    assert sorted(q[0]) == [0, 1]


@given(SEEDS)
@settings(max_examples=15)
def test_adaround_of_few_weights_comes_near_the_best_of_all(seed):
    found = layer(seed, rows=60, k=5, low=0.0)
    q = run(named("rounding", "adaround", ridge=0.0, sweeps=20), found, STEP, 1)
    every = [np.array(w) for w in itertools.product((-1, 0, 1), repeat=5)]
    best = np.min([error(found, np.tile(w, (5, 1)), STEP, True) for w in every], 0)
    assert (best <= error(found, q, STEP, True) + 1e-9).all()
    assert error(found, q, STEP, True).sum() <= 1.6 * best.sum() + 1e-9


def test_a_layer_that_only_sees_zeros_is_rounded_to_nearest():
    w = np.array([[0.4, -0.8]])
    found = Layer(w, np.zeros((9, 2)), np.zeros((9, 1)), np.zeros(1))
    for name in ("nearest", "gptq", "adaround"):
        assert run(named("rounding", name), found, np.ones(1), 7).tolist() == [[0, -1]]


@given(SEEDS)
@settings(max_examples=20)
def test_bias_correction(seed):
    found = layer(seed)
    weight = np.round(found.weight)
    moved = found.x @ weight.T + found.bias + run(named("bias", "mean"), found, weight)
    assert np.allclose(moved.mean(0), found.wanted.mean(0))
    relu = layer(seed, low=0.0)
    best = run(named("bias", "clamped"), relu, weight)

    def loss(shift: np.ndarray) -> np.ndarray:
        y = np.maximum(relu.x @ weight.T + relu.bias + shift, 0)
        return ((y - np.maximum(relu.wanted, 0)) ** 2).mean(0)

    tried = np.stack([loss(best + d) for d in np.linspace(-2, 2, 81)])
    assert (loss(best) <= tried.min(0) * 1.02 + 1e-12).all()


@given(SEEDS, st.integers(2, 6))
def test_hessian_counts_errors_by_importance(seed, bits):
    rng = np.random.default_rng(seed)
    w, importance = rng.laplace(size=40), rng.exponential(size=40) ** 3
    limit = 2 ** (bits - 1) - 1

    def loss(f: int) -> float:
        q = np.clip(np.floor(w * 2.0**f + 0.5), -limit, limit)
        return float((importance * (q * 2.0**-f - w) ** 2).sum())

    frac = choose_frac(named("range", "hessian", finer=30), Distribution.exact(w, importance),
                       -limit, limit)
    assert loss(frac) == pytest.approx(min(loss(f) for f in range(-10, 30)))


def test_a_trial_predicts_what_gptq_comes_to():
    found = layer(3, low=0.0)
    q = run(named("rounding", "gptq"), found, STEP, 3)
    assert np.allclose(run(named("trial", "trial"), found, STEP, 3), error(found, q, STEP, True))


@pytest.mark.parametrize("damping", [0, -1, 2])
def test_refused_damping(damping):
    with pytest.raises(ValueError, match="damping"):
        named("rounding", "gptq", damping=damping)


def gptq_by_definition(found: Layer, step: np.ndarray, limit: int, damping: float) -> np.ndarray:
    """Frantar et al., algorithm 1, one column after the other, on the whole K x K Hessian."""
    gram = found.x.T @ found.x / len(found.x)
    damped = damping * np.diag(gram).mean()
    order = np.argsort(-np.diag(gram), kind="stable")
    gram = gram + damped * np.eye(len(gram))
    cross = found.x.T @ (found.wanted - found.bias) / len(found.x)
    weight = np.linalg.solve(gram, cross + damped * found.weight.T).T
    inverse = np.linalg.inv(gram[np.ix_(order, order)])
    weight, q = weight[:, order], np.zeros(weight.shape, np.int64)
    for k in range(len(order)):
        q[:, order[k]] = np.clip(np.floor(weight[:, k] / step + 0.5), -limit, limit)
        error = (weight[:, k] - q[:, order[k]] * step) / inverse[0, 0]
        weight[:, k:] -= np.outer(error, inverse[0])
        inverse = inverse[1:, 1:] - np.outer(inverse[1:, 0], inverse[0, 1:]) / inverse[0, 0]
    return q


@pytest.mark.parametrize("rows, k", [(6, 40), (48, 300), (200, 300), (300, 300), (400, 150)])
def test_gptq_by_blocks_and_by_samples_is_the_definition_s(rows, k):
    found = layer(rows, rows, k)
    for step in (STEP, STEP / 16):
        q = run(named("rounding", "gptq"), found, step, 127)
        assert np.array_equal(q, gptq_by_definition(found, step, 127, 0.01))


def adaround_by_definition(found: Layer, q: np.ndarray, step: np.ndarray, limit: int) -> np.ndarray:
    """Each weight of each channel up or down by one where that lowers the objective, in float64,
    the bias set anew before each of three sweeps."""
    q, power = q.copy(), (found.x**2).mean(0)
    price, wanted = 0.01 * power.mean() * len(found.x), found.clamp(found.wanted)
    sums = found.sums(q * step[:, None])
    for _ in range(3):
        sums = sums + run(named("bias", "clamped"), replace(found, bias=sums - found.x @ (
            q * step[:, None]).T), q * step[:, None])
        for k in np.argsort(-power, kind="stable"):
            for c in range(len(q)):
                def objective(d, c=c, k=k, sums=sums):
                    error = found.clamp(sums[:, c] + d * step[c] * found.x[:, k]) - wanted[:, c]
                    away = (q[c, k] + d) * step[c] - found.weight[c, k]
                    return (error**2).sum() + price * away**2
                best = min((0, 1, -1), key=lambda d: objective(d) if abs(q[c, k] + d) <= limit
                           else INF)
                q[c, k] += best
                sums[:, c] += best * step[c] * found.x[:, k]
    return q


@pytest.mark.parametrize("low, high", [(-INF, INF), (0.0, INF), (0.0, 2.0), (-1.0, 1.0)])
@pytest.mark.parametrize("seed", range(3))
def test_adaround_tries_every_move_that_lowers_the_error(seed, low, high):
    """What it rules out beforehand would not have been made."""
    found = replace(layer(seed, k=80), low=low, high=high)
    for step in (STEP / 2, STEP / 32):
        start = run(named("rounding", "gptq"), found, step, LIMIT)
        q = run(named("rounding", "adaround"), found, step, LIMIT)
        assert np.array_equal(q, adaround_by_definition(found, start, step, LIMIT))
