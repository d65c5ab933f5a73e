"""Images as the input of a network file, whose metadata says what it was made for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from dsplet.base.errors import shown
from dsplet.data.registry import load
from dsplet.data.resample import Normalization, fit
from dsplet.data.splits import DataError, Samples, Splits

KEYS = ("dsplet.data", "dsplet.input_scale", "dsplet.input_offset")

_NUMBER = re.compile(r"[-+]?[0-9]{0,30}(\.[0-9]{0,30})?(e[-+]?[0-9]{1,3})?(/[0-9]{1,30})?",
                     re.IGNORECASE)
"""No longer than what is worked out at once: ten to a billion is a number of a billion digits."""
NAME_DATA = "name it with --data (digits, mnist, usps or a .npz with images and labels)"


@dataclass(frozen=True)
class Feed:
    """data: a name or path for `data.load`, "" where none is known. shape: (1, H, W)."""

    data: str
    shape: tuple[int, int, int]
    normalization: Normalization

    @cached_property
    def splits(self) -> Splits:
        """The data set. Raises DataError."""
        if not self.data:
            raise DataError("the file does not say which data it was made for", remedy=NAME_DATA)
        return load(self.data)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """uint8 images (N, h, w) of any size as the network's input, float32 (N, 1, H, W)."""
        return self.normalization(fit(images, self.shape[1:]))

    def test(self, samples: str) -> Samples:
        """The first `samples` images of the test split, or "all". Raises DataError."""
        if samples == "all":
            return self.splits.test
        if not samples.isdecimal() or not int(samples):
            raise DataError(f"--samples is {shown(samples)}", expected="a positive number or all")
        return self.splits.test[:int(samples)]

    def calibration(self, count: int) -> Samples:
        """At most `count` images of the calibration split. Raises DataError where it is empty."""
        part = self.splits.calibration[:count]
        if not len(part):
            raise DataError(f"data set '{self.data}' has no calibration samples",
                            remedy="name one that has with --data (digits, mnist or usps)")
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
        raise DataError(f"the network's input has shape {shape}", expected="(1, H, W), an image")
    known = [facts.get(key) if given is None else given
             for key, given in zip(KEYS, (name, scale, offset), strict=True)]
    if known[1] is None:
        raise DataError("the file does not say how pixels become its input"
                        + ("" if known[0] else ", nor which data it was made for"),
                        remedy="give --input-scale (1/255, 1/256 or 1) and, where it is not 0, "
                        "--input-offset" + ("" if known[0] else f"; {NAME_DATA}"))
    return Feed(known[0] or "", (shape[0], shape[1], shape[2]),
                Normalization(_number(known[1]), _number(known[2] or "0")))


def _number(text: str) -> float:
    try:
        if _NUMBER.fullmatch(text.strip()) and math.isfinite(value := float(Fraction(text))):
            return value
    except (ValueError, ZeroDivisionError, OverflowError):
        pass
    raise DataError(f"{shown(text)} is not a number", expected="one such as 0.5 or 1/256")
