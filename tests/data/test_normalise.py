"""Digits are set as their authors set them: held against their own pictures, and fractions."""

from fractions import Fraction

import numpy as np
import pytest

from dsplet.data.normalise import Style, at_height, style_of
from dsplet.train import shipped


@pytest.mark.parametrize("data, shape", [("mnist", (28, 28)), ("usps", (16, 16))])
def test_cut_out_and_set_again_a_digit_is_what_it_was(data, shape):
    """None of these is resized: the longer side of each fills the box. Its place is theirs."""
    style, same = style_of(data, shape), 0
    with np.load(shipped.samples(data)) as arrays:
        images = arrays["images"]
    for image in images:
        rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
        ink = image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
        same += max(ink.shape) == style.box and np.array_equal(style(ink), image)
    assert same == len(images) == 100


@pytest.mark.parametrize("size", [(37, 21), (20, 20), (3, 61), (64, 64)])
def test_where_it_shrinks_each_pixel_is_the_mean_of_its_area(size):
    """Old pixels are unit squares, new ones rectangles over them."""
    ink = np.random.default_rng(sum(size)).integers(0, 256, size, np.uint8)
    small = Style((16, 16), 16, False)(ink)
    rows, columns = (max(1, int(Fraction(n * 16, max(size)) + Fraction(1, 2))) for n in size)
    top, left = (16 - rows) // 2, (16 - columns) // 2
    high, wide = Fraction(size[0], rows), Fraction(size[1], columns)
    for y, x in ((0, 0), (rows - 1, columns // 2), (rows // 2, columns - 1)):
        total = sum(int(v) * _shared(y * high, high, j) * _shared(x * wide, wide, i)
                    for (j, i), v in np.ndenumerate(ink))
        assert small[top + y, left + x] == int(total / (high * wide) + Fraction(1, 2))
    assert not small.sum() - small[top:top + rows, left:left + columns].sum()


def _shared(start: Fraction, length: Fraction, pixel: int) -> Fraction:
    """Of [start, start + length) and [pixel, pixel + 1)."""
    return max(Fraction(0), min(start + length, Fraction(pixel + 1)) - max(start, Fraction(pixel)))


def test_the_box_of_each_data_set():
    """USPS fills 16 x 16, also in LeNet-1's 28 x 28 (NIPS 2, 1990); MNIST has 20 of 28."""
    assert style_of("usps", (28, 28)) == Style((28, 28), 16, False)
    assert style_of("mnist", (32, 32)) == Style((32, 32), 20, True)
    assert style_of("mine", (24, 24)) == Style((24, 24), 17, True)
    assert style_of("digits", (8, 8)) == Style((8, 8), 8, False)


def test_a_dot_and_a_hair_stay():
    assert (Style((16, 16), 16, False)(np.full((1, 1), 255, np.uint8)) == 255).all()
    hair = Style((16, 16), 16, False)(np.full((400, 1), 200, np.uint8))
    assert (hair[:, 7] == 200).all() and not hair[:, 8:].any() and not hair[:, :7].any()
    assert at_height(np.full((44, 2), 9, np.uint8), 22).shape == (22, 1)
