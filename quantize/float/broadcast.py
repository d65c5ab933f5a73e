"""Arrays that broadcast against a value."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.node import ModelError


def full(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """a with as many axes as `shape`."""
    return a.reshape((*(1,) * (len(shape) - a.ndim), *a.shape))


def fits(inner: tuple[int, ...], outer: tuple[int, ...]) -> bool:
    """Whether what has the first shape broadcasts to the second."""
    return len(inner) <= len(outer) and all(
        n in (1, m) for n, m in zip(reversed(inner), reversed(outer), strict=False))


def per_channel(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """a as (C,), if it varies along the first axis of `shape` only."""
    if not shape:
        return None
    whole = full(a, shape)
    if whole.size != whole.shape[0]:
        return None
    return np.broadcast_to(whole.reshape(-1), shape[:1])


def slim(a: np.ndarray) -> np.ndarray:
    """a with axes of size 1 where it does not vary."""
    for axis in range(a.ndim):
        first = a.take([0], axis)
        a = first if (a == first).all() else a
    return a


def plane_owners(owner: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """What every element of (C, ...) belongs to, in another shape of as many planes; None where
    the elements of one plane belong to several."""
    plane = owner.reshape(len(owner), -1)
    if (plane != plane[:, :1]).any():
        return None
    return np.broadcast_to(plane[:, 0].reshape(-1, *(1,) * (len(shape) - 1)), shape)


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of values of these shapes together. ModelError where they do not fit."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ModelError(f"its inputs of shapes {', '.join(map(str, shapes))} (of one sample) do "
                         "not broadcast") from None


def copied(one: np.ndarray, many: np.ndarray) -> bool:
    """Whether the second array consists of copies of the first along some of its axes."""
    return one.ndim == many.ndim and all(n in (1, m) for n, m in zip(
        one.shape, many.shape, strict=True)) and bool((one == many).all())
