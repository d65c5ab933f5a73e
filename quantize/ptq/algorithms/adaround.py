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

BLOCK = 32
"""Columns that are judged together before each is tried."""
SLACK = 1e-4
"""What rounding to float32 may add to a gain, as a share of what it is the difference of."""


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
        self.low, self.high = np.float32(layer.low), np.float32(layer.high)
        self.step = step.astype(np.float32)
        self.x = np.asfortranarray(layer.x, np.float32)
        self.wanted = np.ascontiguousarray(layer.clamp(layer.wanted).T, np.float32)
        self.sums = np.ascontiguousarray(layer.sums(q * step[:, None]).T, np.float32)
        self.power = layer.importance
        self.price = ridge * self.power.mean() * len(self.x)

    def _error(self, sums: np.ndarray, of: np.ndarray | slice) -> np.ndarray:
        """Of some channels, whose sums these are; they change."""
        np.clip(sums, self.low, self.high, out=sums)
        sums -= self.wanted[of]
        return np.einsum("cn,cn->c", sums, sums)

    def sweep(self) -> int:
        """One move at most for each weight, and the bias after them; how many moved."""
        shift = after_clamp(self.layer, self.sums.T.astype(np.float64))
        self.sums += shift.astype(np.float32)[:, None]
        self.error = self._error(self.sums.copy(), slice(None))
        columns, moved = np.argsort(-self.power, kind="stable"), 0
        columns = columns[self.power[columns] > 0]
        for start in range(0, len(columns), BLOCK):
            block = columns[start:start + BLOCK]
            x = self.x[:, block]
            powers = x, np.abs(x), x**2
            hopeful = self._hopeful(block, powers, np.arange(len(self.q)))
            for i, k in enumerate(block):
                if (channels := np.flatnonzero(hopeful[:, i])).size:
                    channels = channels[self._move(k, channels)]
                    hopeful[channels] = self._hopeful(block, powers, channels)
                    moved += len(channels)
        return moved

    def _hopeful(self, columns: np.ndarray, powers: tuple[np.ndarray, ...], of: np.ndarray
                 ) -> np.ndarray:
        """(C', B): of some channels, whether a move of the weight might lower the error, all others
        being as they are. powers: x, |x| and x**2 of what the columns' weights meet, (N, B).

        Where neither the sum nor the moved sum is clamped the error is a square, whose gain is two
        products of matrices; a sum beyond a bound that it cannot come back to gains nothing; and
        one that may cross a bound gains at most twice its error times the way.
        """
        if not of.size:
            return np.zeros((0, len(columns)), bool)
        x, size, square = powers
        step, sums = self.step[of, None], self.sums[of]
        reach = step * size.max()
        off = np.clip(sums, self.low, self.high) - self.wanted[of]
        inside = ((sums >= self.low + reach) & (sums <= self.high - reach)).astype(np.float32)
        near = ((sums > self.low - reach) & (sums < self.high + reach)) - inside
        slope = np.abs((off * inside) @ x) + (np.abs(off) * near) @ size
        gain = step * (2 * slope - step * (inside @ square))
        slack = SLACK * (2 * step * (np.abs(off) @ size) + self.error[of, None])
        away = np.abs(self.q[of[:, None], columns] * step - self.layer.weight[of[:, None], columns])
        return gain + slack + self.price * step * (2 * away - step) >= 0

    def _fits(self, k: int, d: int, channels: np.ndarray) -> np.ndarray | bool:
        """Whether the accumulator holds with weight k of these channels moved by d."""
        if self.layer.room is None:
            return True
        moved = self.q.copy()
        moved[:, k] += d
        return self.layer.room.holds(moved)[channels]

    def _move(self, k: int, channels: np.ndarray) -> np.ndarray:
        """Which of these channels moved their weight k."""
        of = slice(None) if len(channels) == len(self.q) else channels
        step, sums, error = self.step[of], self.sums[of], self.error[of]
        push = step[:, None] * self.x[:, k]
        real, q = self.layer.weight[of, k], self.q[of, k]
        move, best, kept = np.zeros_like(q), np.zeros(len(q)), error

        def price(q: np.ndarray) -> np.ndarray:
            return self.price * (q * step - real) ** 2

        for d in (1, -1):
            moved = self._error(sums + push if d > 0 else sums - push, of)
            gain = error - moved + price(q) - price(q + d)
            better = (gain > best) & (np.abs(q + d) <= self.limit)
            if better.any():
                better &= self._fits(k, d, channels)
            move, best = np.where(better, d, move), np.where(better, gain, best)
            kept = np.where(better, moved, kept)
        went = move != 0
        if went.any():
            self.error[of] = kept
            self.q[of, k] += move
            self.sums[of] += move.astype(np.float32)[:, None] * push
        return went
