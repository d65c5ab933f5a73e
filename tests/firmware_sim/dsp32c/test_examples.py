"""The programs of examples/ give what SciPy gives, within the float format's precision."""

import numpy as np
import pytest

from bench.timings import BIQUAD_VALUES, FIR_VALUES, TARGET, cycles, example
from dsplet.firmware_sim.dsp32c.sim.machine import Machine

UNIT = 2.0**-23
"""Between two words from 1 on; a store drops up to one."""


@pytest.fixture
def rng():
    return np.random.default_rng(1988)


def normal(rng, *shape) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32).astype(np.float64)


def off(found, expected) -> float:
    """The largest difference, in units of the largest value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max() / UNIT)


@pytest.mark.slow
def test_fir(rng):
    signal = pytest.importorskip("scipy.signal")
    program, x = example("fir"), normal(rng, 319)
    y, spent = program(x, FIR_VALUES)
    taps = program.floats("h", 256)
    assert off(y, signal.correlate(x, taps, "valid")) < 2  # a store, and 256 floors of guard bits
    assert spent == FIR_VALUES * 258 + 7


@pytest.mark.slow
def test_biquad(rng):
    signal = pytest.importorskip("scipy.signal")
    program, x = example("biquad"), normal(rng, 256)
    y, spent = program(x, BIQUAD_VALUES)
    sections = np.array([[1, b1, b2, 1, -a1, -a2] for a2, a1, b1, b2 in
                         program.floats("factors", 16).reshape(4, 4)])
    sections[0, :3] *= program.floats("gain", 1)
    assert off(y, signal.sosfilt(sections, x)) < 8  # states are stored, and fed back
    assert spent == BIQUAD_VALUES * 19 + 12


def test_fft(rng):
    fft = pytest.importorskip("scipy.fft")
    program, x = example("fft"), normal(rng, 1024, 2)
    y, spent = program(x, 2048, begin="fft")
    expected = fft.fft(x[:, 0] + 1j * x[:, 1])
    found = y[0::2] + 1j * y[1::2]
    assert off(found, expected) < 16  # five passes of three stores in a row, factors of two floats
    assert np.linalg.norm(found - expected) < 4 * UNIT * np.linalg.norm(expected)
    assert spent * 80e-6 < 2.9  # ms at 50 MHz, a textbook's [dsp32c.md 15.1]
    assert off(program(np.eye(1, 2048, 2), 2048)[0].reshape(-1, 2)[:, 0],
               np.cos(np.arange(1024) * np.pi / 512)) < 8


@pytest.mark.parametrize("name, spent", [("fir", 258 + 7 / FIR_VALUES),
                                         ("biquad", 19 + 12 / BIQUAD_VALUES)])
def test_filters_owe_nothing_to_what_is_assumed_of_banks(name, spent):
    """Code, factors, what is read and what is stored are in four banks."""
    for assumed in ({}, {"slot_order": "ZXYI"}, {"bank_busy_states": 3},
                    {"caches_do_of_one": False}):
        assert cycles(name, TARGET.with_assumptions(**assumed)) == spent


def test_what_tells_the_two_orders_apart():
    """X in RAM1, Y and Z in RAM0: neighbours under IXYZ, a state a tap."""
    orders = [cycles("shifting", TARGET.with_assumptions(slot_order=o)) for o in ("IXYZ", "ZXYI")]
    assert orders == [262 + 253 / 4, 262]


def test_the_machine_agrees(rng):
    program = example("biquad")
    x = normal(rng, 256)
    y, spent = program(x, BIQUAD_VALUES)
    slow = example("biquad")
    slow.chip = Machine(TARGET)
    slow.code.load(slow.chip.memory)
    again, slowly = slow(x, BIQUAD_VALUES)
    assert np.array_equal(y, again) and spent == slowly
