"""Weights that fit an accumulator, whatever the input: what does not fit is made to.

Colbert et al. (A2Q, arXiv 2308.13504; AXE, arXiv 2409.17092) bound the l1 norm of each channel;
here the bound is the proof's own, with the signs of weights and inputs. A channel beyond it is
projected onto it: all its weights move towards zero by the same amount (the Euclidean projection
onto an l1 ball), or its step is doubled first where that costs less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dsplet.quantize.fixed.arithmetic import round_half_up
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.ptq.algorithms.algorithm import nearest

HALVINGS = 40


@dataclass
class Budget:
    """bits: of a signed accumulator. shrunk: how many channels of a layer had to, of how many."""

    bits: int
    shrunk: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, layer: str, over: np.ndarray) -> None:
        """over: (C,), which channels do not fit as they are."""
        count, _ = self.shrunk.get(layer, (0, 0))
        self.shrunk[layer] = max(count, int(over.sum())), len(over)

    @property
    def notes(self) -> list[str]:
        """A line for each layer that had to shrink."""
        return [f"'{layer}': the weights of {count} of {channels} channels were made smaller or "
                f"coarser, so that no sum leaves {self.bits} bits" for layer, (count, channels) in
                self.shrunk.items()]

    def room(self, bias: np.ndarray, shift: np.ndarray, x: QFormat) -> Room:
        """What the products with x may reach beside the largest |bias| (C,) and the half step."""
        half = np.where(shift > 0, 2.0 ** (shift - 1.0), 0.0)
        return Room(2.0 ** (self.bits - 1) - 1 - half - bias, x)


def reach(q: np.ndarray, x: QFormat) -> np.ndarray:
    """(C,): the largest magnitude of any partial sum of q (C, K) times inputs of the format x."""
    ends = np.stack([q * x.min, q * x.max])
    return np.maximum(np.maximum(ends.max(0), 0).sum(-1), -np.minimum(ends.min(0), 0).sum(-1))


@dataclass(frozen=True, eq=False)
class Room:
    """most: (C,), what the products of each channel may reach. x: the format of the input."""

    most: np.ndarray
    x: QFormat

    def holds(self, q: np.ndarray) -> np.ndarray:
        """(C,): whether the channels of q (C, K) keep to it."""
        return reach(q, self.x) <= self.most

    def project(self, q: np.ndarray) -> np.ndarray:
        """q (C, K), with the weights of channels beyond it moved towards zero.

        For an unsigned x only weights of one sign add up: the two signs are two constraints.
        """
        q, over = q.copy(), ~self.holds(q)
        for signs in ((1, -1),) if self.x.signed else ((1,), (-1,)):
            mine = np.isin(np.sign(q[over]), signs)
            q[over] = Room(self.most[over], self.x)._towards_zero(q[over], mine)
        return q

    def _towards_zero(self, q: np.ndarray, mine: np.ndarray) -> np.ndarray:
        """The weights that are `mine`, by bisection for the least amount that fits."""
        def moved(amount: np.ndarray) -> np.ndarray:
            left = np.maximum(np.abs(q) - amount[:, None], 0)
            return np.where(mine, np.sign(q) * round_half_up(left), q)

        def fits(amount: np.ndarray) -> np.ndarray:
            return self.holds(np.where(mine, moved(amount), 0))

        low, high = np.zeros(len(q)), np.abs(q).max(-1, initial=0).astype(np.float64)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            fit = fits(middle)
            low, high = np.where(fit, low, middle), np.where(fit, middle, high)
        return np.where(fits(np.zeros(len(q)))[:, None], q, moved(high))


def coarser(weight: np.ndarray, importance: np.ndarray, frac: np.ndarray,
            room: Callable[[np.ndarray], Room], limit: int) -> np.ndarray:
    """(C,): by how many doublings of its step each channel is best made to fit, 0 where it fits.

    weight: (C, K) reals. importance: of their squared errors, (C, K). room: of a frac (C,).
    """
    errors = []
    for doublings in range(17):
        step = 2.0 ** (doublings - frac.astype(np.float64))
        q = nearest(weight, step, limit)
        fitted = room(frac - doublings).project(q)
        errors.append((((fitted * step[:, None] - weight) ** 2) * importance).sum(-1))
        if (fitted == q).all():
            break
    return np.argmin(errors, 0)
