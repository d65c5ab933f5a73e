"""GPTQ: weights are rounded one after the other, and those to come make up for the error made.

Frantar et al., arXiv 2210.17323, with the columns of the largest Hessian diagonal first, and in
blocks of columns, as there. It starts not from the float weights but from those that bring the
layer's outputs on quantized inputs closest to the float network's: the error of earlier layers is
made up for too.

What is factored depends on the inputs alone and serves every step that is tried. Of N samples and K
weights a channel it is the smaller of the K x K Hessian and the N x N matrix of the samples: where
there are fewer samples than weights, the Hessian is a multiple of the identity beside their
products, and what it says of a block is had from the samples (Woodbury's formula).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsplet.quantize.ptq.algorithms.algorithm import Layer, Share, algorithm
from dsplet.quantize.ptq.algorithms.algorithm import nearest as round_nearest

BLOCK = 128
"""Columns whose errors reach the columns behind the block together."""

Nearest = Callable[[np.ndarray], np.ndarray]
"""Reals (C,) to integers."""


@dataclass(frozen=True)
class Gptq:
    """damping: added to the Hessian's diagonal, as a share of its mean."""

    damping: Share = 0.01


@algorithm("rounding", Gptq)
def gptq(config: Gptq, layer: Layer, step: np.ndarray, limit: int) -> np.ndarray:
    damped = config.damping * layer.importance.mean() if len(layer.x) else 0.0
    if not damped:
        return round_nearest(layer.weight, step, limit)
    samples, columns = layer.x.shape
    kind = _OfSamples if samples < columns else _OfColumns
    factored = layer.once((kind, config.damping), lambda: kind(layer, damped))
    return factored.rounded(step, lambda w: round_nearest(w, step, limit))


def _order(layer: Layer) -> np.ndarray:
    return np.argsort(-layer.importance, kind="stable")


def _blocks(columns: int) -> list[slice]:
    return [slice(b, min(b + BLOCK, columns)) for b in range(0, columns, BLOCK)]


def _factor(hessian: np.ndarray) -> np.ndarray:
    """The upper Cholesky factor of the inverse, up to a scale."""
    return np.linalg.cholesky(np.linalg.inv(hessian)).T


def _block(weight: np.ndarray, factor: np.ndarray, step: np.ndarray, nearest: Nearest
           ) -> tuple[np.ndarray, np.ndarray]:
    """Integers of weight (C, B), which changes, and the errors by which later columns move."""
    q, errors = np.empty(weight.shape, np.int64), np.empty(weight.shape)
    for k in range(weight.shape[1]):
        q[:, k] = nearest(weight[:, k])
        errors[:, k] = (weight[:, k] - q[:, k] * step) / factor[k, k]
        weight[:, k:] -= np.outer(errors[:, k], factor[k, k:])
    return q, errors


class _OfColumns:
    """The Hessian itself, K x K."""

    def __init__(self, layer: Layer, damped: float) -> None:
        gram = layer.gram + damped * np.eye(len(layer.gram))
        cross = layer.x.T @ (layer.wanted - layer.bias) / len(layer.x)
        self.order = _order(layer)
        self.weight = np.linalg.solve(gram, cross + damped * layer.weight.T).T[:, self.order]
        self.factor = _factor(gram[np.ix_(self.order, self.order)])

    def rounded(self, step: np.ndarray, nearest: Nearest) -> np.ndarray:
        weight, q = self.weight.copy(), np.empty(self.weight.shape, np.int64)
        for b in _blocks(len(self.order)):
            q[:, self.order[b]], errors = _block(weight[:, b], self.factor[b, b], step, nearest)
            weight[:, b.stop:] -= errors @ self.factor[b, b.stop:]
        return q


class _OfSamples:
    """The samples' N x N matrix A = x xT + N damped I, of the columns from a block on.

    With P the inverse of A behind a block B of columns, the block's Hessian is a multiple of
    I + BT P B once the columns behind have made up for it as they can, and its best weights are
    the float ones plus BT P' r, P' being the inverse before the block and r (N, C) what the
    outputs lack.
    """

    def __init__(self, layer: Layer, damped: float) -> None:
        samples, columns = layer.x.shape
        self.layer, self.order = layer, _order(layer)
        self.lacking = layer.wanted - layer.sums(layer.weight)
        inverse = np.eye(samples) / (samples * damped)
        self.blocks: list[tuple[np.ndarray, ...]] = []
        for b in reversed(_blocks(columns)):
            x = layer.x[:, self.order[b]]
            behind = inverse @ x
            hessian = np.eye(x.shape[1]) + x.T @ behind
            pull = np.linalg.solve(hessian, behind.T)
            inverse = inverse - behind @ pull
            self.blocks.insert(0, (self.order[b], x, pull, _factor(hessian)))

    def rounded(self, step: np.ndarray, nearest: Nearest) -> np.ndarray:
        q, lacking = np.empty(self.layer.weight.shape, np.int64), self.lacking
        for columns, x, pull, factor in self.blocks:
            real = self.layer.weight[:, columns]
            q[:, columns], _ = _block(real + (pull @ lacking).T, factor, step, nearest)
            lacking = lacking - x @ (q[:, columns] * step[:, None] - real).T
        return q
