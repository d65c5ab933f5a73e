"""The DSP32C's number formats, exactly.

Two formats, both with a two's-complement mantissa and one implicit bit [dsp32c.md 3.1, 3.2; A L S]:

    float word    31 s | 30:8 fraction (23)             | 7:0 exponent
    accumulator   39 s | 38:16 fraction (23) 15:8 guard | 7:0 exponent

    value = M * 2^(exponent - 128),  M = 1 + f  (s = 0)  or  -2 + f  (s = 1),  0 <= f < 1

An exponent of 0 means zero whatever the rest holds (a "dirty zero").  There is no negative zero,
infinity, NaN or denormal.  All functions on single numbers use Python integers and lose nothing;
`to_words` and `from_words` do whole arrays.
"""

from fractions import Fraction
from typing import Literal

import numpy as np

BIAS = 128
ONE = 0x00000080
GREATEST = 0x7FFFFFFFFF  # of the accumulator; the word is its upper part
LEAST = 0x80000000FF
N, Z, U, V = 8, 4, 2, 1  # DAU flags: negative, zero, underflow, overflow
Rounding = Literal["nearest", "down", "zero"]
"""To an integer: to the nearest, ties upwards; toward minus infinity; toward zero."""


def widen(word: int) -> int:
    """The accumulator (40 bits) that a float word (32 bits) loads: guard bits 0."""
    return (word & 0xFFFFFF00) << 8 | word & 0xFF


def narrow(accumulator: int) -> int:
    """The float word that an accumulator stores: guard bits dropped, a floor [dsp32c.md 3.2, S]."""
    return accumulator >> 8 & 0xFFFFFF00 | accumulator & 0xFF


def significand(accumulator: int) -> int:
    """The mantissa as an integer of 31 fraction bits, implicit bit inserted; 0 for zeros."""
    if not accumulator & 0xFF:
        return 0
    raw = accumulator >> 8
    return raw + 0x80000000 if raw < 0x80000000 else raw - 0x180000000


def normalise(mantissa: int, fraction_bits: int, exponent: int, nearest: bool = False):
    """(accumulator, DAU flags) of mantissa * 2^(exponent - 128 - fraction_bits).

    Floors to 31 fraction bits; saturates above exponent 255 (V) and flushes to zero below
    exponent 1 (U) [dsp32c.md 3.3, S; adder details K65].  `nearest` rounds half up instead.
    """
    if mantissa == 0:
        return 0, Z
    # bits after the leading one: [1, 2) for positive, [-2, -1) for negative mantissas
    span = (mantissa if mantissa > 0 else ~mantissa).bit_length() - 1
    shift = span - 31
    if shift > 0:
        if nearest:
            rounded = (mantissa + (1 << (shift - 1))) >> shift
            return normalise(rounded, 31, exponent + span - fraction_bits)
        mantissa >>= shift
    else:
        mantissa <<= -shift
    exponent += span - fraction_bits
    negative = N if mantissa < 0 else 0
    if exponent > 255:
        return (LEAST if negative else GREATEST), negative | V
    if exponent < 1:
        return 0, Z | U
    raw = mantissa - 0x80000000 if mantissa > 0 else mantissa + 0x180000000
    return raw << 8 | exponent, negative


def multiply_add(addend: int, x: int, y: int, negate_addend=False, negate_product=False,
                 truncate=True):
    """(accumulator, DAU flags) of ±addend ± x * y.

    addend: accumulator (40 bits); x, y: float words (32 bits).  The product is exact; the operand
    with the smaller exponent is shifted right arithmetically, the sum normalised and floored
    [dsp32c.md 3.3, S; adder details K65].  truncate=False rounds the sum to nearest.
    """
    a, ea = significand(addend) << 15, addend & 0xFF
    if negate_addend:
        a = -a
        if a == 1 << 47:  # -(-2) renormalises
            a, ea = a >> 1, ea + 1
    # 31 fraction bits each, the lower 8 of them zero: the product has 62, keep 46
    product = significand(widen(x)) * significand(widen(y)) >> 16
    if negate_product:
        product = -product
    exponent = (x & 0xFF) + (y & 0xFF) - BIAS
    if product == 0:
        total, exponent = a, ea
    elif a == 0:
        total = product
    elif ea >= exponent:
        total, exponent = a + (product >> min(ea - exponent, 64)), ea
    else:
        total = (a >> min(exponent - ea, 64)) + product
    return normalise(total, 46, exponent, nearest=not truncate)


def round_to_word(accumulator: int):
    """(accumulator, DAU flags) of the `round` instruction: 23 fraction bits, ties upwards [S]."""
    mantissa = significand(accumulator)
    return normalise((mantissa + 0x80) >> 8, 23, accumulator & 0xFF)


