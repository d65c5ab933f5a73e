"""Somebody's samples as a file or a folder has them, before a network says how it reads them.

A kind of file is a module beside this one with a function under `@opens`, and an import line in
`data/__init__.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dsplet.data.splits import DataError

Shape = tuple[int, ...]
PARTS = ("calibration", "train", "test")
WHOLE = ""
"""The one part of what nobody has split."""
LABELS = ("labels", "label")
"""What labels are called, as an array or a column."""
SERVES = {"calibration": ("calibration", "train", WHOLE), "train": ("train", WHOLE),
          "test": ("test", WHOLE)}
"""Which part serves which purpose, the best first."""


@dataclass(frozen=True, eq=False)
class Arrays:
    """One part of somebody's samples.

    arrays: by name, of any shape and type; every name is as good as another where there is one.
    labels: classes, uint8 or int64 (N,) or (N, T); numbers, float32 (N, outputs); None where nobody
    knows them. names: of the classes, by number, where the labels were words. flat: the numbers
    come in rows without a shape of their own. index: each sample's position in the source; None:
    0, 1, 2, ...
    """

    arrays: Mapping[str, np.ndarray]
    labels: np.ndarray | None = None
    names: tuple[str, ...] = ()
    flat: bool = False
    index: np.ndarray | None = None

    @property
    def sha256(self) -> str:
        """Fingerprint of every array."""
        digest = hashlib.sha256()
        for _, array in sorted(self.arrays.items()):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Source:
    """Samples in parts, by names of `PARTS`, or in one, `WHOLE`; a part is read when asked for."""

    name: str
    parts: Mapping[str, Callable[[], Arrays]]

    @property
    def unsplit(self) -> bool:
        """Whether all its samples serve every purpose."""
        return WHOLE in self.parts

    def part(self, purpose: str) -> Arrays:
        """The samples for "calibration", "train" or "test". Raises DataError where there are none.
        """
        found = next((p for p in SERVES[purpose] if p in self.parts), None)
        if found is None:
            raise DataError(f"has no {purpose} samples, only {', '.join(self.parts)}",
                            where=self.name, remedy=f"name them {purpose}.NAME")
        return self.parts[found]()


@dataclass(frozen=True)
class Wanted:
    """What a network reads: the shapes of its inputs, without the batch axis, by name. resize:
    whether pictures may be brought to its size."""

    inputs: Mapping[str, Shape]
    resize: bool = False

    def only(self) -> Shape:
        """Of the one input. Raises DataError where there are several."""
        if len(self.inputs) != 1:
            raise DataError(f"the network reads {listed(self.inputs)}", expected="one input",
                            remedy="give a .npz with an array named for each")
        shape, = self.inputs.values()
        return shape


Opener = Callable[[Path, Wanted], Source]

OPENERS: dict[str, Opener] = {}
"""By the ending of a file, or FOLDER."""
FOLDER = "a folder"


def opens(*endings: str) -> Callable[[Opener], Opener]:
    """Register the decorated function for files with these endings, or for FOLDER."""
    def register(opener: Opener) -> Opener:
        OPENERS.update(dict.fromkeys(endings, opener))
        return opener
    return register


def listed(inputs: Mapping[str, Shape]) -> str:
    """Inputs as messages name them, with their samples' shapes."""
    return ", ".join(f"'{name}' (N, {', '.join(map(str, shape))})"
                     for name, shape in inputs.items())


def labels_of(labels: np.ndarray) -> np.ndarray:
    """Classes as uint8, int64 where there are more than 256; numbers as float32 (N, outputs).

    Raises DataError for what is neither.
    """
    kind, form = labels.dtype.kind, f"'labels' is {labels.dtype} {labels.shape}"
    if kind not in "biuf" or not labels.ndim or 0 in labels.shape[1:]:
        raise DataError(form, expected="classes as integers (N,), or (N, T) of sequences; or "
                                       "numbers, floats (N, outputs)")
    if kind == "f":
        if not np.isfinite(labels).all():
            raise DataError("some label is NaN or infinite")
        return labels.reshape(len(labels), -1).astype(np.float32)
    if labels.ndim > 2:
        raise DataError(form, expected="classes (N,), or (N, T) of sequences")
    if labels.size and (labels.min() < 0 or labels.max() > np.iinfo(np.int32).max):
        raise DataError(f"'labels' run {labels.min()}..{labels.max()}",
                        expected="classes from 0 on, or floats where numbers are meant")
    return labels.astype(np.uint8 if not labels.size or labels.max() < 256 else np.int64)


def classes_of(words: list[str], every: Iterable[str] = ()) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of words, and the classes' names: numbers stand for themselves, other words for their
    place in alphabetical order. every: the words that there are, where some may be missing here."""
    known = sorted({*words, *every})
    if all(w.isdecimal() for w in known):
        return labels_of(np.array([int(w) for w in words], np.int64)), ()
    return labels_of(np.array([known.index(w) for w in words], np.int64)), tuple(known)
