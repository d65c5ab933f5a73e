"""What a network's scores say of a sample: one class, or a class for each place of a sequence."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np


def answers(scores: np.ndarray, places: tuple[int, ...] = ()) -> np.ndarray:
    """int64 (N, *places): the class of the largest score, of equal ones the first.

    scores: (N, ...), the classes of the first place first. ValueError: not as many at each place.
    """
    return np.asarray(scores).reshape(len(scores), *places, -1).argmax(-1)


def right(read: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool (N,): where an answer (N, ...) is the label, at every place of it."""
    return (read == labels).reshape(len(labels), -1).all(1)


def percent_right(scores: np.ndarray, labels: np.ndarray) -> float:
    """Of the samples, all that is right counting as one."""
    return 100 * float(right(answers(scores, labels.shape[1:]), labels).mean())


def plain(answer: np.ndarray) -> int | tuple[int, ...]:
    """One sample's answer as numbers of Python."""
    return tuple(np.asarray(answer).tolist()) if np.ndim(answer) else int(answer)


def spelled(answer: np.ndarray | int | tuple[int, ...], names: dict[int, str]) -> str:
    """The answer by its classes' names, a number where there is none; letters stand together."""
    words = [names.get(int(k), str(int(k))) for k in np.ravel(answer)]
    return ("" if all(len(word) == 1 for word in words) else " ").join(words)


def class_names(metadata: Mapping[str, str]) -> dict[int, str]:
    """The classes' names by number, as the file's metadata gives them; else none."""
    try:
        names = json.loads(metadata.get("dsplet.classes", "[]"))
    except ValueError:
        return {}
    return {i: str(name) for i, name in enumerate(names)} if isinstance(names, list) else {}
