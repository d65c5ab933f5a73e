"""AdaRound: rounds weights so that the layer's outputs after the clamp, not the weights, are close.

The objective of Nagel et al. (arXiv 2004.10568): the squared error behind the ReLU, on quantized
inputs, against the float network. There a sigmoid is relaxed by Adam; here each weight in turn, of
all channels at once, goes one integer up or down if the error falls, starting from GPTQ. The
search is exact, needs no schedule, and may leave the two integers next to the float weight. Where
sums must fit an accumulator it starts from weights that do, and makes no move after which they
would not.
"""

from dataclasses import dataclass

import numpy as np

from dsplet.quantize.ptq.algorithms.algorithm import Amount, Count, Layer, Share, algorithm
from dsplet.quantize.ptq.algorithms.bias import after_clamp
from dsplet.quantize.ptq.algorithms.gptq import Gptq, gptq


@dataclass(frozen=True)
class AdaRound:
    """sweeps: over all weights. damping: of the start (GPTQ); ridge: the price of the distance from
    the float weights, as a share of the mean squared input, against overfitting."""

    sweeps: Count = 3
    damping: Share = 0.01
    ridge: Amount = 0.01


@algorithm("rounding", AdaRound)
def adaround(config: AdaRound, layer: Layer, step: np.ndarray, limit: int) -> np.ndarray:
    search = _Search(layer, step, limit, gptq(Gptq(config.damping), layer, step, limit),
                     config.ridge)
    for _ in range(config.sweeps):
        if not search.sweep():
            break
    return search.q


class _Search:
    """float32 throughout: the sums are compared, never kept."""

    def __init__(self, layer: Layer, step: np.ndarray, limit: int, q: np.ndarray, ridge: float
                 ) -> None:
        q = layer.room.project(q) if layer.room else q
        self.layer, self.q, self.limit = layer, q, limit
        self.step = step.astype(np.float32)
        self.x = np.asfortranarray(layer.x, np.float32)
        self.wanted = layer.clamp(layer.wanted).T.astype(np.float32)
        self.sums = layer.sums(q * step[:, None]).T.astype(np.float32)
        self.power = np.diag(layer.gram)
        self.price = ridge * self.power.mean() * len(self.x)

    def _error(self, sums: np.ndarray) -> np.ndarray:
        """(C,)"""
        e = np.clip(sums, np.float32(self.layer.low), np.float32(self.layer.high))
        e -= self.wanted
        return np.einsum("cn,cn->c", e, e)

    def sweep(self) -> int:
        """One move at most for each weight, and the bias after them; how many moved."""
        shift = after_clamp(self.layer, self.sums.T.astype(np.float64))
        self.sums += shift.astype(np.float32)[:, None]
        moved, error = 0, self._error(self.sums)
        for k in np.argsort(-self.power, kind="stable"):
            if self.power[k]:
                move, error = self._move(k, error)
                moved += int(np.count_nonzero(move))
        return moved

    def _fits(self, k: int, d: int) -> np.ndarray | bool:
        """(C,): whether the accumulator holds with weight k moved by d."""
        if self.layer.room is None:
            return True
        moved = self.q.copy()
        moved[:, k] += d
        return self.layer.room.holds(moved)

    def _move(self, k: int, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        push = self.step[:, None] * self.x[:, k]
        real, q = self.layer.weight[:, k], self.q[:, k]
        move, best, kept = np.zeros_like(q), np.zeros(len(q)), error

        def price(q: np.ndarray) -> np.ndarray:
            return self.price * (q * self.step - real) ** 2

        for d in (1, -1):
            moved = self._error(self.sums + d * push)
            gain = error - moved + price(q) - price(q + d)
            better = (gain > best) & (np.abs(q + d) <= self.limit) & self._fits(k, d)
            move, best = np.where(better, d, move), np.where(better, gain, best)
            kept = np.where(better, moved, kept)
        if move.any():
            q += move
            self.sums += move.astype(np.float32)[:, None] * push
        return move, kept
