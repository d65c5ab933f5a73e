"""Gabor filters and their energy."""

import numpy as np
import torch

from dsplet.train.gabor import ORIENTATIONS, SIZE, WAVELENGTH, Energy, Gabor, filters


def test_filters_are_even_and_odd_and_see_no_even_light():
    g = filters().double().numpy()[:, 0]
    even, odd = g[:ORIENTATIONS], g[ORIENTATIONS:]
    np.testing.assert_allclose(even, even[:, ::-1, ::-1], atol=1e-6)
    np.testing.assert_allclose(odd, -odd[:, ::-1, ::-1], atol=1e-6)
    np.testing.assert_allclose(g.sum((1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose((g**2).sum((1, 2)), 1, atol=1e-6)
    np.testing.assert_allclose(even[0].T, even[2], atol=1e-6)  # a quarter turn apart


def test_energy_of_a_grating_does_not_depend_on_its_phase():
    phase = torch.arange(16) / 16 * 2 * torch.pi
    stripes = torch.cos(2 * torch.pi * torch.arange(SIZE) / WAVELENGTH + phase[:, None])
    x = stripes[:, None, None].expand(-1, 1, SIZE, SIZE)
    simple = Gabor()(x)
    energy = Energy()(simple)[:, 0, 0, 0]
    assert simple[:, 0].min() < 0 < simple[:, 0].max()
    assert (energy.max() - energy.min()) / (energy.max() + energy.min()) < 0.01
    expected = simple[:, 0] ** 2 + simple[:, ORIENTATIONS] ** 2
    torch.testing.assert_close(energy, expected[:, 0, 0])
