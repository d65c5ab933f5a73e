"""Balance: scales channels between two layers for the least noise that rounding will make.

A channel that is small beside the others loses bits of its activation; scaled up it loses bits of
the weights behind it. With a and w the largest activation and weight of a channel, the rounding
noise in the sums of the second layer is about

    step_a(s)^2 sum_c |w_c|^2 / s_c^2  +  gain sum_r step_r(s)^2 sum_c s_c^2 E[a_c^2]

where step_a = max_c(s_c a_c) / levels and step_r = max_c(w_rc / s_c) / levels. Both maxima are
taken as p-norms, since the largest few values are clipped anyway. SmoothQuant (Xiao et al., arXiv
2211.10438) fixes s by a formula and an exponent; here the two widths decide.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta

from dsplet.quantize.ptq.algorithms.algorithm import Amount, Percent, algorithm

STRIDES = (2.0, 2.0**0.5, 2.0**0.25)
SWEEPS = 4


@dataclass(frozen=True)
class Balance:
    """norm: the p of the norms. gain: how much of the weights' noise is left after rounding them
    one for the other (GPTQ, AdaRound); 1 for nearest. percent: of an activation's values that
    count."""

    norm: Annotated[float, Meta(ge=1, le=1000)] = 8.0
    gain: Amount = 0.1
    percent: Percent = 99.9


@algorithm("equalization", Balance)
def balance(config: Balance, now) -> None:
    for link in now.links:
        largest, power = now.activations(link, config.percent)
        weights = now.weights(link)
        if largest.any() and weights.any():
            alive = largest > 0  # a channel that never fires keeps its scale
            largest = np.maximum(largest, 1e-3 * largest.max()) * alive
            noise = _Noise(config, now.recipe.at(link.first), largest, power * alive,
                           weights * alive[:, None])
            now.scale(link, noise.least())


class _Noise:
    """s: the factors so far, (C,). The sums over channels are kept as s changes."""

    def __init__(self, config: Balance, recipe, largest: np.ndarray, power: np.ndarray,
                 weights: np.ndarray) -> None:
        """weights: (R, C, taps). largest, power: (C,), of the activations."""
        p = self.p = config.norm
        self.s = np.ones(len(largest))
        self.terms = ((largest / largest.max()) ** p, (weights**2).sum((0, 2)),
                      (np.abs(weights).max(2) / np.abs(weights).max()) ** p,
                      power * weights.shape[2])
        self.powers = p, -2.0, -p, 2.0
        self.sums = [t.sum(-1) for t in self.terms]
        unit_a = largest.max() / (2.0**recipe.activation_bits - 1)
        unit_w = np.abs(weights).max() / (2.0 ** (recipe.weight_bits - 1) - 1)
        self.units = unit_a**2, config.gain * unit_w**2

    def total(self, a, square, w, power) -> float:
        return float(self.units[0] * a ** (2 / self.p) * square
                     + self.units[1] * (w ** (2 / self.p)).sum() * power)

    def least(self) -> np.ndarray:
        """One channel after the other, by ever smaller factors: the noise is convex in log s."""
        for stride in STRIDES:
            for _ in range(SWEEPS):
                if not sum(self._move(c, stride) for c in range(len(self.s))):
                    break
        return self.s

    def _move(self, c: int, stride: float) -> bool:
        least = self.total(*self.sums) * (1 - 1e-6)
        for new in (self.s[c] * stride, self.s[c] / stride):
            sums = [total + t[..., c] * (new**e - self.s[c]**e) for total, t, e in
                    zip(self.sums, self.terms, self.powers, strict=True)]
            if self.total(*(np.maximum(x, 0) for x in sums)) < least:
                self.s[c], self.sums = new, sums
                return True
        return False
