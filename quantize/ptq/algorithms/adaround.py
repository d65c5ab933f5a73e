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
WAYS = (1, -1)
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
        # summed sample by sample: in another order its last bits would choose other weights
        self.error = self._error(np.array(self.sums, order="F"), slice(None))
        columns, moved = np.argsort(-self.power, kind="stable"), 0
        columns = columns[self.power[columns] > 0]
        for start in range(0, len(columns), BLOCK):
            block = columns[start:start + BLOCK]
            x = self.x[:, block]
            powers = x, np.abs(x), x**2
            hopeful = self._hopeful(block, powers, np.arange(len(self.q)))
            for i, k in enumerate(block):
                ways, rest = hopeful[:, :, i], slice(i + 1, None)
                if (channels := np.flatnonzero(ways.any(0))).size:
                    channels = channels[self._move(k, channels, ways[:, channels])]
                    moved += len(channels)
                    hopeful[:, channels, rest] = self._hopeful(
                        block[rest], tuple(p[:, rest] for p in powers), channels)
        return moved

    def _hopeful(self, columns: np.ndarray, powers: tuple[np.ndarray, ...], of: np.ndarray
                 ) -> np.ndarray:
        """(2, C', B): of some channels, whether a move of the weight up, or down, might lower the
        error, all others being as they are. powers: x, |x| and x**2 of what the columns' weights
        meet, (N, B).

        Where neither the sum nor the moved sum is clamped the error is a square, whose gain is two
        products of matrices; a sum beyond a bound that it cannot come back to gains nothing; and
        one that may cross a bound gains at most twice its error times the way.
        """
        if not of.size or not columns.size:
            return np.zeros((2, len(of), len(columns)), bool)
        x, size, square = powers
        step, sums, largest = self.step[of, None], self.sums[of], size.max()
        reach = step * largest
        off = np.clip(sums, self.low, self.high) - self.wanted[of]
        inside = ((sums >= self.low + reach) & (sums <= self.high - reach)).astype(np.float32)
        near = ((sums > self.low - reach) & (sums < self.high + reach)) - inside
        way = np.abs(off)
        slope = (off * inside) @ x
        most = 2 * ((way * near) @ size) - step * (inside @ square)
        most += SLACK * (2 * largest * way.sum(1) + self.error[of] / step[:, 0])[:, None]
        there = self.q[of[:, None], columns] * step - self.layer.weight[of[:, None], columns]
        price = self.price * step * step
        return np.stack([step * (most - 2 * d * slope) >= price + 2 * d * self.price * step * there
                         for d in WAYS])

    def _fits(self, k: int, d: int, channels: np.ndarray) -> np.ndarray | bool:
        """Whether the accumulator holds with weight k of these channels moved by d."""
        if self.layer.room is None:
            return True
        moved = self.q.copy()
        moved[:, k] += d
        return self.layer.room.holds(moved)[channels]

    def _move(self, k: int, channels: np.ndarray, ways: np.ndarray) -> np.ndarray:
        """Which of these channels moved their weight k. ways: (2, C'), which of its moves to try.
        """
        step, error, q = self.step[channels], self.error[channels], self.q[channels, k]
        real, push = self.layer.weight[channels, k], step[:, None] * self.x[:, k]
        move, best, kept = np.zeros_like(q), np.zeros(len(q)), error.copy()

        def price(q: np.ndarray) -> np.ndarray:
            return self.price * (q * step - real) ** 2

        for d, tried in zip(WAYS, ways, strict=True):
            at = np.flatnonzero(tried & (np.abs(q + d) <= self.limit))
            if not at.size:
                continue
            sums = self.sums[channels[at]]
            moved = self._error(sums + push[at] if d > 0 else sums - push[at], channels[at])
            gain = error[at] - moved + (price(q) - price(q + d))[at]
            better = gain > best[at]
            if better.any():
                better &= self._fits(k, d, channels[at])
            at = at[better]
            move[at], best[at], kept[at] = d, gain[better], moved[better]
        went = np.flatnonzero(move)
        moved_on = channels[went]
        self.error[moved_on] = kept[went]
        self.q[moved_on, k] += move[went]
        self.sums[moved_on] += move[went].astype(np.float32)[:, None] * push[went]
        return went
