"""`zip1989`: the zip-code network of 1989, the first convnet that read real mail."""

from collections import OrderedDict
from dataclasses import replace

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, Figure, model

PAPER = (
    "LeCun et al., Backpropagation Applied to Handwritten Zip Code Recognition, "
    "Neural Computation 1(4):541-551, 1989"
)

# Which of H1's twelve planes each group of four H2 planes sees, as ranges. The paper's scheme was
# never published; this one is that of karpathy/lecun1989-repro, and any choice of eight gives the
# paper's counts.
H1_SOURCES = (((0, 1),),)
H2_SOURCES = (((0, 8),), ((4, 12),), ((0, 4), (8, 12)))

# Chosen on held-out training images, never on a test split; the shifts matter most.
RECIPE = TrainConfig(epochs=60, batch_size=32, learning_rate=1e-2, weight_decay=0.05, shift=1)


@model(
    name="zip1989",
    title="the zip-code network: 16x16, two strided convolutions, two full layers, scaled tanh",
    source=PAPER,
    input_shape=(1, 16, 16),
    classes=DIGITS,
    normalization=Normalization(scale=2 / 255, offset=-1.0),
    dataset="digits",
    loss="mse",
    counts=Counts(weights=9_760, links=64_660, macs=63_660),
    published=(
        Figure("test_error_percent", 5.0, PAPER + ": 102 of 2,007", dataset="usps"),
    ),
    training={
        "digits": RECIPE,
        "usps": replace(RECIPE, epochs=40),
        "mnist": replace(RECIPE, epochs=8, batch_size=64),
    },
)
def build():
    """x (N, 1, 16, 16) in [-1, 1], background -1 -> y (N, 10), +1 for the class, -1 elsewhere."""
    from torch import nn

    from dsplet.train.layers import PlaneConv2d, ScaledTanh

    return nn.Sequential(
        OrderedDict(
            h1=PlaneConv2d(maps=12, kernel=5, size=8, sources=H1_SOURCES),  # (N, 12, 8, 8)
            f1=ScaledTanh(),
            h2=PlaneConv2d(maps=12, kernel=5, size=4, sources=H2_SOURCES),  # (N, 12, 4, 4)
            f2=ScaledTanh(),
            flat=nn.Flatten(),
            h3=nn.Linear(192, 30),
            f3=ScaledTanh(),
            out=nn.Linear(30, 10),
            f4=ScaledTanh(),
        )
    )
