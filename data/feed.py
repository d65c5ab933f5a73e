"""Images as the input of a network file, whose metadata says what it was made for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from dsplet import data
from dsplet.data import DataError, Normalization, Samples, Splits

KEYS = ("dsplet.data", "dsplet.input_scale", "dsplet.input_offset")

WHICH_DATA = ("which data it was made for: name it with --data (digits, mnist, usps or a .npz with "
              "images and labels)")


@dataclass(frozen=True)
class Feed:
    """data: a name or path for `data.load`, "" where none is known. shape: (1, H, W)."""

    data: str
    shape: tuple[int, ...]
    normalization: Normalization

    @cached_property
    def splits(self) -> Splits:
        """The data set. Raises DataError."""
        if not self.data:
            raise DataError(f"the file does not say {WHICH_DATA}")
        return data.load(self.data)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """uint8 images (N, h, w) of any size as the network's input, float32 (N, 1, H, W)."""
        return self.normalization(data.fit(images, self.shape[1:]))

    def test(self, samples: str) -> Samples:
        """The first `samples` images of the test split, or "all". Raises DataError."""
        if samples == "all":
            return self.splits.test
        if not samples.isdecimal() or not int(samples):
            raise DataError(f"--samples is '{samples}': expected a positive number or all")
        return self.splits.test[:int(samples)]

    def calibration(self, count: int) -> Samples:
        """At most `count` images of the calibration split. Raises DataError where it is empty."""
        part = self.splits.calibration[:count]
        if not len(part):
            raise DataError(f"data set '{self.data}' has no calibration samples: name one that has "
                            "with --data (digits, mnist or usps)")
        return part

    @property
    def metadata(self) -> dict[str, str]:
        """What `feed` reads."""
        return dict(zip(KEYS, (self.data, repr(self.normalization.scale),
                               repr(self.normalization.offset)), strict=True))


def feed(facts: Mapping[str, str], shape: tuple[int, ...], name: str | None = None,
         scale: str | None = None, offset: str | None = None) -> Feed:
    """The feed of a network with this metadata and input shape; arguments override the metadata.

    scale, offset: x = pixel * scale + offset, decimal numbers or fractions such as "1/256".
    Raises DataError.
    """
    if len(shape) != 3 or shape[0] != 1:
        raise DataError(f"the network's input has shape {shape}; images need (1, H, W)")
    known = [facts.get(key) if given is None else given
             for key, given in zip(KEYS, (name, scale, offset), strict=True)]
    if known[1] is None:
        raise DataError("the file does not say how pixels become its input: give --input-scale "
                        "(1/255, 1/256 or 1) and, where it is not 0, --input-offset"
                        + ("" if known[0] else f"; nor {WHICH_DATA}"))
    return Feed(known[0] or "", tuple(shape),
                Normalization(_number(known[1]), _number(known[2] or "0")))


def _number(text: str) -> float:
    try:
        if math.isfinite(value := float(Fraction(text))):
            return value
    except (ValueError, ZeroDivisionError, OverflowError):
        pass
    raise DataError(f"'{text}' is not a number: expected one such as 0.5 or 1/256")
