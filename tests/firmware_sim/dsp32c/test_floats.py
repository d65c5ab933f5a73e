"""The number formats against exact rational arithmetic."""

import struct
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dsplet.firmware_sim.dsp32c.isa import floats

settings.register_profile("dsplet", deadline=None, derandomize=True, database=None)
settings.load_profile("dsplet")

words = st.integers(0, 0xFFFFFFFF)
accumulators = st.integers(0, 0xFFFFFFFFFF)
# exponents near each other, where the adder has something to align
near_words = st.builds(lambda m, e: m << 8 | e, st.integers(0, (1 << 24) - 1),
                       st.integers(112, 144))
near_accumulators = st.builds(lambda m, e: m << 8 | e, st.integers(0, (1 << 32) - 1),
                              st.integers(110, 150))

# dsp32c.md 3.1
EXAMPLES = {0: 0x00000000, 1: 0x00000080, -1: 0x8000007F, 2: 0x00000081, -2: 0x80000080,
            0.5: 0x0000007F, 1.5: 0x40000080, -1.5: 0xC0000080, 3: 0x40000081, 10: 0x20000083,
            100: 0x48000086, -100: 0xB8000086, 255 / 256: 0x7F00007F,
            -(2.0**128): 0x800000FF, (2 - 2.0**-23) * 2.0**127: 0x7FFFFFFF}


def value_by_definition(word: int) -> Fraction:
    """dsp32c.md 3.1, written with bit strings."""
    bits = f"{word:032b}"
    if bits[24:] == "00000000":
        return Fraction(0)
    fraction = Fraction(int(bits[1:24], 2), 2**23)
    mantissa = -2 + fraction if bits[0] == "1" else 1 + fraction
    return mantissa * Fraction(2) ** (int(bits[24:], 2) - 128)


@pytest.mark.parametrize("value, word", EXAMPLES.items())
def test_worked_examples(value, word):
    assert floats.encode(value) == word
    assert floats.decode(word) == value
    assert floats.to_words([value]).tolist() == [word]
    assert floats.from_words(np.array([word], np.uint32)).tolist() == [value]


@given(words)
def test_decode_is_the_definition(word):
    assert floats.decode(word) == value_by_definition(word)


@given(st.lists(words, min_size=1))
def test_arrays_agree_with_single_words(some):
    array = np.array(some, np.uint32)
    values = floats.from_words(array)
    assert [Fraction(v) for v in values.tolist()] == [value_by_definition(w) for w in some]
    clean = [w if w & 0xFF else 0 for w in some]  # every zero is written as 0
    assert floats.to_words(values).tolist() == clean


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_to_words_is_exact_or_refuses(value):
    nearest = value_by_definition(floats.nearest_word(value))
    if nearest == value:
        assert value_by_definition(int(floats.to_words(value))) == value
    else:
        with pytest.raises(ValueError, match="not exactly"):
            floats.to_words([1.0, value])


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 2.0**128, -(2.0**129), 2.0**-128,
                                   2.0**24 + 1, 1e-300])
def test_to_words_refuses(value):
    with pytest.raises(ValueError):
        floats.to_words(np.array([[0.0, value]]))


def test_to_words_keeps_the_shape():
    assert floats.to_words(np.zeros((2, 3))).shape == (2, 3)
    assert floats.from_words(np.uint32(0x80)).shape == ()


@given(st.fractions(-10**9, 10**9))
def test_nearest_word_is_nearest(value):
    word = floats.nearest_word(value)
    error = abs(floats.decode(word) - value)
    mantissa = word >> 8
    for neighbour in (mantissa + 1, mantissa - 1):
        other = (neighbour & 0xFFFFFF) << 8 | word & 0xFF
        assert error <= abs(floats.decode(other) - value)


def model_multiply_add(addend: Fraction, ea: int, product: Fraction, ep: int) -> Fraction:
    """dsp32c.md 3.3 in rationals: floor the smaller operand to the greater's grid, add, floor."""
    if product and addend:
        grid = Fraction(2) ** (max(ea, ep) - 128 - 46)
        low, high = (addend, product) if ea < ep else (product, addend)
        total = floor(low / grid) * grid + high
    else:
        total = addend + product
    if total == 0:
        return total
    exponent = floor_log2(total)
    grid = Fraction(2) ** (exponent - 31)
    return floor(total / grid) * grid


def floor_log2(value: Fraction) -> int:
    """e of a mantissa in [1, 2) or [-2, -1) times 2^e."""
    e = -200
    while not (1 <= value / Fraction(2) ** e < 2 or -2 <= value / Fraction(2) ** e < -1):
        e += 1
    return e


