"""`motifs`: noisy sequences of 128 samples with one of three motifs somewhere in them, or none.

Made here, after the task of LeCun's lectures: a motif is to be detected anywhere on an input. The
generator is NumPy's `RandomState`, whose streams are promised to stay as they are.
"""

import numpy as np

from dsplet.data.registry import dataset
from dsplet.data.splits import Samples, Splits

SEED = 1990
LENGTH, MOTIF = 128, 25
TRAIN, CALIBRATION, TEST = 4_000, 400, 1_000
NOISE = 12.0
"""Standard deviation, in grey levels; motifs swing by 60 around the middle of the range."""


def shapes() -> np.ndarray:
    """Nothing, a chirp, a burst and a step down and up again: float (4, MOTIF), within -60..60."""
    t = np.linspace(-1, 1, MOTIF)
    return 60 * np.stack([
        np.zeros(MOTIF),
        np.sin(3 * np.pi * (t + 1) ** 1.5),
        np.exp(-((t / 0.4) ** 2)) * np.cos(6 * np.pi * t),
        np.sign(np.sin(2 * np.pi * t)) * (1 - t**2),
    ])


@dataset(
    "motifs",
    title="1x128 noise with one of 3 motifs anywhere, or none: 4,000 train, 400 calibration, "
    "1,000 test",
    source="made here, seeded; after LeCun, NYU lectures of 2021, shared weights for motif "
    "detection",
    image_shape=(1, LENGTH),
)
def load() -> Splits:
    """Label 0 is noise alone, the others name the motif."""
    random = np.random.RandomState(SEED)
    n = TRAIN + CALIBRATION + TEST
    labels = random.randint(0, 4, n).astype(np.uint8)
    start = random.randint(0, LENGTH - MOTIF + 1, n)
    gain = random.uniform(0.8, 1.2, n)
    x = 127.5 + random.normal(0, NOISE, (n, LENGTH))
    place = start[:, None] + np.arange(MOTIF)
    x[np.arange(n)[:, None], place] += gain[:, None] * shapes()[labels]
    images = np.clip(np.floor(x + 0.5), 0, 255).astype(np.uint8)[:, None]
    everything = Samples(images, labels, np.arange(n))
    parts = np.split(np.arange(n), [TRAIN, TRAIN + CALIBRATION])
    return Splits("motifs", *(everything[part] for part in parts))
