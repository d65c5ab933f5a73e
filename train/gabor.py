"""Simple and complex cells: Gabor filters in quadrature, and their energy.

g(x, y) = exp(-(u**2 + (v / 2)**2) / (2 s**2)) * cos or sin(2 pi u / wavelength), u across the
stripes and v along them, s = 0.56 wavelengths: one octave wide, twice as long as wide (Adelson and
Bergen 1985; the usual aspect of 0.5).
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

ORIENTATIONS, SIZE, WAVELENGTH = 4, 7, 3.5
"""The wavelength, in pixels, is one whose pair answers alike within 1 % at any phase; the
window of 7x7 cuts longer ones off."""
DEVIATION, ASPECT = 0.56 * WAVELENGTH, 0.5


def filters() -> torch.Tensor:
    """(8, 1, 7, 7): the even filters of four orientations, then the odd ones; each has mean 0 and
    norm 1, so that even light moves no cell."""
    at = torch.arange(SIZE) - SIZE // 2
    y, x = torch.meshgrid(at, at, indexing="ij")
    waves = {"even": torch.cos, "odd": torch.sin}
    found = []
    for wave in waves.values():
        for i in range(ORIENTATIONS):
            angle = math.pi * i / ORIENTATIONS
            u = x * math.cos(angle) + y * math.sin(angle)
            v = y * math.cos(angle) - x * math.sin(angle)
            g = torch.exp(-(u**2 + (ASPECT * v) ** 2) / (2 * DEVIATION**2))
            g = g * wave(2 * math.pi * u / WAVELENGTH)
            g = g - g.mean()
            found.append(g / g.norm())
    return torch.stack(found)[:, None]


class Gabor(nn.Module):
    """(N, 1, H, W) -> (N, 8, H - 6, W - 6); nothing is learnt."""

    filters: torch.Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("filters", filters())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.filters)


class Energy(nn.Module):
    """(N, 8, H, W) -> (N, 4, H, W): even squared plus odd squared, whatever the phase."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        square = x * x
        return square[:, :ORIENTATIONS] + square[:, ORIENTATIONS:]
