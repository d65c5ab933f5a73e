"""The telephone listener's front end, held against NumPy's Fourier transform."""

import numpy as np
import torch

from dsplet.data.spoken import FRAME, RATE_HZ, decoded
from dsplet.train.speech import Listener, Spectrum


def test_energies_are_those_of_the_fourier_transform():
    """Triangles here by interpolation between their corners, equally far apart in mel."""
    x = np.random.default_rng(0).normal(0, 0.1, (3, FRAME))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    power = np.abs(np.fft.rfft(x * window / window.sum())) ** 2
    hz = np.fft.rfftfreq(FRAME, 1 / RATE_HZ)
    power = power * (hz / 1000) ** 2
    corners = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + np.array([200, 3500]) / 700)), 22)
                            / 2595) - 1)
    heard = (hz >= 200) & (hz <= 3500)
    bands = [np.interp(hz, corners[i:i + 3], [0, 1, 0], 0, 0) * heard for i in range(20)]
    wanted = np.log(power @ np.transpose(bands) + 2.0**-16)
    found = Spectrum(FRAME, 20, RATE_HZ)(torch.tensor(x, dtype=torch.float32))
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_half_as_loud_is_heard_alike():
    """The level of a mu-law code is one of the chip's uncertain facts (twice or once): all that
    changes is the same number in each band that is louder than the floor."""
    torch.manual_seed(0)
    spectrum = Spectrum(FRAME, 20, RATE_HZ, floor=0.0)
    loud, soft = (Listener(scale * decoded(), spectrum, 20, 8) for scale in (1, 0.5))
    codes = torch.randint(0, 256, (1, FRAME)).float()
    shift = loud._heard(codes) - soft._heard(codes)
    torch.testing.assert_close(shift, torch.full((1, 20), float(np.log(4)) / 4))
