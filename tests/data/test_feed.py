"""Images as the input of a network file."""

import numpy as np
import pytest

from dsplet import data
from dsplet.data import DataError
from dsplet.data.feed import KEYS, feed

FACTS = dict(zip(KEYS, ("digits", "0.00390625", "-0.5"), strict=True))


def test_the_metadata_holds_unless_it_is_overridden():
    images = data.load("digits").test.images[:3]
    plain = feed(FACTS, (1, 16, 16))
    x = plain(images)
    assert x.shape == (3, 1, 16, 16) and x.dtype == np.float32 and plain.metadata == FACTS
    assert np.array_equal(x[:, 0], data.fit(images, (16, 16)) / np.float32(256) - 0.5)
    other = feed(FACTS, (1, 8, 8), scale="1/8", offset="1")
    assert np.array_equal(other(images)[:, 0], images / np.float32(8) + 1)
    assert feed(other.metadata, (1, 8, 8)) == other


def test_the_samples_asked_for():
    digits = feed(FACTS, (1, 8, 8))
    assert (len(digits.test("all")), len(digits.test("7"))) == (360, 7)
    assert (len(digits.calibration(500)), len(digits.calibration(9))) == (240, 9)
    for text in ("0", "-1", "some", "1.5"):
        with pytest.raises(DataError, match="expected a positive number or all"):
            digits.test(text)


@pytest.mark.parametrize("facts, shape, options, message", [
    (FACTS, (12,), {}, r"input has shape \(12,\); expected \(1, H, W\)"),
    (FACTS, (3, 8, 8), {}, r"input has shape \(3, 8, 8\); expected \(1, H, W\)"),
    ({}, (1, 8, 8), {}, "nor which data it was made for: give --input-scale .*; name it with -"),
    (FACTS, (1, 8, 8), {"scale": "half"}, "'half' is not a number"),
    (FACTS, (1, 8, 8), {"scale": "1/0"}, "'1/0' is not a number"),
    (FACTS, (1, 8, 8), {"scale": "1e999999999"}, "'1e999999999' is not a number"),
    (FACTS, (1, 8, 8), {"scale": "9" * 5000}, "'9999.* is not a number; expected one such as 0.5"),
    (FACTS, (1, 8, 8), {"scale": "nan"}, "'nan' is not a number; expected one such as 0.5 or 1/2"),
    (FACTS, (1, 8, 8), {"offset": "1e999"}, "'1e999' is not a number"),
])
def test_what_cannot_be_fed(facts, shape, options, message):
    with pytest.raises(DataError, match=message):
        feed(facts, shape, **options)


def test_data_that_nobody_named():
    with pytest.raises(DataError, match="does not say which data it was made for"):
        feed({}, (1, 8, 8), scale="1").test("1")
