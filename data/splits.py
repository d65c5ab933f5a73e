"""What a data set is once it is in memory: images, labels, and which part they belong to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dsplet.base.errors import UserError

LABELS = (("uint8", 1), ("uint8", 2), ("float32", 2))
"""Types and axes of labels: classes, sequences of them, and numbers."""


class DataError(UserError):
    """A data set is missing, damaged, empty or not of the form that was expected."""


@dataclass(frozen=True)
class Samples:
    """Grey images and their classes, sequences of codes and what they are to become, or the numbers
    that are wanted of each.

    images: uint8 (N, H, W), 0 is background, 255 is ink; of codes a row
    labels: uint8 (N,), or (N, T) where a sample has a class at each of T places, or float32
            (N, outputs) where numbers are wanted
    index:  int64 (N,), each sample's position in the source, so that a digit can be named
    """

    images: np.ndarray
    labels: np.ndarray
    index: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.labels)
        if self.images.dtype != np.uint8 or self.images.ndim != 3 or 0 in self.images.shape[1:]:
            raise DataError(f"images are {self.images.dtype} {self.images.shape}",
                            expected="uint8 (N, H, W), H and W at least 1")
        kind = (str(self.labels.dtype), self.labels.ndim)
        if (kind not in LABELS or 0 in self.labels.shape[1:] or len(self.images) != n
                or len(self.index) != n):
            raise DataError(f"{len(self.images)} images, {n} labels ({self.labels.dtype}), "
                            f"{len(self.index)} indices", expected="as many of each, labels uint8 "
                            "(N,) or (N, T), or float32 (N, outputs)")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: slice | np.ndarray) -> Samples:
        """The samples that a slice or an index array names."""
        return Samples(self.images[which], self.labels[which], self.index[which])


@dataclass(frozen=True)
class Splits:
    """A data set in its three parts; `test` takes no part in training, choosing or calibrating."""

    name: str
    train: Samples
    calibration: Samples
    test: Samples

    def __post_init__(self) -> None:
        if len(self.test) == 0:
            raise DataError(f"data set '{self.name}' is empty: it has no test images")

    def first(self, count: int) -> Splits:
        """The same with only the first `count` training samples."""
        return Splits(self.name, self.train[:count], self.calibration, self.test)

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of every pixel and label, split by split."""
        digest = hashlib.sha256()
        for part in (self.train, self.calibration, self.test):
            digest.update(repr(part.images.shape).encode())
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(np.ascontiguousarray(part.labels).data)
        return digest.hexdigest()


class LateSplits(Splits):
    """Splits whose training images are read when they are first asked for: many only test."""

    _read: Callable[[], tuple[Samples, Samples]]

    def __init__(self, name: str, read: Callable[[], tuple[Samples, Samples]], test: Samples
                 ) -> None:
        """read: gives the train and the calibration split."""
        vars(self).update(name=name, _read=read, test=test)
        self.__post_init__()

    @cached_property
    def _parts(self) -> tuple[Samples, Samples]:
        return self._read()

    @cached_property
    def train(self) -> Samples:
        return self._parts[0]

    @cached_property
    def calibration(self) -> Samples:
        return self._parts[1]


def stratified(labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Sorted positions of `per_class` samples of every class, chosen by `seed`.

    The order of choice is that of SHA-256("seed:position"): no random generator whose stream
    could differ between versions decides what is a test image.
    """
    chosen = []
    for label in sorted(set(labels.tolist())):
        positions = np.flatnonzero(labels == label)
        if len(positions) < per_class:
            raise DataError(f"class {label} has {len(positions)} samples, {per_class} wanted")
        chosen += sorted(positions, key=lambda p: hashlib.sha256(f"{seed}:{p}".encode()).digest())[
            :per_class
        ]
    return np.sort(np.array(chosen, dtype=np.int64))
