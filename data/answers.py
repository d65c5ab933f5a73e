"""What a network answers, and when that is right: one class, a class at each place of a sequence,
or numbers that are near enough."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np

from dsplet.base.errors import UserError, shown

TOLERANCE = "dsplet.tolerance"
"""The metadata key of networks that answer in numbers."""
STEP = "dsplet.step"
"""That of networks that read a sequence: how long an element takes to come."""


class AnswerError(UserError):
    """The answers and what was wanted do not fit together."""


def are_numbers(labels: np.ndarray) -> bool:
    """Whether numbers are wanted, float (N, outputs), and not classes, (N,) or (N, T)."""
    return labels.dtype.kind == "f"


def answers(scores: np.ndarray, places: tuple[int, ...] = ()) -> np.ndarray:
    """int64 (N, *places): the class of the largest score, of equal ones the first.

    scores: (N, ...), the classes of the first place first. Raises AnswerError.
    """
    scores = np.asarray(scores)
    try:
        return scores.reshape(len(scores), *places, -1).argmax(-1)
    except ValueError:
        raise AnswerError(f"the network gives {scores[0].size} numbers, which are not as many "
                          f"scores for each of {places[0]} places") from None


def places_of(scores: np.ndarray, names: Mapping[int, str]) -> tuple[int, ...]:
    """The places of an answer by scores (N, ...) for these classes: none, or (T,) of a sequence."""
    places = scores[0].size // len(names) if names else 1
    return (places,) if places > 1 else ()


def are_scores(y: np.ndarray, names: Mapping[int, str]) -> bool:
    """Whether outputs y (N, ...) can be read as classes' scores: a vector of at least two, or a
    score for each of these classes at every place of a sequence."""
    size = y[0].size
    if names:
        return size % len(names) == 0
    return size > 1 and max(y.shape[1:]) == size


def same(read: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool (N,): where two answers (N, ...) are the same, at every place."""
    return (read == labels).reshape(len(labels), -1).all(1)


def right(y: np.ndarray, labels: np.ndarray, tolerance: float | None = None) -> np.ndarray:
    """bool (N,): which of a network's outputs y, reals (N, ...), are right: the same classes as the
    labels, at every place, or numbers each less than `tolerance` away. Raises AnswerError."""
    if not are_numbers(labels):
        check_classes(y, labels)
        return same(answers(y, labels.shape[1:]), labels)
    if tolerance is None:
        raise AnswerError("the data set wants numbers, the network names classes: its file has no "
                          f"{TOLERANCE}")
    check_numbers(y, labels)
    return (np.abs(y - labels) < tolerance).all(1)


def check_classes(y: np.ndarray, labels: np.ndarray) -> None:
    """Raises AnswerError where outputs y (N, ...) have no scores for classes such as these."""
    scores = y[0].size // labels[0].size
    if scores == 1:
        raise AnswerError("the network gives one number where classes would have a score each",
                          remedy="give the labels as floats: numbers that are wanted of it")
    if labels.max() >= scores:
        raise AnswerError(f"labels run to {labels.max()}, the network gives {scores} scores",
                          remedy="give labels as floats where they are numbers that are wanted")


def check_numbers(y: np.ndarray, wanted: np.ndarray) -> None:
    """Raises AnswerError where outputs y (N, outputs) are not as many numbers as are wanted."""
    if y.shape != wanted.shape:
        raise AnswerError(f"the network gives {y.shape[1:]} numbers, the data set wants "
                          f"{wanted.shape[1:]}", remedy="classes are integers" if
                          wanted.shape[1:] == (1,) and (wanted == wanted.round()).all() else "")


def percent_right(y: np.ndarray, labels: np.ndarray, tolerance: float | None = None) -> float:
    """Of the samples, all that is right counting as one."""
    return 100 * float(right(y, labels, tolerance).mean())


def nrmse_percent(y: np.ndarray, wanted: np.ndarray) -> float:
    """The root of the mean square error, in per cent of the wanted numbers' standard deviation:
    what always answering their mean would score is 100."""
    with np.errstate(divide="ignore", invalid="ignore"):  # of one sample there is no deviation
        return 100 * float(np.sqrt(np.mean((y - wanted) ** 2.0)) / np.std(wanted, dtype=np.float64))


def plain(answer: np.ndarray) -> int | tuple[int, ...]:
    """One sample's answer as numbers of Python."""
    return tuple(np.asarray(answer).tolist()) if np.ndim(answer) else int(answer)


def spelled(answer: np.ndarray | int | tuple[int, ...], names: dict[int, str]) -> str:
    """The answer by its classes' names, a number where there is none; letters stand together."""
    words = [names.get(int(k), str(int(k))) for k in np.ravel(answer)]
    return ("" if all(len(word) == 1 for word in words) else " ").join(words)


def class_names(facts: Mapping[str, str]) -> dict[int, str]:
    """The classes' names by number, as a file's metadata gives them; else none."""
    try:
        names = json.loads(facts.get("dsplet.classes", "[]"))
    except (ValueError, RecursionError):
        return {}
    return {i: str(name) for i, name in enumerate(names)} if isinstance(names, list) else {}


def tolerance_of(facts: Mapping[str, str]) -> float | None:
    """The tolerance in a file's metadata; None of a classifier. Raises AnswerError."""
    if TOLERANCE not in facts:
        return None
    try:
        if 0 < (tolerance := float(facts[TOLERANCE])) < math.inf:
            return tolerance
    except ValueError:
        pass
    raise AnswerError(f"the file's {TOLERANCE} is {shown(facts[TOLERANCE])}",
                      expected="a number above 0")
