"""Samples as the inputs of a network file, whose metadata says what it was made for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dsplet.base.errors import shown
from dsplet.data.answers import class_names
from dsplet.data.fitting import arranged, chosen, converted, may_be_pictures
from dsplet.data.opening import open_source
from dsplet.data.resample import SCALING, Scaling
from dsplet.data.source import Arrays, Shape, Source, Wanted
from dsplet.data.splits import DataError

KEYS = ("dsplet.data", *SCALING)
CALIBRATED_ON = "dsplet.calibrated_on"
"""Metadata of networks whose calibration samples nobody parted from the others: their
fingerprint, and how many of them were taken."""

RESIZE = "--resize"
NAME_DATA = ("name it with --data: a data set (digits, mnist, usps), a .npz, .npy, .csv or .wav, "
             "or a folder of pictures or sounds")


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples as a network reads them.

    x: by input, float32 (N, *shape). labels: as in `Arrays`. index: each sample's position in its
    source. origin: of an unsplit source, its fingerprint. data: what the source is called.
    """

    x: dict[str, np.ndarray]
    labels: np.ndarray | None
    index: np.ndarray
    origin: str = ""
    data: str = ""

    def __len__(self) -> int:
        return len(self.index)

    @property
    def sha256(self) -> str:
        """Of the numbers, the labels and what each belongs to."""
        digest = hashlib.sha256()
        labels = {} if self.labels is None else {"": self.labels}
        for name, a in (*sorted(self.x.items()), *labels.items()):
            digest.update(f"{name} {a.dtype} {a.shape}\0".encode())
            digest.update(np.ascontiguousarray(a).tobytes())
        return digest.hexdigest()

    @property
    def unlabelled(self) -> Batch:
        """The same without labels."""
        return replace(self, labels=None)

    def calibrated_on(self, facts: Mapping[str, str]) -> str | None:
        """How many of the samples a network with this metadata was calibrated on; None where they
        are others, or nobody knows."""
        origin, _, count = facts.get(CALIBRATED_ON, "").partition(":")
        if not self.origin or origin != self.origin or not count.isdecimal():
            return None
        return f"{int((self.index < int(count)).sum()):,} of these {len(self):,} samples"


@dataclass(frozen=True)
class Feed:
    """What feeds a network. data: a name or path, "" where none is known. inputs: the shapes of
    its inputs, without the batch axis. scaling: of pixels, uint8, and where there are none of any
    whole numbers; None where nobody said. resize: whether pictures may be brought to its size.
    asked: the options that asked for these, which must do something. classes: the numbers of its
    classes by name, where it knows them.
    """

    data: str
    inputs: Mapping[str, Shape]
    scaling: Scaling | None = None
    resize: bool = False
    asked: tuple[str, ...] = ()
    classes: Mapping[str, int] | None = None

    @cached_property
    def source(self) -> Source:
        """Where the samples are. Raises DataError."""
        if not self.data:
            raise DataError("the file does not say which data it was made for", remedy=NAME_DATA)
        return open_source(self.data, Wanted(self.inputs, self.resize))

    def test(self, samples: str) -> Batch:
        """The first `samples` test samples, or "all". Raises DataError."""
        return self._part("test", None if samples == "all" else count_of(samples))

    def calibration(self, count: int) -> Batch:
        """At most `count` calibration samples. Raises DataError where there are none."""
        return self._part("calibration", count)

    def train(self) -> Batch:
        """The training samples. Raises DataError where there are none."""
        return self._part("train", None)

    def batch(self, given: Arrays, count: int | None = None, origin: str = "") -> Batch:
        """The first `count` of these samples. Raises DataError for what the network cannot read."""
        own = arranged(chosen(given.arrays, self.inputs), self.inputs, given.flat)
        many = len(next(iter(own.values())))
        taken = {k: a[:count] for k, a in own.items()}
        if given.labels is not None and len(given.labels) != many:
            raise DataError(f"has {many:,} samples and {len(given.labels):,} labels",
                            expected="as many of each")
        self._check_asked(taken)
        pixels = any(a.dtype == np.uint8 for a in taken.values())
        x = {name: converted(name, a, self.inputs[name], self.scaling if a.dtype == np.uint8 or
                             not pixels else None, self.resize) for name, a in taken.items()}
        index = np.arange(many) if given.index is None else given.index
        return Batch(x, self._labels(given, count), index[:count], origin)

    @property
    def metadata(self) -> dict[str, str]:
        """What `feed` reads."""
        return {KEYS[0]: self.data} | (self.scaling.facts if self.scaling else {})

    def calibration_facts(self, batch: Batch) -> dict[str, str]:
        """Metadata of a network that these samples calibrated."""
        return {CALIBRATED_ON: f"{batch.origin}:{len(batch)}"} if batch.origin else {}

    def _part(self, purpose: str, count: int | None) -> Batch:
        source = self.source
        try:
            given = source.part(purpose)
            if not len(next(iter(given.arrays.values()), "?")):
                raise DataError(f"has no {purpose} samples", remedy="name data that have some with "
                                "--data (digits, mnist, usps or a file of your own)")
            found = self.batch(given, count, given.sha256 if source.unsplit else "")
            return replace(found, data=self.data)
        except DataError as error:
            raise error.at(self.data) from error.__cause__

    def _check_asked(self, taken: Mapping[str, np.ndarray]) -> None:
        """Raises DataError for an option that would do nothing to these samples."""
        scaled = " and ".join(option for option in self.asked if option != RESIZE)
        if scaled and not any(a.dtype.kind in "iu" for a in taken.values()):
            kinds = ", ".join(sorted({str(a.dtype) for a in taken.values()}))
            raise DataError(f"{scaled} is for whole numbers such as pixels; these are {kinds}",
                            remedy="leave it out")
        if RESIZE in self.asked and not any(
                may_be_pictures(a, self.inputs[name]) for name, a in taken.items()):
            held = ", ".join(f"{a.dtype} {a.shape[1:]}" for a in taken.values())
            raise DataError(f"{RESIZE} is for pictures, and networks that read some; these are "
                            f"{held}", remedy="leave it out")

    def _labels(self, given: Arrays, count: int | None) -> np.ndarray | None:
        """As numbers of the network's own classes, where both know their names."""
        if given.labels is None:
            return None
        labels, own = given.labels[:count], self.classes
        if own and given.names and own.keys() >= set(given.names):
            return np.array([own[name] for name in given.names])[labels].astype(labels.dtype)
        return labels


def feed(facts: Mapping[str, str], inputs: Mapping[str, Shape], name: str | None = None,
         scale: str | None = None, offset: str | None = None, resize: bool = False) -> Feed:
    """The feed of a network with this metadata and these inputs; arguments override the metadata.

    scale, offset: x = pixel * scale + offset, decimal numbers or fractions such as "1/256"; several
    with commas between them are one for each channel. resize: pictures may be brought to the
    network's size, as those of the data set that it was made for always are. Raises DataError.
    """
    data = name or facts.get(KEYS[0], "")
    scaling = Scaling.from_facts(facts, scale, offset)
    classes = {word: i for i, word in class_names(facts).items()}
    given = zip((*SCALING.values(), RESIZE), (scale, offset, resize or None), strict=True)
    return Feed(data, dict(inputs), scaling, resize=resize or data == facts.get(KEYS[0]),
                asked=tuple(o for o, value in given if value is not None), classes=classes)


def count_of(samples: str) -> int:
    """How many samples an option asks for. Raises DataError."""
    if not samples.isdecimal() or not int(samples):
        raise DataError(f"--samples is {shown(samples)}", expected="a positive number or all")
    return int(samples)
