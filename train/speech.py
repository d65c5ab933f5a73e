"""A listener: telephone samples in, what was said out, a frame a step."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Spectrum(nn.Module):
    """Logarithms of the energies in mel bands of frames of levels, (..., samples) -> (..., bands).

    A frame is multiplied by Hann's window and by cosines and sines (the bins of its discrete
    Fourier transform from 200 Hz to 3.5 kHz), squared and summed in overlapping triangles as wide
    as the ear's bands (Stevens, Volkmann and Newman, JASA 8:185-190, 1937; the formula is
    O'Shaughnessy's). Waves count by their frequency in kHz: speech is softer the higher, and 16
    bits have to hold all of it. Nothing of it is learnt. floor: added to an energy, of which 1/4 is
    a wave of full scale and 1 kHz; about what 16 bits tell from nothing.
    """

    bins: torch.Tensor
    triangles: torch.Tensor

    def __init__(self, samples: int, bands: int, rate_hz: float, floor: float = 2.0**-16) -> None:
        super().__init__()
        first, last = (round(f * samples / rate_hz) for f in (200, 3_500))
        window = np.hanning(samples + 1)[:-1]
        window /= window.sum()
        turns = 2 * np.pi * np.outer(np.arange(first, last + 1), np.arange(samples) / samples)
        hz = np.arange(first, last + 1) * rate_hz / samples
        loud = np.tile(hz / 1000, 2)[:, None]
        waves = loud * np.concatenate([np.cos(turns), np.sin(turns)]) * window
        edges = _hz(np.linspace(_mel(hz[0]), _mel(hz[-1]), bands + 2))
        rise = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
        fall = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
        triangles = np.maximum(np.minimum(rise, fall), 0)
        self.register_buffer("bins", torch.tensor(waves, dtype=torch.float32), persistent=False)
        self.register_buffer("triangles", torch.tensor(np.tile(triangles, 2), dtype=torch.float32),
                             persistent=False)
        self.floor = floor

    def forward(self, levels: torch.Tensor) -> torch.Tensor:
        waves = F.linear(levels, self.bins)
        return torch.log(F.linear(waves * waves, self.triangles) + self.floor)


def _mel(hz: float) -> float:
    return 2595 * np.log10(1 + hz / 700)


def _hz(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)


class Listener(nn.Module):
    """Codes as floats (N, 1, T, samples), a frame a row, to the last state (N, units) of gated
    recurrent units that hear each frame's spectrum. levels: what each code stands for."""

    levels: torch.Tensor

    def __init__(self, levels: np.ndarray, spectrum: Spectrum, bands: int, units: int) -> None:
        super().__init__()
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float32)[:, None],
                             persistent=False)
        self.spectrum, self.cell = spectrum, nn.GRUCell(bands, units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frames, h = x.squeeze(1), x.new_zeros(x.shape[0], self.cell.hidden_size)
        if torch.compiler.is_exporting():
            from torch._higher_order_ops.scan import scan
            return scan(self._next, h, frames.transpose(0, 1))[0]
        heard = self._heard(frames)
        for t in range(frames.shape[1]):
            h = self.cell(heard[:, t], h)
        return h

    def _heard(self, codes: torch.Tensor) -> torch.Tensor:
        """(..., samples) -> (..., bands), about from -1 to 1."""
        known = codes.clamp(0, len(self.levels) - 1).long()
        return self.spectrum(F.embedding(known, self.levels).squeeze(-1)) / 4 + 2

    def _next(self, h: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        after = self.cell(self._heard(codes), h)
        return after, after.clone()
