"""`oscillator`: a recurrent net as a differential equation in Euler steps, which learns another."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.data.oscillator import STEPS
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import Counts, model

UNITS, STEP = 32, 0.5


@model(
    name="oscillator",
    title=f"driven damped oscillator: dz/dt = -z + tanh(W u + U z + b), {UNITS} units, Euler steps "
    f"of {STEP}",
    source="LeCun, NYU, spring 2021: recurrent networks for differential equations",
    input_shape=(1, STEPS, 1),
    classes=tuple(f"x{t}" for t in range(1, STEPS + 1)),
    normalization=Normalization(scale=1 / 128, offset=-1.0),
    dataset="oscillator",
    loss="numbers",
    tolerance=0.1,
    counts=Counts(weights=1_121, links=71_744, macs=69_632),
    published=(),
    training={"oscillator": TrainConfig(epochs=60, batch_size=32, learning_rate=5e-3,
                                        clip_norm=1.0)},
)
def build(step: float = STEP):
    """x (N, 1, 64, 1) in [-1, 1), the drive -> the place after each step (N, 64)."""
    from torch import nn

    from dsplet.train.recurrent import Leaky, Rows, States
    return nn.Sequential(OrderedDict(
        rows=Rows(), cell=Leaky(1, UNITS, step), states=States(), out=nn.Linear(UNITS, 1),
        flat=nn.Flatten()))
