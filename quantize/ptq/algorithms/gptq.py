"""GPTQ: weights are rounded one after the other, and those to come make up for the error made.

Frantar et al., arXiv 2210.17323, with the columns of the largest Hessian diagonal first. It starts
not from the float weights but from those that bring the layer's outputs on quantized inputs closest
to the float network's: the error of earlier layers is made up for too.
"""

from dataclasses import dataclass

import numpy as np

from dsplet.quantize.ptq.algorithms.algorithm import Layer, Share, algorithm
from dsplet.quantize.ptq.algorithms.algorithm import nearest as round_nearest


@dataclass(frozen=True)
class Gptq:
    """damping: added to the Hessian's diagonal, as a share of its mean."""

    damping: Share = 0.01


@algorithm("rounding", Gptq)
def gptq(config: Gptq, layer: Layer, step: np.ndarray, limit: int) -> np.ndarray:
    damped = config.damping * np.diag(layer.gram).mean()
    if not damped:
        return round_nearest(layer.weight, step, limit)
    gram = layer.gram + damped * np.eye(len(layer.gram))
    cross = layer.x.T @ (layer.wanted - layer.bias) / len(layer.x)
    order = np.argsort(-np.diag(gram), kind="stable")
    weight = np.linalg.solve(gram, cross + damped * layer.weight.T).T[:, order]
    factor = np.linalg.cholesky(np.linalg.inv(gram[np.ix_(order, order)])).T
    q = np.empty(weight.shape, np.int64)
    for k, column in enumerate(order):
        q[:, column] = round_nearest(weight[:, k], step, limit)
        error = (weight[:, k] - q[:, column] * step) / factor[k, k]
        weight[:, k:] -= np.outer(error, factor[k, k:])
    return q
