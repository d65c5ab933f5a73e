"""The stages' layers, against plain loops over pixels."""

import numpy as np
import pytest
import torch

from dsplet.train import stages

X = torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))


def neighbourhood(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sum over planes, rows and columns of weights * x, zero beyond the edge: (N, H, W)."""
    n, planes, height, width = x.shape
    reach = weights.shape[-1] // 2
    y = np.zeros((n, height, width))
    for i, j in np.ndindex(height, width):
        for k, m in np.ndindex(weights.shape[1:]):
            row, column = i + k - reach, j + m - reach
            if 0 <= row < height and 0 <= column < width:
                y[:, i, j] += (x[:, :, row, column] * weights[:, k, m]).sum(1)
    return y


def test_normalizations_by_loops():
    x = X.double().numpy()
    for kind in (stages.Subtractive, stages.Divisive):
        module = kind(3).double()
        weights = module.window[0].numpy()
        assert weights.sum() == pytest.approx(1)
        v = x - neighbourhood(x, weights)[:, None]
        if kind is stages.Divisive:
            s = np.sqrt(neighbourhood(v * v, weights) + stages.TINY)
            v = v / (np.maximum(s, s.mean((1, 2), keepdims=True)) + stages.FLOOR)[:, None]
        np.testing.assert_allclose(module(X.double()).numpy(), v, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name, of_four", [
    ("max", np.max), ("average", np.mean),
    ("l2", lambda p: np.sqrt(np.mean(np.square(p)) + stages.TINY)),
    ("logsumexp", lambda p: np.log(np.sum(np.exp(4 * p))) / 4)])
def test_poolings_by_loops(name, of_four):
    y = stages.POOLINGS[name]()(X).numpy()
    assert y.shape == (2, 3, 3, 4)
    for i, j in np.ndindex(3, 4):
        for n, plane in np.ndindex(2, 3):
            four = X[n, plane, 2 * i:2 * i + 2, 2 * j:2 * j + 2].numpy()
            assert y[n, plane, i, j] == pytest.approx(of_four(four), rel=1e-5)


def test_shrinkage_and_abs():
    x = torch.tensor([-2.0, -0.5, -0.2, 0.0, 0.4, 1.5])
    assert stages.Shrinkage(0.5)(x).tolist() == [-1.5, 0, 0, 0, 0, 1.0]
    assert stages.Abs()(x).tolist() == pytest.approx([2.0, 0.5, 0.2, 0, 0.4, 1.5])
