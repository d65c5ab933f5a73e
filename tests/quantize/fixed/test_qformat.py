"""QFormat: ranges, notation and rounding, for every format."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsplet.quantize.fixed.qformat import QFormat

formats = st.builds(QFormat, st.integers(2, 16), st.integers(-20, 30), st.booleans())


@given(formats)
def test_the_range_has_two_to_the_bits_integers_and_fits_the_dtype(fmt):
    assert fmt.max - fmt.min + 1 == 2**fmt.bits
    assert fmt.min == (-fmt.max - 1 if fmt.signed else 0)
    info = np.iinfo(fmt.dtype)
    assert info.min <= fmt.min and fmt.max <= info.max
    assert fmt.dtype.itemsize == (1 if fmt.bits <= 8 else 2)


@given(formats, st.floats(-1e6, 1e6))
def test_quantize_is_the_nearest_integer_half_up(fmt, real):
    exact = floor(Fraction(real) * Fraction(2) ** fmt.frac + Fraction(1, 2))
    if abs(exact) < 2**50:  # beyond, doubles themselves have no halves
        assert fmt.quantize(real) == min(max(exact, fmt.min), fmt.max)


@given(formats, st.data())
def test_quantize_undoes_dequantize(fmt, data):
    q = data.draw(st.integers(fmt.min, fmt.max))
    assert fmt.quantize(fmt.dequantize(q)) == q
    assert Fraction(float(fmt.dequantize(q))) == q / Fraction(2) ** fmt.frac


@given(st.floats(-1e5, 1e5), st.floats(0, 1e5), st.integers(4, 16))
def test_for_range_is_the_finest_that_holds_it(a, width, bits):
    low, high = a, a + width
    fmt = QFormat.for_range(low, high, bits)
    assert fmt.signed == (low < 0)

    def holds(f: QFormat) -> bool:
        scale = Fraction(2) ** f.frac
        return (Fraction(high) * scale < f.max + Fraction(1, 2)
                and Fraction(low) * scale >= f.min - Fraction(1, 2))

    assert holds(fmt)
    assert fmt.frac == 40 or not holds(QFormat(bits, fmt.frac + 1, fmt.signed))


def test_notation():
    assert [str(QFormat(*f)) for f in ((8, 7), (16, 12), (8, 8, False), (8, 10), (8, -2))] == [
        "Q0.7", "Q3.12", "UQ0.8", "Q-3.10", "Q9.-2"]


@pytest.mark.parametrize("bits", [1, 17])
def test_widths_are_2_to_16(bits):
    with pytest.raises(ValueError, match=f"a QFormat has 2 to 16 bits, not {bits}"):
        QFormat(bits, 0)


def test_a_range_beyond_every_step_is_refused():
    with pytest.raises(ValueError, match=r"holds the range \[0, 1e\+30\]"):
        QFormat.for_range(0, 1e30, 8)


@pytest.mark.parametrize("low, high, frac", [
    (-1.0, 127.49 / 128, 7), (-1.0, 127.5 / 128, 6),    # 127.5 rounds half up, to 128
    (-128.5 / 128, 0.5, 7), (-128.51 / 128, 0.5, 6),    # -128.5 rounds half up, to -128
    (0.0, 255.49 / 256, 8), (0.0, 255.5 / 256, 7)])
def test_for_range_at_its_edges(low, high, frac):
    assert QFormat.for_range(low, high, 8).frac == frac
