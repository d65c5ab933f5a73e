"""`lenet1`: the network of NIPS 2, four maps, trainable sub-sampling, and 2,578 weights."""

from collections import OrderedDict
from dataclasses import replace

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, Figure, model

PAPER = (
    "LeCun et al., Handwritten Digit Recognition with a Back-Propagation Network, "
    "NIPS 2:396-404, 1990"
)
H3_TABLE = ((0,), (1,), (2,), (3,), *4 * ((0, 1),), *4 * ((2, 3),))
"""Which maps of H2 each map of H3 sees: 20 of 48, two almost independent halves. Maps that see the
same come together, which is the same network."""

RECIPE = TrainConfig(epochs=60, batch_size=32, learning_rate=1e-2)


@model(
    name="lenet1",
    title="LeNet-1: 28x28, two convolutions of 5x5, two trainable sub-samplings, scaled tanh",
    source=PAPER,
    input_shape=(1, 28, 28),
    classes=DIGITS,
    normalization=Normalization(scale=2 / 255, offset=-1.0),
    dataset="mnist",
    loss="mse",
    counts=Counts(weights=2_578, links=98_442, macs=94_592),
    published=(
        Figure(
            "test_error_percent",
            4.6,
            PAPER + ": 92 of 2,007 handwritten zip-code digits; printed digits were learnt too",
            dataset="usps",
        ),
        Figure(
            "test_error_percent",
            1.7,
            "LeCun, Bottou, Bengio and Haffner, Proc. IEEE 86(11):2278-2324, 1998, fig. 9",
            dataset="mnist",
        ),
    ),
    training={
        "mnist": replace(RECIPE, epochs=16, batch_size=64),
        "usps": replace(RECIPE, shift=1),
        "digits": replace(RECIPE, shift=1),
    },
)
def build():
    """x (N, 1, 28, 28) in [-1, 1], background -1 -> y (N, 10), +1 for the class, -1 elsewhere."""
    from torch import nn

    from dsplet.train.layers import PartialConv2d, ScaledTanh, Subsampling2d

    return nn.Sequential(
        OrderedDict(
            h1=nn.Conv2d(1, 4, 5),  # (N, 4, 24, 24)
            f1=ScaledTanh(),
            h2=Subsampling2d(4),  # (N, 4, 12, 12)
            f2=ScaledTanh(),
            h3=PartialConv2d(H3_TABLE, 5),  # (N, 12, 8, 8)
            f3=ScaledTanh(),
            h4=Subsampling2d(12),  # (N, 12, 4, 4)
            f4=ScaledTanh(),
            flat=nn.Flatten(),
            out=nn.Linear(192, 10),
            f5=ScaledTanh(),
        )
    )
