"""ArgMax, and what picks by an index that is data: Gather and its kin, OneHot."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.readers.reading import Reading, reads


@reads("ArgMax")
def argmax(r: Reading) -> None:
    if r.attr("select_last_index", 0):
        r.refuse("takes the last of equals; only the first (select_last_index 0) is supported")
    axis, rank, batch = r.axis(r.attr("axis", 0)), len(r.shape()), r.batch()
    perm = (*(a for a in range(rank) if a != axis), axis)
    x = r.value() if axis == rank - 1 else r.emit("Transpose", r.value(), perm=perm)
    if r.attr("keepdims", 1):
        kept = tuple(1 if a == axis else n for a, n in enumerate(r.shape()))
        r.put_batch(batch)
        r.give("Reshape", r.emit("ArgMax", x), shape=kept)
    else:
        r.put_batch(batch - (axis < batch))
        r.give("ArgMax", x)


def pick(r: Reading) -> None:
    """Gather from a constant: an embedding."""
    if not r.is_const(0):
        r.refuse("picks the same places of every sample by an index that is data; of a sample's "
                 "own rows GatherElements or GatherND with batch_dims 1 picks")
    table = r.real(0)
    if r.attr("axis", 0) % table.ndim:
        r.refuse(f"picks along axis {r.attr('axis')} of a constant; only axis 0 is supported")
    r.put_batch(r.batch(1))
    r.give("Gather", r.emit("Constant", value=table), r.inputs[1])


def pick_places(r: Reading, axis: int, index: np.ndarray) -> None:
    """Gather from known places in any order, along one axis of a sample."""
    if r.batch():
        r.refuse("picks places in no regular order where the batch is not the first axis")
    rank, m = len(r.shape()), index.ndim
    x = r.value()
    if axis:
        x = r.emit("Transpose", x, perm=(axis, *(a for a in range(rank) if a != axis)))
    places = r.emit("Constant", value=index.astype(float))
    if not axis:
        r.give("Gather", x, places)
    else:
        y = r.emit("Gather", x, places)
        before = tuple(range(m, m + axis))
        r.give("Transpose", y, perm=(*before, *range(m), *range(m + axis, m + rank - 1)))


@reads("GatherElements")
def gather_elements(r: Reading) -> None:
    if len(r.shape()) != 1 or r.is_const(0) or r.is_const(1) or r.batch() or r.batch(1):
        r.refuse("only picks numbers from a list for each sample, (N, n) by (N, m)")
    r.axis(r.attr("axis", 0))
    r.give("Gather", *r.inputs)


@reads("GatherND")
def gather_nd(r: Reading) -> None:
    if r.attr("batch_dims", 0) != 1 or r.is_const(0) or r.is_const(1) or r.batch() or r.batch(1) \
            or r.shape(1)[-1] != 1:
        r.refuse("only picks rows of each sample: batch_dims 1, and one index for each")
    r.give("Gather", r.inputs[0], r.emit("Reshape", r.inputs[1], shape=r.shape(1)[:-1]))


@reads("OneHot")
def one_hot(r: Reading) -> None:
    """Rows of a table that has `on` where the index is."""
    depth, (off, on) = int(r.scalar(1, what="the depth")), r.real(2, "the values")
    if r.attr("axis", -1) not in (-1, r.rank):
        r.refuse("only a new last axis is supported")
    table = np.where(np.eye(depth, dtype=bool), on, off)
    r.put_batch(r.batch())
    r.give("Gather", r.emit("Constant", value=table), r.value())
