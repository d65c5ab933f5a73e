"""Lines of digits: what they are made of, and what a window of them is said to show."""

import numpy as np

from dsplet import data
from dsplet.data import digits, lines
from dsplet.data.lines import BEARING, DIGITS, GAPS, HEIGHT, MARGIN, WIDTH, WINDOW, Lines, cut


def composed(count: int = 60, seed: int = 1) -> tuple[Lines, data.Samples]:
    source = digits.load().test
    return lines.compose(source, count, np.random.RandomState(seed)), source


def test_the_same_lines_every_time():
    splits = data.load("small_lines")
    assert [p.images.shape for p in (splits.train, splits.calibration, splits.test)] == [
        (n, HEIGHT, WIDTH) for n in (1000, 100, 200)]
    assert splits.test.labels.shape == (200, DIGITS) and set(
        np.unique(splits.test.labels)) == set(range(1, 11))
    assert splits.sha256 == "6650af748e9172bfc0aa39cfa0f9cf6e1ce5ce68482b56f6c3a1b3a4bb9c9993"


def test_a_line_holds_the_ink_of_its_digits():
    """Where digits do not overlap, the ink adds up; where they do, the darker counts."""
    source = digits.load().test[:DIGITS]
    total = data.fit(source.images, (20, 20)).sum(dtype=int)
    sums = [lines.compose(source, 1, np.random.RandomState(seed)).images.sum(dtype=int)
            for seed in range(30)]
    assert max(sums) == total and 0.9 * total < min(sums) < total


def test_every_digit_is_used_once_before_any_is_used_again():
    found, source = composed(count=len(digits.load().test) // DIGITS)
    assert np.array_equal(np.bincount(found.classes.reshape(-1) - 1), np.bincount(source.labels))


def test_digits_stand_as_far_apart_as_the_paper_says():
    found, _ = composed(400)
    apart = np.diff(found.centres, axis=1)
    assert BEARING + GAPS.start - 1 <= apart.min() and apart.max() <= 20 + max(GAPS) + 1
    assert found.images[:, :, :MARGIN].max() == 0 and found.images[:, :, -MARGIN:].max() == 0
    assert len(np.unique(apart)) > 10


def test_a_window_shows_the_digit_in_its_middle_or_none():
    """On lines whose every pixel is its column, a window tells where it was cut."""
    centres = np.tile([20, 45, 70, 95, 120], (50, 1))
    classes = np.tile(np.arange(1, 6, dtype=np.uint8), (50, 1))
    columns = np.broadcast_to(np.arange(1, WIDTH + 1, dtype=np.uint8), (50, HEIGHT, WIDTH))
    images, labels = cut(Lines(columns, classes, centres), np.random.RandomState(0))
    assert images.shape[1:] == (HEIGHT, WINDOW) and len(labels) == len(images)
    edge = images[:, 0].max(1).astype(int)  # of the last column, unless it is beyond the line
    inside = (images[:, 0] > 0).all(1)
    middle = (edge - WINDOW // 2)[inside]
    near = np.abs(middle[:, None] - centres[0])
    assert (near.min(1)[labels[inside] > 0] <= 3).all()
    assert np.array_equal(near.argmin(1)[labels[inside] > 0] + 1, labels[inside][
        labels[inside] > 0])
    assert (near.min(1)[labels[inside] == 0] >= 5).all()
    assert (np.bincount(labels)[1:] == 50).all() and 0.5 < (labels == 0).sum() / 250 < 1.0
