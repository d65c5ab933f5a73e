"""`oscillator`: a driven, damped oscillator; a row is a step, and wanted is where it is after each.

    x'' + 2 DAMPING w x' + w^2 x = w^2 u(t),  w = 2 pi / PERIOD,  x(0) = x'(0) = 0

The drive u jumps to another level in [-1, 1) now and then and holds it in between, so that its
answer is known exactly from step to step.
"""

import numpy as np

from dsplet.data.registry import dataset
from dsplet.data.sequences import MIDDLE, drawn
from dsplet.data.splits import Splits

STEPS, PERIOD, DAMPING = 64, 16.0, 0.2
"""PERIOD in steps, of the undamped oscillator."""
JUMPS = 1 / 8
"""How likely the drive jumps at a step."""


def oscillations(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Drives as uint8 images (n, STEPS, 1), and the places float32 (n, STEPS) after each step."""
    jump = rng.random((n, STEPS)) < JUMPS
    jump[:, 0] = True
    level = rng.integers(0, 256, (n, STEPS))
    last = np.maximum.accumulate(np.where(jump, np.arange(STEPS), 0), 1)
    images = np.take_along_axis(level, last, 1)
    return images.astype(np.uint8)[:, :, None], places(images / MIDDLE - 1).astype(np.float32)


def places(u: np.ndarray) -> np.ndarray:
    """x (n, steps) at the end of each step in which the drive is u (n, steps).

    While u holds, x - u swings freely and dies away: the solution of the homogeneous equation.
    """
    w = 2 * np.pi / PERIOD
    decay, swing = DAMPING * w, w * np.sqrt(1 - DAMPING**2)
    c, s, e = np.cos(swing), np.sin(swing), np.exp(-decay)
    step = e * np.array([[c + decay / swing * s, s / swing],
                         [-w * w / swing * s, c - decay / swing * s]])
    state, found = np.zeros((2, len(u))), []
    for drive in u.T:
        state[0] -= drive
        state = step @ state
        state[0] += drive
        found.append(state[0].copy())
    return np.stack(found, 1)


@dataset("oscillator", title=f"{STEPS} steps of a drive: where a damped oscillator is after each",
         source="made here, seeded; after LeCun, NYU, spring 2021: recurrent networks for "
         "differential equations", image_shape=(STEPS, 1))
def load() -> Splits:
    """4,000 drives to train, 500 to calibrate, 2,560 to test."""
    return drawn("oscillator", 2021, oscillations, train=4_000)
