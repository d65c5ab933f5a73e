"""A user's arrays as the inputs of a network: which is which, axes in order, numbers as reals."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from math import prod

import numpy as np

from dsplet.data.resample import Scaling, fit
from dsplet.data.source import Shape, listed
from dsplet.data.splits import DataError

IMAGES = "images"
"""The name that an array of any input may have."""


def chosen(arrays: Mapping[str, np.ndarray], inputs: Mapping[str, Shape]) -> dict[str, np.ndarray]:
    """The array of each input: the one of its name; where there is one input the one called
    `images`, or the only one. Raises DataError, also for an array that no input reads."""
    found = {name: arrays[name] for name in inputs if name in arrays}
    if len(inputs) == 1 and not found and (IMAGES in arrays or len(arrays) == 1):
        name, = inputs
        found = {name: arrays[IMAGES] if IMAGES in arrays else next(iter(arrays.values()))}
    if len(found) == len(inputs) == len(arrays):
        return found
    held = ", ".join(f"'{k}' {a.shape}" for k, a in arrays.items()) or "no array"
    raise DataError(f"holds {held}",
                    expected=f"arrays named for the network's inputs: {listed(inputs)}",
                    remedy="leave the others out; labels are called 'labels'"
                    if len(arrays) > len(inputs) else "")


def arranged(arrays: Mapping[str, np.ndarray], inputs: Mapping[str, Shape], flat: bool
             ) -> dict[str, np.ndarray]:
    """The arrays with samples along their first axis, as many in each. flat: rows of numbers take
    whatever shape holds as many. Raises DataError."""
    found = {}
    for name, array in arrays.items():
        shape = inputs[name]
        if array.dtype.kind not in "biuf":
            raise DataError(f"'{name}' is {array.dtype}", expected="numbers")
        if not array.size:
            raise DataError(f"'{name}' is empty: its shape is {array.shape}")
        if flat and array.shape[1] == prod(shape):
            array = array.reshape(-1, *shape)
        found[name] = _samples_first(array, shape)
    counts = {name: len(array) for name, array in found.items()}
    if len(set(counts.values())) > 1:
        raise DataError("holds " + ", ".join(f"{n:,} samples of '{k}'" for k, n in counts.items()),
                        expected="as many of each input")
    return found


def converted(name: str, array: np.ndarray, shape: Shape, scaling: Scaling | None, resize: bool
              ) -> np.ndarray:
    """Arranged samples as float32 (N, *shape). Whole numbers are scaled; pixels, uint8, must be.
    Raises DataError."""
    if _slim(array.shape[1:]) != _slim(shape):
        array = _resized(name, array, shape, resize)
    array = array.reshape(len(array), *shape)
    if array.dtype == np.uint8 and scaling is None:
        raise DataError(f"'{name}' is uint8, and the network's file does not say how pixels become "
                        "its input", remedy="give --input-scale (1/255, 1/256 or 1) and, where it "
                        "is not 0, --input-offset")
    if scaling and array.dtype.kind in "iu":
        return scaling(array)
    with np.errstate(over="ignore"):
        reals = np.ascontiguousarray(array, np.float32)
    broken = np.flatnonzero(~np.isfinite(reals).reshape(len(reals), -1).all(1))
    if len(broken):
        raise DataError(f"'{name}' holds NaN or infinity in {len(broken):,} of {len(reals):,} "
                        f"samples, the first of them number {broken[0]}",
                        expected="finite numbers in the range of float32")
    return reals


def may_be_pictures(array: np.ndarray, shape: Shape) -> bool:
    """Whether samples (N, H, W) or (N, C, H, W) are of pixels, and the network reads pictures."""
    return array.dtype == np.uint8 and len(shape) in (2, 3) and array.ndim in (3, 4)


def _samples_first(array: np.ndarray, shape: Shape) -> np.ndarray:
    """A state (1, N, H) has its samples along another axis, as in the network's file; all before
    that are of one element, so that nothing is taken for samples that is none."""
    axis = next((i for i, n in enumerate(array.shape) if n != 1), 0)
    slim = _slim(shape)
    if _slim(array.shape[1:]) != slim and _slim(_without(array.shape, axis)) == slim:
        return np.moveaxis(array, axis, 0)
    return array


def _resized(name: str, array: np.ndarray, shape: Shape, resize: bool) -> np.ndarray:
    """Pictures (N, H, W) or (N, C, H, W) at the network's size. Raises DataError."""
    own = array.shape[1:]
    pictures = may_be_pictures(array, shape) and prod(own[:-2]) == prod(shape[:-2])
    if pictures and resize:
        planes = fit(array.reshape(-1, *own[-2:]), (shape[-2], shape[-1]))
        return planes.reshape(len(array), *shape)
    raise DataError(f"'{name}' has samples of shape {own}, the network reads {shape}",
                    remedy="--resize brings pictures to its size" if pictures else
                    _advice(array.shape, shape))


def _advice(have: Shape, shape: Shape) -> str:
    if have == shape:
        return "save it with an axis for its samples, x[None]"
    if _without(have, 0) != shape and sorted(have[1:]) == sorted(shape):
        order = next(p for p in permutations(range(len(shape)))
                     if tuple(have[1:][i] for i in p) == shape)
        return f"save np.transpose(x, {(0, *(i + 1 for i in order))})"
    return ""


def _slim(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1:])
