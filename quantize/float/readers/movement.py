"""Reshape and its kin, Transpose, Slice, Gather, Split, Pad, Concat, and what changes nothing."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.readers.choosing import pick, pick_places
from dsplet.quantize.float.readers.reading import Reading, reads

FLOATS, INTEGERS = (1, 10, 11), (6, 7)


def reshape(r: Reading, full: list[int]) -> None:
    """Give the first input under the shape `full`, which includes a batch of 1. The batch stays
    behind as many elements as before."""
    before = np.prod(r.full()[:r.batch()], dtype=int)
    at = next((a for a, n in enumerate(full) if n == 1 and np.prod(full[:a], dtype=int) == before),
              None)
    if at is None:
        r.refuse(f"turns one sample of shape {tuple(r.full())} into {tuple(full)}: the first axis "
                 "must stay the batch" if r.batch() == 0 else
                 f"mixes the batch, axis {r.batch()}, with others: {tuple(r.full())} becomes "
                 f"{tuple(full)}")
    r.put_batch(at)
    r.give("Reshape", r.value(), shape=tuple(n for a, n in enumerate(full) if a != at))


@reads("Identity", "Dropout", "Cast")
def identity(r: Reading) -> None:
    if r.op == "Cast" and not (r.attr("to") in FLOATS or r.attr("to") in INTEGERS and r.integer()):
        r.refuse("casts an activation to something other than float")
    if any(r.outputs[1:]):
        r.refuse("its mask output is not supported; export the model in evaluation mode")
    reshape(r, r.full())


@reads("Reshape")
def reshape_node(r: Reading) -> None:
    full, target = r.full(), r.ints("shape", 1)
    if not r.attr("allowzero", 0):
        target = [full[i] if n == 0 and i < len(full) else n for i, n in enumerate(target)]
    if -1 in target:
        rest = int(np.prod([n for n in target if n != -1]))
        target[target.index(-1)] = int(np.prod(full)) // max(rest, 1)
    if np.prod(target) != np.prod(full):
        r.refuse(f"cannot turn {tuple(full)} into {tuple(target)}")
    reshape(r, target)


@reads("Flatten")
def flatten(r: Reading) -> None:
    full, axis = r.full(), r.attr("axis", 1)
    if axis % r.rank == 0:
        r.refuse("axis 0 merges the batch into the features; use axis 1")
    axis %= r.rank
    reshape(r, [int(np.prod(full[:axis])), int(np.prod(full[axis:]))])


@reads("Squeeze")
def squeeze(r: Reading) -> None:
    axes = r.ints("axes", 1)
    full, batch = r.full(), r.batch()
    if axes is None:
        drop = [a for a in range(r.rank) if full[a] == 1 and a != batch]
    else:
        drop = [a % r.rank for a in axes]
    if batch in drop or any(full[a] != 1 for a in drop):
        r.refuse(f"removes axes {drop} of {tuple(full)}, axis {batch} being the batch")
    r.put_batch(batch - sum(a < batch for a in drop))
    r.give("Reshape", r.value(), shape=tuple(n for a, n in enumerate(full)
                                             if a not in drop and a != batch))


@reads("Unsqueeze")
def unsqueeze(r: Reading) -> None:
    axes = r.ints("axes", 1)
    rank = r.rank + len(axes)
    new = {a % rank for a in axes}
    old = [a for a in range(rank) if a not in new]
    batch, sizes = old[r.batch()], dict(zip(old, r.full(), strict=True))
    r.put_batch(batch)
    r.give("Reshape", r.value(), shape=tuple(sizes.get(a, 1) for a in range(rank) if a != batch))


@reads("Transpose")
def transpose(r: Reading) -> None:
    perm = r.attr("perm", list(reversed(range(r.rank))))
    batch = r.batch()
    r.put_batch(list(perm).index(batch))
    r.give("Transpose", r.value(), perm=tuple(p - (p > batch) for p in perm if p != batch))


@reads("Slice")
def slice_node(r: Reading) -> None:
    starts, ends = r.ints("starts", 1), r.ints("ends", 2)
    axes = r.ints("axes", 3, list(range(len(starts))))
    steps = r.ints("steps", 4, [1] * len(starts))
    where = [slice(None)] * len(r.shape())
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if axis % r.rank == r.batch() and (start, step) == (0, 1) and (end < 0 or end >= 1 << 31):
            continue
        # an end below -n means "past the first element", which Python spells None
        low = end < -r.shape()[r.axis(axis)] and step < 0
        where[r.axis(axis)] = slice(start, None if low else end, step)
    cut(r, where, r.outputs[0])


def cut(r: Reading, where: list[slice], output: str | None) -> str:
    """x[where] of the first input, without the batch axis."""
    ranges = [range(*s.indices(n)) for s, n in zip(where, r.shape(), strict=True)]
    if any(not len(a) for a in ranges):
        r.refuse(f"takes nothing from a sample of shape {r.shape()}")
    return r.emit("Slice", r.value(), to=output, starts=tuple(a.start for a in ranges),
                  sizes=tuple(map(len, ranges)), steps=tuple(a.step for a in ranges))


@reads("Gather")
def gather(r: Reading) -> None:
    if not r.is_const(1):
        pick(r)
        return
    axis, index = r.axis(r.attr("axis", 0)), r.const(1, what="the indices")
    n = r.shape()[axis]
    flat = index.reshape(-1) % n
    step = int(flat[1] - flat[0]) if len(flat) > 1 else 1
    if index.ndim > 1 or step == 0 or (np.diff(flat) != step).any():
        pick_places(r, axis, index % n)
        return
    where = [slice(None)] * len(r.shape())
    end = int(flat[-1]) + (1 if step > 0 else -1)
    where[axis] = slice(int(flat[0]), end if end >= 0 else None, step)
    if index.ndim:
        cut(r, where, r.outputs[0])
    else:
        kept = [m for a, m in enumerate(r.shape()) if a != axis]
        r.put_batch(r.batch() - (axis < r.batch()))
        r.give("Reshape", cut(r, where, None), shape=tuple(kept))


@reads("Split")
def split(r: Reading) -> None:
    axis = r.axis(r.attr("axis", 0))
    n, parts = r.shape()[axis], len(r.outputs)
    sizes = r.ints("split", 1)
    if sizes is None:
        each = -(-n // parts)
        sizes = [min(each, n - i * each) for i in range(parts)]
    start = 0
    for size, output in zip(sizes, r.outputs, strict=True):
        where = [slice(None)] * len(r.shape())
        where[axis] = slice(start, start + size)
        if output:
            cut(r, where, output)
        start += size


@reads("Pad")
def pad(r: Reading) -> None:
    if r.attr("mode", "constant") != "constant":
        r.refuse(f"mode '{r.attr('mode')}' is not supported; expected 'constant'")
    pads = r.ints("pads", 1)
    value = r.scalar(2, r.attr("value", 0.0), "the padding value")
    axes = r.ints("axes", 3, list(range(r.rank)))
    before, after = [0] * r.rank, [0] * r.rank
    for i, axis in enumerate(axes):
        before[axis % r.rank], after[axis % r.rank] = pads[i], pads[i + len(axes)]
    batch = r.batch()
    if before.pop(batch) or after.pop(batch):
        r.refuse("pads the batch axis")
    x = r.value()
    if min(before + after) < 0:
        where = [slice(max(-a, 0), n - max(-b, 0)) for n, a, b in
                 zip(r.shape(), before, after, strict=True)]
        x = cut(r, where, None)
    r.give("Pad", x, before=tuple(max(a, 0) for a in before),
           after=tuple(max(b, 0) for b in after), value=value)


@reads("Concat")
def concat(r: Reading) -> None:
    rank = next(len(r.shape(i)) for i in range(len(r.inputs)) if not r.is_const(i))
    values = [r.value(i, rank) for i in range(len(r.inputs))]
    r.give("Concat", *values, axis=r.axis(r.attr("axis"), rank + 1))
