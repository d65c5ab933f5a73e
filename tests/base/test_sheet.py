"""Maps as pictures: every level where it belongs."""

from io import BytesIO

import numpy as np
from PIL import Image

from dsplet.base.sheet import BETWEEN, maps_of, sheet


def seen(rows):
    with Image.open(BytesIO(sheet(rows))) as picture:
        return np.asarray(picture)


def test_two_samples_of_two_maps():
    """Maps of 2x4 are enlarged 16 times: 32 rows, 64 columns, two pixels around them, and eight
    between samples."""
    first = np.array([[[-1.0, 0, 1, 3], [0, 0, 0, 0]], [[1, 1, 1, 1], [0, 0, 0, 3]]])
    pixels = seen([first, first[::-1]])
    assert pixels.shape == (2 + 2 * 32 + 2 + 8 + 2, 2 + 64 + 2 + 64 + 2, 3)
    assert tuple(pixels[0, 0]) == tuple(pixels[10, 67]) == tuple(pixels[36, 5]) == BETWEEN
    # from -1 to 3: 0 is a quarter of 255, 63.75
    assert [pixels[2, 2 + 16 * i, 0] for i in range(4)] == [0, 64, 128, 255]
    assert pixels[17, 17, 0] == 0 and pixels[18, 17, 0] == 64  # the last of a cell, the next below
    assert pixels[2, 68, 0] == 128 and pixels[33, 131, 0] == 255  # the second map
    assert (pixels[44:76, 2:66] == pixels[2:34, 68:132]).all()  # the other sample's first


def test_a_row_of_numbers_is_a_cell_each_and_wraps():
    pixels = seen([maps_of(np.arange(20.0))])
    assert pixels.shape == (2 + 2 * 18, 2 + 16 * 18, 3)
    assert pixels[20, 2, 0] == round(16 / 19 * 255) and tuple(pixels[20, 80]) == BETWEEN


def test_more_axes_are_more_maps():
    assert maps_of(np.zeros((3, 2, 5, 4))).shape == (6, 5, 4)
    assert maps_of(np.zeros((5, 4))).shape == (1, 5, 4)
    assert maps_of(np.zeros(())).shape == (1, 1, 1)


def test_what_is_the_same_everywhere_is_black():
    assert (seen([np.full((1, 1, 1), 7.0)])[5, 5] == 0).all()


def test_maps_that_stand_apart_have_their_own_black_and_white():
    rows = [np.array([[[0.0, 1]], [[10, 30]]]), np.array([[[5.0, 4]], [[2, 2]]])]
    with Image.open(BytesIO(sheet(rows, apart=True))) as picture:
        pixels = np.asarray(picture)[..., 0]
    assert [pixels[2, x] for x in (2, 18, 36, 52)] == [0, 255, 0, 255]
    assert [pixels[28, x] for x in (2, 18, 36, 52)] == [255, 0, 0, 0]
