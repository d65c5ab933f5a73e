"""Weights that fit an accumulator: the bound by enumeration, the projection by its definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.ptq.algorithms import Layer, named, run
from dsplet.quantize.ptq.shrink import Room, reach

SEEDS, SIGNED = st.integers(0, 10_000), st.booleans()


def weights(seed: int, channels: int = 6, k: int = 20, limit: int = 127) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(-limit, limit + 1, (channels, k)) // rng.integers(1, 9, (channels, 1))


@pytest.mark.parametrize("signed", [True, False])
def test_reach_is_the_worst_of_all_inputs_and_all_partial_sums(signed):
    x, q = QFormat(2, 0, signed), weights(3, 4, 4, 7)
    worst = np.zeros(4)
    for inputs in itertools.product(range(x.min, x.max + 1), repeat=4):
        for order in itertools.permutations(range(4)):
            sums = np.cumsum((q * inputs)[:, order], 1)
            worst = np.maximum(worst, np.abs(sums).max(1))
    assert reach(q, x).tolist() == worst.tolist()


@given(SEEDS, SIGNED, st.floats(0.05, 1.2))
def test_a_projection_fits_and_moves_no_more_than_it_must(seed, signed, share):
    x, q = QFormat(8, 0, signed), weights(seed)
    room = Room(np.floor(reach(q, x) * share), x)
    fitted = room.project(q)
    assert room.holds(fitted).all()
    assert np.array_equal(fitted[room.holds(q)], q[room.holds(q)])
    assert (np.abs(fitted) <= np.abs(q)).all() and (fitted * q >= 0).all()
    for signs in ([[-1, 1]] if signed else [[-1], [1]]):
        for before, after, most in zip(q, fitted, room.most, strict=True):
            mine = np.isin(np.sign(before), signs)
            moved = np.abs(before - after)[mine & (after != 0)]
            if moved.size and moved.max():
                assert np.ptp(moved) <= 1  # all by one amount
                less = np.where(mine, after + np.sign(before), 0)  # one step back does not fit
                assert reach(less[None], x)[0] > most


@given(SEEDS, SIGNED)
@settings(max_examples=25)
def test_adaround_keeps_its_room_and_gains_over_a_projection(seed, signed):
    rng, fmt = np.random.default_rng(seed), QFormat(4, 0, signed)
    x = np.float64(rng.integers(fmt.min, fmt.max + 1, (200, 12)))
    weight = rng.normal(size=(5, 12))
    layer = Layer(weight, x, x @ weight.T, np.zeros((1, 5)), 0.0)
    step = np.full(5, 0.25)
    free = run(named("rounding", "adaround"), layer, step, 7)
    room = Room(np.floor(0.6 * reach(free, fmt)), fmt)
    tight = Layer(weight, x, x @ weight.T, np.zeros((1, 5)), 0.0, room=room)
    fitted = run(named("rounding", "adaround"), tight, step, 7)
    assert room.holds(fitted).all()

    def error(q: np.ndarray) -> float:
        q = q * step[:, None]
        sums = layer.sums(q) + run(named("bias", "clamped"), layer, q)
        return float(((np.maximum(sums, 0) - np.maximum(layer.wanted, 0)) ** 2).sum())

    assert error(fitted) <= 1.02 * error(room.project(free))
