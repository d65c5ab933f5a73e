"""Where the batch lies in a tensor of ONNX.

Float graphs speak of one sample, whose batch axis is implied. In ONNX it may stand anywhere, or
share its axis with others: (N, L, heads * width) is (L, N * heads, width) on its way through an
attention. A tensor may have none, too: a network for one sample needs none.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

PROBES = (1, 2, 5)
"""What depends on a free batch is computed for batches of so many samples: what changes with them
in another way than a batch does is noticed."""


@dataclass(frozen=True)
class Batch:
    """The batch lies along `axis`, which has before * N * after elements. Where those of one sample
    are more than one, they are that axis of the sample; else the sample has no such axis."""

    axis: int = 0
    before: int = 1
    after: int = 1

    @property
    def merged(self) -> bool:
        return self.before * self.after > 1

    def full(self, sample: tuple[int, ...], count: int) -> list[int]:
        """The shape of a tensor of `count` samples."""
        shape = list(sample)
        if self.merged:
            shape[self.axis] *= count
        else:
            shape.insert(self.axis, count)
        return shape

    def samples(self, x: np.ndarray) -> np.ndarray:
        """A tensor as an array (N, *sample)."""
        *lead, n = x.shape[:self.axis + 1]
        parts = x.reshape(*lead, self.before, n // (self.before * self.after), self.after,
                          *x.shape[self.axis + 1:])
        parts = np.moveaxis(parts, self.axis + 1, 0)
        kept = (self.before * self.after,) if self.merged else ()
        return parts.reshape(len(parts), *lead, *kept, *x.shape[self.axis + 1:])

    def tensor(self, x: np.ndarray) -> np.ndarray:
        """An array (N, *sample) as a tensor."""
        if not self.merged:
            return np.moveaxis(x, 0, self.axis)
        n, *lead = x.shape[:self.axis + 1]
        parts = x.reshape(n, *lead, self.before, self.after, *x.shape[self.axis + 2:])
        return np.moveaxis(parts, 0, self.axis + 1).reshape(self.full(x.shape[1:], n))


def place(full: list[int], stride: int, count: int) -> Batch | None:
    """Where a batch of `count` lies in a tensor of this shape, `stride` elements of it standing
    before the batch; None where it lies across several axes.

    A batch of one could be in many places: it is an axis of its own or nowhere.
    """
    for axis, n in enumerate(full):
        before, rest = divmod(stride, prod(full[:axis]))
        if not rest and before and n % (before * count) == 0:
            found = Batch(axis, before, n // (before * count))
            if count > 1 or not found.merged:
                return found
    return None


def sample_of(full: list[int], batch: Batch | None) -> tuple[int, ...]:
    """The shape of one sample of a tensor of this shape."""
    if batch is None:
        return tuple(full)
    kept = [batch.before * batch.after] if batch.merged else []
    return (*full[:batch.axis], *kept, *full[batch.axis + 1:])


def batch_words(batch: Batch | None) -> str:
    """Where a batch lies, in words."""
    if batch is None:
        return "no batch axis"
    return f"the batch at axis {batch.axis}" + (
        f", together with {batch.before * batch.after} elements of each sample"
        if batch.merged else "")