def from_integer(value: int):
    """(accumulator, DAU flags) of an integer of at most 32 bits: exact."""
    return normalise(value, 0, BIAS)


def to_integer(accumulator: int, bits: int, rounding: Rounding = "nearest",
               signed: bool = True) -> int:
    """The integer of an accumulator, saturated to `bits` bits [dsp32c.md 5.3, S]."""
    mantissa, shift = significand(accumulator), 31 + BIAS - (accumulator & 0xFF)
    if shift <= 0:
        value = mantissa << -shift
    elif rounding == "nearest":
        value = (mantissa + (1 << (shift - 1))) >> shift
    elif rounding == "down" or mantissa > 0:
        value = mantissa >> shift
    else:
        value = -(-mantissa >> shift)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return max(low, min(high, value))


def decode(word: int) -> Fraction:
    """Exact value of a float word."""
    return decode_accumulator(widen(word))


def decode_accumulator(accumulator: int) -> Fraction:
    """Exact value of a 40-bit accumulator."""
    return significand(accumulator) * Fraction(2) ** ((accumulator & 0xFF) - BIAS - 31)


def encode(value) -> int:
    """The float word of an int, float or Fraction; ValueError where none is exactly equal."""
    word = nearest_word(value)
    if decode(word) != value:
        raise ValueError(f"{value} is not exactly a DSP32C float word")
    return word


def nearest_word(value) -> int:
    """The float word nearest to an int, float or Fraction (ties upwards), saturating."""
    value = Fraction(value)  # raises for infinities and NaN
    if value == 0:
        return 0
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    scaled = value * Fraction(2) ** (40 - exponent)
    mantissa = scaled.numerator // scaled.denominator * 2 + (scaled.denominator != 1)  # sticky
    shift = (mantissa if mantissa > 0 else ~mantissa).bit_length() - 1 - 23
    mantissa = (mantissa + (1 << (shift - 1))) >> shift
    return narrow(normalise(mantissa, 23, exponent - 41 + shift + 23 + BIAS)[0])


def word_from_ieee(bits: int) -> int:
    """The float word of an IEEE single's bits; denormals become 0, infinities saturate [A S]."""
    exponent, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    if exponent == 0:
        return 0
    negative = bits >> 31
    if exponent == 255:
        return narrow(LEAST if negative else GREATEST)
    if not negative:
        return fraction << 8 | exponent + 1
    if fraction == 0:
        return 0x80000000 | exponent
    return 0x80000000 | (0x800000 - fraction) << 8 | exponent + 1


def ieee_from_word(word: int) -> int:
    """IEEE single's bits of a float word; too small becomes 0, too great infinity [A S]."""
    exponent, fraction, negative = word & 0xFF, word >> 8 & 0x7FFFFF, word >> 31
    if exponent == 0:
        return 0
    sign = negative << 31
    if negative and fraction:
        fraction = 0x800000 - fraction
    elif negative:  # mantissa exactly -2
        exponent += 1
    if exponent - 1 <= 0:
        return 0
    if exponent - 1 >= 255:
        return sign | 0x7F800000
    return sign | (exponent - 1) << 23 | fraction


def to_words(values) -> np.ndarray:
    """uint32 float words of an array of numbers, same shape.

    Raises ValueError for a value that no word equals exactly: more than 24 significant bits,
    outside about ±2^-127 .. ±2^128, infinite or NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        mantissa, exponent = np.frexp(values)
        whole = np.ldexp(mantissa, 24)
        fixed = np.where(np.isfinite(whole), whole, 0).astype(np.int64)
    exponent = exponent.astype(np.int64) + (BIAS - 1)
    minus_one = fixed == -(1 << 23)  # -1 * 2^k is written -2 * 2^(k-1)
    raw = np.where(fixed < 0, fixed + (1 << 24) | 1 << 23, fixed - (1 << 23))
    raw = np.where(minus_one, 1 << 23, raw) & 0xFFFFFF
    exponent = exponent - minus_one
    zero = values == 0
    good = zero | (np.isfinite(values) & (whole == fixed) & (exponent >= 1) & (exponent <= 255))
    if not good.all():
        bad = values[~good].flat[0]
        raise ValueError(f"{bad!r} is not exactly a DSP32C float word")
    return np.where(zero, 0, raw << 8 | exponent & 0xFF).astype(np.uint32)


def from_words(words) -> np.ndarray:
    """float64 values of an array of uint32 float words, same shape; always exact."""
    words = np.asarray(words, dtype=np.uint32).astype(np.int64)
    raw, exponent = words >> 8, (words & 0xFF).astype(np.int32)
    mantissa = np.where(raw < 1 << 23, raw + (1 << 23), raw - (3 << 23)).astype(np.float64)
    return np.where(exponent == 0, 0.0, np.ldexp(mantissa, exponent - (BIAS + 23)))