@given(near_accumulators, near_words, near_words, st.booleans())
def test_multiply_add_against_rationals(addend, x, y, negate_product):
    result, flags = floats.multiply_add(addend, x, y, negate_product=negate_product)
    product = value_by_definition(x) * value_by_definition(y) * (-1 if negate_product else 1)
    exponent = (x & 0xFF) + (y & 0xFF) - 128
    expected = model_multiply_add(floats.decode_accumulator(addend), addend & 0xFF, product,
                                  exponent)
    assert floats.decode_accumulator(result) == expected
    assert flags == (floats.N if expected < 0 else floats.Z if expected == 0 else 0)


@given(near_accumulators)
def test_negating_an_addend_is_exact(addend):
    result, _ = floats.multiply_add(addend, 0, 0, negate_addend=True)
    exact = -floats.decode_accumulator(addend)
    assert 0 <= exact - floats.decode_accumulator(result) <= abs(exact) * Fraction(2) ** -31


def test_negating_minus_two_renormalises():
    minus_two, two = (floats.widen(floats.encode(value)) for value in (-2, 2))
    assert floats.multiply_add(minus_two, 0, 0, negate_addend=True) == (two, 0)
    assert floats.multiply_add(minus_two, floats.ONE, floats.ONE, negate_addend=True) == (
        floats.widen(floats.encode(3)), 0)


@given(st.integers(-(2**24) + 1, 2**24 - 1), st.integers(-127, 127),
       st.integers(-(2**31), 2**31))
def test_integer_sums_are_exact(x, y, addend):
    """What fixed-point networks stand on [dsp32c.md 3.3, 10]."""
    total = addend + x * y
    assume(abs(total) < 2**32)
    start, _ = floats.from_integer(addend)
    result, _ = floats.multiply_add(start, floats.encode(x), floats.encode(y))
    assert floats.decode_accumulator(result) == total


def test_saturation_and_underflow():
    great, small = floats.encode(2.0**127), floats.encode(2.0**-100)
    assert floats.multiply_add(0, great, great) == (floats.GREATEST, floats.V)
    assert floats.multiply_add(0, great, great, negate_product=True) == (floats.LEAST,
                                                                         floats.N | floats.V)
    assert floats.multiply_add(0, small, small) == (0, floats.Z | floats.U)


def test_nearest_adder_is_an_option():
    third = floats.widen(floats.nearest_word(Fraction(1, 3)))
    tiny = floats.nearest_word(-(2.0**-60))
    truncated, _ = floats.multiply_add(third, tiny, floats.ONE)
    nearest, _ = floats.multiply_add(third, tiny, floats.ONE, truncate=False)
    assert truncated < third == nearest


@given(st.integers(-(2**31), 2**31), st.integers(0, 12))
def test_to_integer_rounds_half_up_and_saturates(numerator, shift):
    accumulator, _ = floats.normalise(numerator, shift, 128)
    value = Fraction(numerator, 2**shift)
    half_up = max(-32768, min(32767, floor(value + Fraction(1, 2))))
    toward_zero = max(-32768, min(32767, int(value)))
    assert floats.to_integer(accumulator, 16) == half_up
    assert floats.to_integer(accumulator, 16, "zero") == toward_zero
    assert floats.to_integer(accumulator, 16, "down") == max(-32768, min(32767, floor(value)))


@given(accumulators)
def test_round_is_within_half_a_unit(accumulator):
    result, flags = floats.round_to_word(accumulator)
    assume(not flags & (floats.U | floats.V) and accumulator & 0xFF)
    error = floats.decode_accumulator(result) - floats.decode_accumulator(accumulator)
    unit = Fraction(2) ** ((accumulator & 0xFF) - 128 - 23)
    assert -unit / 2 < error <= unit / 2
    assert result & 0xFF00 == 0


@given(st.floats(width=32, allow_subnormal=False, allow_nan=False, allow_infinity=False))
def test_ieee_both_ways(value):
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    word = floats.word_from_ieee(bits)
    assert value_by_definition(word) == Fraction(value)
    assert floats.ieee_from_word(word) == (bits if value else 0)


def test_ieee_limits():
    assert floats.word_from_ieee(0x7F800000) == 0x7FFFFFFF  # infinity
    assert floats.word_from_ieee(0xFF800000) == 0x800000FF
    assert floats.word_from_ieee(0x00400000) == 0  # denormal
    assert floats.ieee_from_word(0x800000FF) == 0xFF800000  # -2^128
    assert floats.ieee_from_word(0x12345600) == 0  # dirty zero
