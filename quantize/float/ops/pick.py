"""Known places along an axis, in any order and some of them several times, by moving numbers only:
what a padding that mirrors, a Tile and a Resize to the nearest are."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.ops.concat import Concat
from dsplet.quantize.float.ops.interleave import Interleave
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.reading import Reading


def picked(r: Reading, x: str, axis: int, index: np.ndarray) -> str:
    """x, of one sample's `axis`, at the places `index`: slices, one after another or interleaved,
    whichever are fewer."""
    runs, phases = _runs(index), _phases(index)
    if len(runs) <= len(phases):
        parts = [_cut(r, x, axis, run) for run in runs]
        return parts[0] if len(parts) == 1 else r.emit(Concat, *parts, axis=axis)
    factors = [1] * len(r.shape_of(x))
    factors[axis] = len(phases)
    return r.emit(Interleave, *(_cut(r, x, axis, p) for p in phases), factors=tuple(factors))


def repeats(index: np.ndarray, n: int) -> int:
    """How often each of n places comes, one after the other; 0 where it is not so."""
    times = len(index) // n
    return times if np.array_equal(index, np.repeat(np.arange(n), times)) else 0


def _runs(index: np.ndarray) -> list[np.ndarray]:
    """The index in pieces of places at one distance, not 0."""
    runs: list[np.ndarray] = []
    start = 0
    while start < len(index):
        end = start + 1
        if end < len(index) and (step := index[end] - index[start]):
            while end < len(index) and index[end] - index[end - 1] == step:
                end += 1
        runs.append(index[start:end])
        start = end
    return runs


def _phases(index: np.ndarray) -> list[np.ndarray]:
    """The fewest interleaved pieces of places at one distance, not 0."""
    for n in range(1, len(index)):
        if len(index) % n == 0:
            steps = index[n:] - index[:-n]
            if steps[0] and (steps == steps[0]).all():
                return [index[j::n] for j in range(n)]
    return [index[j:j + 1] for j in range(len(index))]


def _cut(r: Reading, x: str, axis: int, places: np.ndarray) -> str:
    """The slice of x at places of one distance; x itself where that is all of it."""
    shape = r.shape_of(x)
    if np.array_equal(places, np.arange(shape[axis])):
        return x
    starts, steps, sizes = [0] * len(shape), [1] * len(shape), list(shape)
    starts[axis], sizes[axis] = int(places[0]), len(places)
    steps[axis] = int(places[1] - places[0]) if len(places) > 1 else 1
    return r.emit(Slice, x, starts=tuple(starts), sizes=tuple(sizes), steps=tuple(steps))
