"""Right answers: a class by the largest output, a sequence of them, numbers by their distance."""

import numpy as np
import pytest

from dsplet.data.answers import (
    AnswerError,
    answers,
    class_names,
    nrmse_percent,
    percent_right,
    plain,
    right,
    same,
    spelled,
    tolerance_of,
)

SCORES = np.array([[[1, 5, 5], [9, 0, 0]], [[0, 0, 7], [0, 3, 2]]])


def test_of_a_class_the_first_of_the_largest_counts():
    y = np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert right(y, np.array([1, 2, 0], np.uint8)).tolist() == [True, False, True]


def test_of_numbers_every_one_must_be_near():
    wanted = np.array([[0.5, 0.5], [0.5, 0.5], [0.0, 1.0]])
    y = wanted + [[0.03, -0.03], [0.0, 0.05], [0.0, -0.0399]]
    assert right(y, wanted, 0.04).tolist() == [True, False, True]


def test_always_answering_the_mean_is_a_hundred_per_cent_off():
    wanted = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    assert nrmse_percent(np.full_like(wanted, wanted.mean()), wanted) == pytest.approx(100)
    assert nrmse_percent(wanted, wanted) == 0
    off = wanted + 0.1 * wanted.std()
    assert nrmse_percent(off, wanted) == pytest.approx(10, rel=1e-4)


def test_what_does_not_fit_is_refused():
    wanted = np.zeros((3, 2), np.float32)
    with pytest.raises(AnswerError, match="wants numbers, the network names classes"):
        right(np.zeros((3, 2)), wanted)
    with pytest.raises(AnswerError, match=r"gives \(1,\) numbers, the data set wants \(2,\)"):
        right(np.zeros((3, 1)), wanted, 0.1)
    with pytest.raises(AnswerError, match="'near'; expected a number"):
        tolerance_of({"dsplet.tolerance": "near"})
    assert tolerance_of({}) is None and tolerance_of({"dsplet.tolerance": "0.04"}) == 0.04


def test_of_a_sequence_all_of_it_counts():
    assert answers(SCORES, (2,)).tolist() == [[1, 0], [2, 1]]
    assert answers(SCORES).tolist() == [3, 2]
    labels = np.array([[1, 0], [2, 0]])
    assert right(SCORES.reshape(2, -1), labels).tolist() == [True, False]
    assert percent_right(SCORES, labels) == 50
    assert same(np.array([3, 2]), np.array([3, 3])).tolist() == [True, False]
    with pytest.raises(AnswerError, match="6 numbers, .* each of 4 places"):
        answers(SCORES, (4,))


def test_answers_in_words():
    letters = class_names({"dsplet.classes": '["a", "b", "-"]'})
    assert spelled(np.array([0, 2, 1]), letters) == "a-b" and spelled(1, letters) == "b"
    assert spelled((0, 1), {0: "left", 1: "right"}) == "left right"
    assert spelled(7, {}) == "7" and class_names({}) == class_names({"dsplet.classes": "{"}) == {}
    assert plain(np.array([4, 5])) == (4, 5) and plain(np.array([4, 5])[0]) == 4
