"""`keywords`: made-up spectrograms of 49 frames by 10 coefficients in 12 classes; no speech.

They stand in where the Speech Commands (Warden 2018) are not at hand, so that keyword nets of the
published geometry go the whole way; an accuracy on them says nothing of speech. The generator is
NumPy's `RandomState`, whose streams are promised to stay as they are.
"""

import numpy as np

from dsplet.data.registry import dataset
from dsplet.data.splits import Samples, Splits

SEED = 2017
CLASSES, FRAMES, COEFFICIENTS = 12, 49, 10
TRAIN, CALIBRATION, TEST = 1_200, 240, 600
SMOOTH, SHIFT, NOISE = 7, 4, 30.0
"""Frames that a template is averaged over, frames it may come early or late, and grey levels."""


@dataset(
    "keywords",
    title="49x10 made-up spectrograms, 12 classes: 1,200 train, 240 calibration, 600 test",
    source="made here, seeded; the size is that of Zhang et al., Hello Edge, 2017",
    image_shape=(FRAMES, COEFFICIENTS),
)
def load() -> Splits:
    """Each class is a smooth random template; samples are shifted in time and noisy."""
    random = np.random.RandomState(SEED)
    rough = random.uniform(0, 255, (CLASSES, FRAMES + 2 * SHIFT + SMOOTH - 1, COEFFICIENTS))
    templates = np.mean([rough[:, i:i + FRAMES + 2 * SHIFT] for i in range(SMOOTH)], 0)
    n = TRAIN + CALIBRATION + TEST
    labels = random.randint(0, CLASSES, n).astype(np.uint8)
    frames = random.randint(0, 2 * SHIFT + 1, n)[:, None] + np.arange(FRAMES)
    x = templates[labels[:, None], frames] + random.normal(0, NOISE, (n, FRAMES, COEFFICIENTS))
    images = np.clip(np.floor(x + 0.5), 0, 255).astype(np.uint8)
    everything = Samples(images, labels, np.arange(n))
    parts = np.split(np.arange(n), [TRAIN, TRAIN + CALIBRATION])
    return Splits("keywords", *(everything[part] for part in parts))
