"""Expand and Tile: numbers repeated along some axes; Trilu: a triangle of zeros."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dsplet.quantize.float.batch import Batch, sample_of
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.gather import Gather
from dsplet.quantize.float.ops.linear import give_linear
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import Reading, reads


@reads("Expand", anywhere=True)
def expand(r: Reading) -> None:
    shapes = {n: _expanded(r, r.full(n), r.at(1, n)) for n in r.counts}
    grown, batch = len(shapes[r.counts[0]]) - r.rank, r.layout()
    places = [a for a, ns in enumerate(zip(*shapes.values(), strict=True)) if len(set(ns)) > 1]
    if batch:
        batch = replace(batch, axis=batch.axis + grown)
    elif places:  # every sample gets the same
        batch = Batch(places[0])
    if places not in ([], [batch and batch.axis]):
        r.refuse(f"grows along axes {places} with the size of the batch; samples must stay "
                 "independent")
    samples = {sample_of([n // count if batch and a == batch.axis else n for a, n in
                          enumerate(full)], batch) for count, full in shapes.items()}
    if batch and any(batch.full(sample, count) != full for count, full in shapes.items()
                     for sample in samples):
        r.refuse("repeats samples of the batch; they must stay independent")
    full = [1] * grown + r.full(1)
    x = r.reshaped(r.value(), sample_of(full, batch), batch)
    _repeated(r, x, samples.pop(), batch)


def _expanded(r: Reading, x: list[int], shape: list[int]) -> list[int]:
    """What x grows to."""
    rank = max(len(x), len(shape))
    pairs = [*zip([1] * (rank - len(x)) + x, [1] * (rank - len(shape)) + shape, strict=True)]
    if any(1 not in pair and pair[0] != pair[1] for pair in pairs):
        r.refuse(f"expands {tuple(x)} to {tuple(shape)}, which fits no batch of another size")
    return [max(pair) for pair in pairs]


@reads("Tile", anywhere=True)
def tile(r: Reading) -> None:
    repeats = r.needed("repeats", 1)
    batch, full = r.layout(), r.full(1)
    if len(repeats) != len(full):
        r.refuse(f"repeats {repeats} of a tensor of {len(full)} axes")
    if batch and repeats[batch.axis] != 1:
        r.refuse("repeats samples of the batch; they must stay independent")
    _repeated(r, r.value(), sample_of([m * n for m, n in zip(full, repeats, strict=True)], batch),
              batch)


def _repeated(r: Reading, x: str, shape: tuple[int, ...], batch: Batch | None) -> None:
    """The node's output: x over and over along each axis, up to this shape."""
    for axis, n in enumerate(shape):
        old = r.shape_of(x)
        if old[axis] != n:
            places = r.emit(Constant, value=np.arange(n, dtype=float) % old[axis])
            first = (axis, *(a for a in range(len(old)) if a != axis))
            y = r.emit(Transpose, x, perm=first) if axis else x
            y = r.emit(Gather, y, places)
            x = r.emit(Transpose, y, perm=tuple(np.argsort(first).tolist())) if axis else y
    r.put_batch(batch)
    r.give(Transpose, x, perm=tuple(range(len(shape))))


@reads("Trilu", anywhere=True)
def trilu(r: Reading) -> None:
    k, (rows, columns) = int(r.scalar(1, 0.0, "k")), (r.axis(-2), r.axis(-1))
    ones = np.ones((r.shape()[rows], r.shape()[columns]))
    give_linear(r, r.value(), scale=np.triu(ones, k) if r.attr("upper", 1) else np.tril(ones, k))
