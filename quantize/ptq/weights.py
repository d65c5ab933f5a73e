"""Weights and biases as integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dsplet.quantize.fixed.arithmetic import round_half_up
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.ptq.algorithms import Distribution, Layer, choose_frac, run
from dsplet.quantize.ptq.shrink import Budget, Room, coarser

SHIFT_LIMIT = 24
"""No requantize shifts further; finer weights than this asks for change no output."""
FITS = 3
"""How often weights are fitted to the accumulator: correcting the bias may take of its room."""


class Quantizer:
    """Makes integers of one layer's weights and bias.

    layers: what the calibration samples say, one for each group of channels. recipe: a `Recipe`.
    x, y: formats of the layer's input and output. The bias is at the accumulator's step
    2**-(x.frac + frac).
    """

    def __init__(self, recipe, layers: Sequence[Layer], x: QFormat, y: QFormat, budget: Budget
                 ) -> None:
        self.recipe, self.layers, self.x, self.y, self.budget = recipe, layers, x, y, budget
        self.limit = (1 << (recipe.weight_bits - 1)) - 1
        self.weight = np.concatenate([a.weight for a in layers])
        self.importance = np.concatenate([
            np.broadcast_to(a.importance, a.weight.shape) for a in layers])

    def __call__(self, name: str, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Integers (C, K), their frac, (C,) or (1,), and integers of the bias (C, P).

        name: of the layer, for the budget's notes. bias: reals (C, P), P positions or 1.
        """
        largest = np.abs(bias).max(1)
        frac = self._shared(np.minimum(self._tried(self._fracs()), self._finest(largest)))
        q = self._rounded(frac)
        for _ in range(FITS):
            corrected = bias + self._correction(q, frac)
            largest = np.maximum(largest, np.abs(corrected).max(1))
            over = ~self._room(frac, largest).holds(q)
            if not over.any():
                break
            self.budget.note(name, over)
            frac, q = self._fitted(frac, largest)
        else:
            corrected = bias  # for which there is room
        integers = round_half_up(corrected * 2.0 ** (frac + self.x.frac)[:, None])
        return q, frac if self.recipe.per_channel else frac[:1], integers

    def _correction(self, q: np.ndarray, frac: np.ndarray) -> np.ndarray:
        if self.recipe.bias is None:
            return np.zeros((len(q), 1))
        real = q * 2.0 ** -frac[:, None].astype(np.float64)
        return self._each(lambda a, c: run(self.recipe.bias, a, real[c]))[:, None]

    def _each(self, function) -> np.ndarray:
        """function(layer, slice of its channels) for every group, put together."""
        found, start = [], 0
        for a in self.layers:
            found.append(function(a, slice(start, start + len(a.weight))))
            start += len(a.weight)
        return np.concatenate(found)

    def _rounded(self, frac: np.ndarray, room: Room | None = None) -> np.ndarray:
        step = 2.0 ** -frac.astype(np.float64)

        def one(layer: Layer, channels: slice) -> np.ndarray:
            if room:
                layer = replace(layer, room=Room(room.most[channels], self.x))
            return run(self.recipe.rounding, layer, step[channels], self.limit)

        return self._each(one)

    def _shared(self, frac: np.ndarray) -> np.ndarray:
        return frac if self.recipe.per_channel else np.full_like(frac, frac.min())

    # --- step ---------------------------------------------------------------------------------
    def _fracs(self) -> np.ndarray:
        """(C,): what the range algorithm says; a channel of zeros takes the others' finest."""
        w, e = self.weight, self.importance
        if not self.recipe.per_channel:
            w, e = w.reshape(1, -1), e.reshape(1, -1)
        chosen = [choose_frac(self.recipe.weights, Distribution.exact(row, each), -self.limit,
                             self.limit) if row.any() else None
                 for row, each in zip(w, e, strict=True)]
        silent = max((f for f in chosen if f is not None), default=self.recipe.weight_bits - 1)
        fracs = np.array([silent if f is None else f for f in chosen], np.int64)
        return np.broadcast_to(fracs, len(self.weight)).copy()

    def _tried(self, frac: np.ndarray) -> np.ndarray:
        """frac, or what the recipe's trial of its neighbours finds better."""
        if self.recipe.trial is None:
            return frac
        offsets = range(-self.recipe.trial.around, self.recipe.trial.around + 1)
        errors = np.stack([self._each(lambda a, c, d=d: run(
            self.recipe.trial, a, 2.0 ** -(frac[c] + d).astype(np.float64), self.limit))
            for d in offsets])
        if not self.recipe.per_channel:
            errors = np.broadcast_to(errors.sum(1, keepdims=True), errors.shape)
        return frac + np.array(offsets)[np.argmin(errors, 0)]

    def _finest(self, largest: np.ndarray) -> np.ndarray:
        """(C,): the finest frac that leaves the bias and the shift their room."""
        largest = largest if self.recipe.per_channel else np.full_like(largest, largest.max())
        shift = SHIFT_LIMIT + self.y.frac - self.x.frac
        room = self.budget.bits - 3 - np.frexp(largest)[1] - self.x.frac
        return np.where(largest > 0, np.minimum(room, shift), shift).astype(np.int64)

    # --- the accumulator --------------------------------------------------------------------------
    def _room(self, frac: np.ndarray, largest: np.ndarray) -> Room:
        frac = frac + self.x.frac
        return self.budget.room(np.ceil(largest * 2.0**frac) + 1, frac - self.y.frac, self.x)

    def _fitted(self, frac: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A frac and integers that fit."""
        frac = self._shared(frac - coarser(self.weight, self.importance, frac,
                                           lambda f: self._room(f, largest), self.limit))
        room = self._room(frac, largest)
        return frac, room.project(self._rounded(frac, room))
