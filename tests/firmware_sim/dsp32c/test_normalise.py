"""`examples/normalise.s` sets digits as `data/normalise.py` does, bit for bit."""

import numpy as np
import pytest

from bench.normalise import SOURCE, Normaliser, stroke
from dsplet.data.normalise import Style
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.sim.engine import fastest
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from tests.firmware_sim.dsp32c.asm_programs import check

ZIP_CODE = Style((16, 16), 16, False)
TARGET = targets.get("dsp32c-40", "1989")


@pytest.fixture
def rng():
    return np.random.default_rng(1989)


@pytest.fixture(scope="module")
def engine():
    return Normaliser(fastest(TARGET)[0])


def same(normalise, ink) -> bool:
    return np.array_equal(normalise(ink)[0], ZIP_CODE(ink))


def test_a_stroke_worked_out_by_hand():
    assert check(SOURCE.read_text(), SOURCE.name) == 8


@pytest.mark.slow
def test_a_thousand_drawings(engine, rng):
    for _ in range(1000):
        ink = stroke(rng, *rng.integers(2, 129, 2))
        assert ink[0].any() and ink[-1].any() and ink[:, 0].any() and ink[:, -1].any()
        assert same(engine, ink), ink.shape


@pytest.mark.parametrize("nearest", [False, True])
def test_whatever_the_values(nearest, rng):
    """Two levels beside each other make many sums that are halves, or next to them."""
    normalise = Normaliser(fastest(TARGET.with_assumptions(adder_truncates=not nearest))[0])
    for size in [(128, 128), (127, 128), (128, 77), (32, 16), (17, 3), (7, 7), (15, 1), (2, 9)]:
        for low in (0, 127, 254):
            ink = rng.integers(low, low + 2, size, np.uint8)
            assert same(normalise, ink), size
        assert same(normalise, rng.integers(0, 256, size, np.uint8)), size


@pytest.mark.parametrize("size", [(1, 1), (1, 128), (128, 1), (16, 16), (128, 128)])
def test_as_small_and_as_large_as_may_be(size, engine):
    assert same(engine, np.full(size, 255, np.uint8))


@pytest.mark.parametrize("size", [(3, 2), (21, 17)])
def test_on_the_machine_it_is_the_same_and_takes_as_long(size, engine, rng):
    ink = stroke(rng, *size)
    slow, fast = Normaliser(Machine(TARGET))(ink), engine(ink)
    assert np.array_equal(slow[0], fast[0]) and slow[1] == fast[1]
    assert np.array_equal(slow[0], ZIP_CODE(ink))


def test_time_hangs_on_the_size_alone(engine, rng):
    assert len({engine(stroke(rng, 40, 25))[1] for _ in range(3)}) == 1
